"""The proxy with a real database: teams, keys and chains come over HTTP and survive a restart."""
