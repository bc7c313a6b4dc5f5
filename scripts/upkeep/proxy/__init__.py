"""Start the real proxy of a release, stock and patched, and run its tests."""
