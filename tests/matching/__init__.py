"""The optional patch: its matcher finds what stock's finds; runs inside a release that has both patches."""
