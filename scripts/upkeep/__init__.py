"""What keeps the patches alive: nothing of it ships."""
