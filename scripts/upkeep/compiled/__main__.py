"""Build a release's extension by hand: ``python -m upkeep.compiled 1.110.2 --stock`` says where it is."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from upkeep.compiled.errors import BuildError
from upkeep.compiled.releases import find_compiled
from upkeep.compiled.workspace import build

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Build one extension.

    Args:
        arguments: see ``--help``.

    Returns:
        0, or 2 if it cannot be built.
    """
    parser = argparse.ArgumentParser(prog="upkeep.compiled", description=__doc__)
    parser.add_argument("release", help="one release")
    parser.add_argument("--stock", action="store_true", help="from the stock sources, not from the patched ones")
    options = parser.parse_args(arguments)
    try:
        built = build(find_compiled(Version(options.release)), patched=not options.stock)
    except (BuildError, InvalidVersion) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    size = built.path.stat().st_size / 1e6
    sys.stdout.write(f"{built.path}: {size:.1f} MB, {f'built in {built.seconds:.0f} s' if built.seconds else 'kept'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
