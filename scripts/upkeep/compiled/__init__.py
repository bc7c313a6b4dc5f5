"""Releases whose Router is compiled: their extension, built from the stock or the patched sources and kept."""
