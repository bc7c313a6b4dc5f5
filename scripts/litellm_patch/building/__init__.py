"""The compiled Router's extension, built from a release's patched sources."""
