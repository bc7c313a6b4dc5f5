"""A room for each room of scripts, and `names`, which runs inside each release."""
