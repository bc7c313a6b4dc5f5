"""What the documents say is so: pictures, examples, links, and each command."""
