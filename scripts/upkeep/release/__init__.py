"""Build what is released: twice, compared, tried as installed, with checksums, parts and notes."""
