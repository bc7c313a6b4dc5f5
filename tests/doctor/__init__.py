"""The doctor: what it says of configurations, requests, logs and running proxies; needs no litellm."""
