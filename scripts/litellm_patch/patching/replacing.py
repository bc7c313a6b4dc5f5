"""Replace files, all or none, without ever writing into one: they may be hard links to a package cache."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from litellm_patch.errors import RollbackError, SystemFailureError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

_NEW, _OLD = (f".litellm-patch.{kind}" for kind in ("new", "old"))


def replace_files(changes: Mapping[Path, bytes | None]) -> None:
    """Replace, make or remove files, all or none, in the given order.

    Mode and, where allowed, owner of each file are kept; a new file takes its folder's. Bytecode of the modules is
    removed. A killed process leaves each file as before or as wanted, and leftovers for `sweep`.

    Args:
        changes: The new content of each file, None to remove it.

    Raises:
        SystemFailureError: Something failed; all files are as before.
        RollbackError: Something failed, and putting a file back failed too.
    """
    touched: list[Path] = []
    there = {path for path in changes if path.is_symlink() or path.exists()}
    try:
        for path, data in changes.items():
            _prepare(path, data, is_there=path in there)
        # before, so that a crash leaves no old code to run; after, in case a process compiled in between
        remove_bytecode(changes)
        for path, data in changes.items():
            touched.append(path)
            if data is None:
                path.unlink(missing_ok=True)
            else:
                _beside(path, _NEW).replace(path)
        for folder in {path.parent for path in changes}:
            _sync_folder(folder)
        remove_bytecode(changes)
    except BaseException as error:
        _put_back(touched, there, error)
        if isinstance(error, OSError):
            raise SystemFailureError(
                f"cannot write {error.filename or 'a file'}: {error.strerror or error}, and nothing was changed",
                "see that the folder is writable and has space, then run it again",
            ) from error
        raise
    finally:
        for left in (_beside(path, kind) for path in changes for kind in (_NEW, _OLD)):
            with contextlib.suppress(OSError):  # the next run sweeps it up
                left.unlink(missing_ok=True)


def sweep(folders: Iterable[Path]) -> bool:
    """Remove what a killed process left behind; only for whoever holds the target's lock.

    Args:
        folders: The folders that a patch touches.

    Raises:
        OSError: Something cannot be removed.
    """
    left = [path for folder in folders for kind in (_NEW, _OLD) for path in folder.glob(f".*{kind}")]
    for path in left:
        path.unlink(missing_ok=True)
    return bool(left)


def remove_bytecode(paths: Iterable[Path]) -> None:
    """Remove cached bytecode of modules: one with the same size and time, or unchecked, would still run.

    Args:
        paths: Files; those that are no modules are passed over.

    Raises:
        OSError: Something cannot be removed.
    """
    for path in paths:
        if path.suffix == ".py":
            for folder in _caches(path.parent):
                for cached in folder.glob(f"{glob.escape(path.stem)}.*.pyc"):
                    cached.unlink(missing_ok=True)


def _caches(folder: Path) -> Iterator[Path]:
    """Give the folders where Python keeps bytecode of a folder's modules."""
    yield folder / "__pycache__"
    if sys.pycache_prefix:  # PYTHONPYCACHEPREFIX, if this process has it as the patched one will
        yield Path(sys.pycache_prefix, *folder.parts[1:])


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(f".{path.name}{kind}")


def _prepare(path: Path, data: bytes | None, *, is_there: bool) -> None:
    """Put the new content beside a file, and a second name for the old one."""
    if data is not None:
        _write_like(path if is_there else path.parent, _beside(path, _NEW), data)
    if is_there:
        _keep(path, _beside(path, _OLD))


def _write_like(model: Path, new: Path, data: bytes) -> None:
    """Write a new file to disk with the mode and, where allowed, the owner of another, or of its folder."""
    like = model.stat()
    with new.open("xb") as stream:
        stream.write(data)
        if hasattr(os, "chown"):
            with contextlib.suppress(PermissionError):
                os.chown(new, like.st_uid, like.st_gid)
        new.chmod(stat.S_IMODE(like.st_mode) & (0o666 if stat.S_ISDIR(like.st_mode) else 0o7777))
        stream.flush()
        os.fsync(stream.fileno())


def _keep(path: Path, old: Path) -> None:
    """Keep the very file under a second name, or a copy where the file system has no hard links."""
    try:
        os.link(path, old, follow_symlinks=False)
    except (OSError, NotImplementedError):
        shutil.copy2(path, old, follow_symlinks=False)


def _put_back(touched: Iterable[Path], there: Container[Path], cause: BaseException) -> None:
    failed = [str(path) for path in touched if not _was_put_back(path, was_there=path in there)]
    if failed:
        raise RollbackError(
            f"a write failed ({cause}), and these files could not be put back: {', '.join(failed)}",
            "run status, then apply or revert again",
        ) from cause


def _was_put_back(path: Path, *, was_there: bool) -> bool:
    try:
        if was_there:
            _beside(path, _OLD).replace(path)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    """Make renames in a folder last; Windows cannot open a folder, and needs no such thing."""
    if os.name != "nt":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
