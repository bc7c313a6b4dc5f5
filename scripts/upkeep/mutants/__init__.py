"""Wrong patches, which the tests must notice."""
