"""Measured, never asserted: what a request costs on stock and on both patches, and what the tool's own runs take."""
