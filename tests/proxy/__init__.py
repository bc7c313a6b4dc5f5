"""The real proxy process of a release, stock beside patched: real clients in front, a real HTTP provider behind."""
