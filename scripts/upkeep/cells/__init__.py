"""Run the behaviour tests inside real releases of litellm: fresh environments, checked before they are trusted."""
