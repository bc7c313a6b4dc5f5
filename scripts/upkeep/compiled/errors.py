"""What can stop a build."""


class BuildError(Exception):
    """An extension cannot be built: what was found and what to do, in one line. Nothing half-written is left."""


class NoCargoError(BuildError):
    """There is no Rust on this machine."""
