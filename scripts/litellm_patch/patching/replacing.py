"""Replace files, all or none, without ever writing into one: they may be hard links to a package cache."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import shutil
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from litellm_patch.errors import RollbackError, SystemFailureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_OF_CONTENT = {"security.ima", "security.evm"}  # hashes, which the kernel makes anew
_NEW, _OLD = (f".litellm-patch.{kind}" for kind in ("new", "old"))


def replace_files(changes: Mapping[Path, bytes | None]) -> None:
    """Replace, make or remove files, all or none, in the given order.

    Mode, owner and, on Linux, access lists and all other extended attributes of each file are kept; a new file takes
    its folder's mode and owner. Bytecode of the modules is removed. A killed process leaves each file as before or as
    wanted, and leftovers for `sweep`.

    Args:
        changes: The new content of each file, None to remove it.

    Raises:
        SystemFailureError: Something failed; all files are as before.
        RollbackError: Something failed, and putting a file back failed too.
    """
    before = {path: path.lstat() for path in changes if path.is_symlink() or path.exists()}
    try:
        for path, data in changes.items():
            _prepare(path, data, is_there=path in before)
        # before, so that a crash leaves no old code to run; after, in case a process compiled in between
        remove_bytecode(changes)
        for path, data in changes.items():
            if data is None:
                path.unlink(missing_ok=True)
            else:
                _beside(path, _NEW).replace(path)
        for folder in {path.parent for path in changes}:
            _sync_folder(folder)
        remove_bytecode(changes)
    except BaseException as error:
        _put_back(changes, before, error)
        if isinstance(error, OSError):
            raise SystemFailureError(
                f"cannot write {error.filename2 or error.filename or 'a file'}: {error.strerror or error}, "
                "and nothing was changed",
                "see that the folder is writable and has space, then run it again",
            ) from error
        raise
    finally:
        for left in (_beside(path, kind) for path in changes for kind in (_NEW, _OLD)):
            with contextlib.suppress(OSError):  # the next run sweeps it up
                left.unlink(missing_ok=True)


def sweep(folders: Iterable[Path]) -> bool:
    """Remove what a killed process left behind; only for whoever holds the target's lock.

    Raises:
        OSError: Something cannot be removed.
    """
    left = [path for folder in folders for kind in (_NEW, _OLD) for path in folder.glob(f".*{kind}")]
    for path in left:
        path.unlink(missing_ok=True)
    return bool(left)


def remove_bytecode(paths: Iterable[Path]) -> None:
    """Remove cached bytecode of modules: one with the same size and time, or unchecked, would still run.

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
    """Write a new file to disk with what another has beside its content, or with mode and owner of its folder."""
    with new.open("xb") as stream:
        stream.write(data)
        _make_like(model, new)
        stream.flush()
        os.fsync(stream.fileno())


def _make_like(model: Path, new: Path) -> None:
    """Give a file the mode, the owner and the extended attributes of another: who may read the one may read the other.

    Raises:
        OSError: The file would have another owner, access list or label.
    """
    try:
        _copy_access(model, new)
    except OSError as error:
        words = f"its owner, mode, access list and attributes cannot all be kept ({error.strerror})"
        raise OSError(error.errno, words, str(model)) from error


def _copy_access(model: Path, new: Path) -> None:
    like, now = model.stat(), new.stat()
    is_folder = stat.S_ISDIR(like.st_mode)
    if hasattr(os, "chown") and (like.st_uid, like.st_gid) != (now.st_uid, now.st_gid):
        with contextlib.suppress(*([PermissionError] if is_folder else [])):
            os.chown(new, like.st_uid, like.st_gid)
    if sys.platform == "linux" and not is_folder:
        wanted, found = _attributes(model), _attributes(new)
        for name in found.keys() - wanted.keys():  # from the folder's default access list
            os.removexattr(new, name)
        for name, value in wanted.items():
            if found.get(name) != value:
                os.setxattr(new, name, value)
    new.chmod(stat.S_IMODE(like.st_mode) & (0o666 if is_folder else 0o7777))


if sys.platform == "linux":

    def _attributes(path: Path) -> dict[str, bytes]:
        """Give the extended attributes of a file that are not of its content; none where the file system has none."""
        try:
            names = os.listxattr(path)
        except OSError as error:
            if error.errno != errno.ENOTSUP:
                raise
            return {}
        return {name: os.getxattr(path, name) for name in names if name not in _OF_CONTENT}


def _keep(path: Path, old: Path) -> None:
    """Keep the very file under a second name, or a copy where it can have none."""
    try:
        os.link(path, old, follow_symlinks=False)
    except (OSError, NotImplementedError):
        shutil.copy2(path, old, follow_symlinks=False)
        if not path.is_symlink():
            _make_like(path, old)


def _put_back(paths: Iterable[Path], before: Mapping[Path, os.stat_result], cause: BaseException) -> None:
    failed = [str(path) for path in paths if not _was_put_back(path, before.get(path))]
    if failed:
        raise RollbackError(
            f"a write failed ({cause}), and these files could not be put back: {', '.join(failed)}",
            "run status, then apply or revert again",
        ) from cause


def _was_put_back(path: Path, before: os.stat_result | None) -> bool:
    try:
        if before is None:
            path.unlink(missing_ok=True)
        elif not os.path.lexists(path) or not os.path.samestat(path.lstat(), before):
            _beside(path, _OLD).replace(path)
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
