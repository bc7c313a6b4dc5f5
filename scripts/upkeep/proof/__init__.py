"""What a change does to a source file, in the language of that file."""
