"""What a release refuses."""
