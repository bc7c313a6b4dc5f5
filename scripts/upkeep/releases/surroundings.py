"""What the commands need of the world, and the stock files that they work on."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import Progress

from litellm_patch.errors import WheelError
from litellm_patch.output import say
from litellm_patch.patching.files import sha256
from litellm_patch.wheels.stock import NOTE, default_cache, read_sdist, read_wheel
from upkeep.releases.offers import OfferIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from packaging.version import Version

    from litellm_patch.wheels.stock import Stock

_FETCHERS = 2

patches_option = click.option(
    "--patches",
    type=click.Path(path_type=Path),
    envvar="LITELLM_PATCH_DIR",
    show_envvar=True,
    metavar="FOLDER",
    help="Work on this folder instead of the clone's own.",
)
cache_option = click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Keep stock files here; .cache/stock beside the patches folder unless given.",
)


@dataclass(frozen=True)
class Surroundings:
    """What the verbs need of the world.

    Attributes:
        index: Where releases come from.
        cache: The folder for stock files.
        now: The time, for the cooldown.
        tell: Takes one line for the maintainer.
        step: Takes what is going on, how much of it is done, and how much there is.
    """

    index: OfferIndex
    cache: Path
    now: datetime
    tell: Callable[[str], None]
    step: Callable[[str, int, int], None]


@contextlib.contextmanager
def surroundings(folder: Path, cache: Path | None, index_url: str | None) -> Iterator[Surroundings]:
    """Give a command its world, with a progress bar if someone is there to look.

    Args:
        folder: The patches folder.
        cache: The folder for stock files; one beside the patches folder if None.
        index_url: The index; PyPI if None.

    Yields:
        The real index, the real time, and a terminal.
    """
    around = Surroundings(
        index=OfferIndex(index_url),
        cache=cache or default_cache(folder),
        now=datetime.now(timezone.utc),
        tell=lambda line: say(line, stderr=True),
        step=lambda *_: None,
    )
    console = Console(stderr=True)
    if not console.is_terminal:
        yield around
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("reading the index", total=None)

        def step(what: str, done: int, total: int) -> None:
            progress.update(task, description=what, completed=done, total=total)

        yield replace(around, step=step)


def fetch_stock(stock: Stock, wanted: Mapping[Version, Mapping[str, str]], around: Surroundings) -> None:
    """Fetch what the cache of stock files lacks.

    Args:
        stock: The cache.
        wanted: For each release, the sha256 of the archives to take them from: its wheels, or its source archive.
        around: The index, and who is told how far it is.

    Raises:
        WheelError: The index fails, has no such archive, or another one.
        OSError: The cache cannot be written.
    """
    missing = [version for version, archives in wanted.items() if stock.read(version, archives) is None]
    chosen = {version: _choose(version, wanted[version], around.index) for version in missing}
    with ThreadPoolExecutor(_FETCHERS) as pool:
        try:
            futures = [pool.submit(fill, stock, version, name, around.index) for version, name in chosen.items()]
            for done, future in enumerate(as_completed(futures)):
                around.step("fetching archives", done, len(missing))
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _choose(version: Version, archives: Mapping[str, str], index: OfferIndex) -> str:
    offer = index.offers.get(version)
    is_source = not any(name.endswith(".whl") for name in archives)
    offered = (offer.sdist if is_source else offer.wheels) if offer else {}
    if not offer or not offered:
        what = "source archive" if is_source else "wheel"
        raise WheelError(f"the index has no {what} of litellm {version}", "run releases update, or deny the release")
    name = next(iter(offered)) if is_source else offer.best
    if offered[name] != archives.get(name):
        raise WheelError(
            f"the index says that {name} has sha256 {offered[name]}, "
            f"the ledger {archives.get(name, 'does not list it')}",
            "find out why, before anything else",
        )
    return name


def fill(stock: Stock, version: Version, name: str, index: OfferIndex) -> None:
    """Fetch a wheel or source archive, keep the wanted files and drop the rest.

    Raises:
        WheelError: It could not be fetched whole, has another hash, or is no such archive.
        OSError: The cache cannot be written.
    """
    stock.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=stock.folder) as scratch:
        archive, place = Path(scratch, "archive"), Path(scratch, str(version))
        place.mkdir()
        index.download(version, name, archive)
        hashes: dict[str, str | None] = dict.fromkeys(sorted(stock.paths))
        read = read_wheel if name.endswith(".whl") else read_sdist
        for path, data in read(archive, name, stock.paths).items():
            hashes[path] = sha256(data)
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(data)
        offer = index.offers[version]
        note = {"wheel": name, "sha256": {**offer.wheels, **offer.sdist}[name], "files": hashes}
        (place / NOTE).write_text(json.dumps(note, indent=1) + "\n")
        final = stock.folder / str(version)
        shutil.rmtree(final, ignore_errors=True)
        place.rename(final)
