"""How the releases of LiteLLM route names and find chains, in plain data."""
