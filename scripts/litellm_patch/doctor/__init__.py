"""See which fallback chains of a proxy fire, and which never do: before a provider fails."""
