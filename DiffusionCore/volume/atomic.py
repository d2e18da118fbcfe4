"""Output that appears whole or not at all: written beside its place under a temporary name, flushed, then renamed.

A temporary is called `.<name>.<host>.<pid>.diffusioncore.tmp`. The host is in the name because a folder may be shared
between machines: a process number says who is dead only on the machine that gave it.
"""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import os
import platform
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from ..errors import OutputError
from .formats import is_folder
from .processes import is_alive

TEMPORARY_SUFFIX = ".diffusioncore.tmp"
REPLACED_SUFFIX = ".diffusioncore.old"
_PATTERN = re.compile(r"^\.(?P<name>.+)\.(?P<host>[A-Za-z0-9-]+)\.(?P<pid>\d+)(?P<suffix>\.diffusioncore\.(tmp|old))$")
NO_SPACE = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}
# Writing one scan takes seconds, so that whatever nobody touched for a day is left over, wherever it came from.
_ABANDONED_SECONDS = 24 * 3600.0


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str], overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; it becomes `path` when the block ends without an exception.

    Raises `OutputError` if `path` exists and `overwrite` is False, if its folder is missing or may not be written to,
    or if the disk is full; then, as after any exception or Ctrl-C in the block, nothing is left behind.
    """
    path = Path(path).absolute()
    check_place(path, overwrite)
    remove_stale(path.parent)
    temporary = temporary_beside(path)
    try:
        yield temporary
        flush_file(temporary)
        put_file(temporary, path, overwrite)
        flush_folder(path.parent)
    except OSError as error:
        raise as_output_error(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike[str], overwrite: bool = False, holds: str = "*.dcm") -> Iterator[Path]:
    """Give a new empty folder beside `path` to fill; it becomes `path` when the block ends without an exception.

    An empty folder at `path` is taken over, that which a link leads to as well. With `overwrite`, a folder of nothing
    but files named as `holds` says is replaced as a whole; one that holds anything else is refused, for it is not a
    former result. Raises `OutputError` as `atomic_file` does.
    """
    path = Path(path).resolve()
    remove_stale(path.parent)  # first, as it may put a folder back that was being replaced
    check_folder_place(path, overwrite, holds)
    temporary = temporary_beside(path)
    try:
        temporary.mkdir()
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                flush_file(file)
        flush_folder(temporary)
        _rename_folder(temporary, path)
        flush_folder(path.parent)
    except OSError as error:
        raise as_output_error(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_stale(folder: str | os.PathLike[str]) -> list[str]:
    """Remove the temporaries in `folder` that a killed process left behind; gives their names.

    Stale is what a dead process of this host wrote, or what nobody touched for a day. A folder that was being replaced
    when the process was killed is put back.
    """
    removed = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in list(entries):
            match = _PATTERN.match(entry.name)
            if match is None or not _is_stale(Path(entry.path), match["host"], int(match["pid"])):
                continue
            original = Path(folder) / match["name"]
            with contextlib.suppress(OSError):
                if match["suffix"] == REPLACED_SUFFIX and not original.exists():
                    Path(entry.path).rename(original)
                else:
                    remove(Path(entry.path))
                removed.append(entry.name)
    return removed


def check_place(path: Path, overwrite: bool) -> None:
    """Raise `OutputError` if a file at `path` could not be written; nothing is touched."""
    _check_parent(path)
    if is_folder(path):
        raise OutputError(f"{path}: is a folder; give the name of a file")
    if not overwrite and os.path.lexists(path):
        raise OutputError(f"{path}: exists already; give another name, or --overwrite")


def check_folder_place(path: Path, overwrite: bool, holds: str = "*.dcm") -> None:
    """Raise `OutputError` if a folder at `path` could not be written or replaced; nothing is touched."""
    _check_parent(path)
    if not os.path.lexists(path):
        return
    if not is_folder(path):
        raise OutputError(f"{path}: exists already and is a file; give the name of a folder")
    entries = list(path.iterdir())
    if entries and not overwrite:
        raise OutputError(f"{path}: exists already and is not empty; give another folder, or --overwrite")
    if any(entry.is_dir() or not fnmatch.fnmatchcase(entry.name.lower(), holds) for entry in entries):
        raise OutputError(f"{path}: holds other things than a former result ({holds}); give a new folder")


def check_makeable(path: Path) -> None:
    """Raise `OutputError` if `path` is no folder that may be written to, and none could be made; nothing is touched."""
    there = next(folder for folder in (path.absolute(), *path.absolute().parents) if os.path.lexists(folder))
    if not is_folder(there):
        raise OutputError(f"{there}: is a file; give the name of a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: no permission to write to the folder {there}; choose another")


def make_folder(path: Path) -> Path:
    """The folder `path`, made with those above it if it is not there. Raises `OutputError`."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a NUL in its name
        reason = error.strerror if isinstance(error, OSError) else "it cannot be a name"
        raise OutputError(f"{path}: this folder cannot be made ({reason}); choose another") from None
    return path


def is_written(path: Path) -> bool:
    """Whether a result is there: a file, or a folder that is not empty."""
    return path.exists() and not (path.is_dir() and not any(path.iterdir()))


def _check_parent(path: Path) -> None:
    parent = path.absolute().parent
    if not is_folder(parent):
        raise OutputError(f"{path}: the folder {parent} does not exist; make it first")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: no permission to write to the folder {parent}; choose another")
    try:
        temporary_beside(path).lstat()
    except FileNotFoundError:
        return
    except OSError as error:  # too long a name
        raise as_output_error(path, error) from error


def temporary_beside(path: Path, suffix: str = TEMPORARY_SUFFIX) -> Path:
    """The name beside `path` by which others know a temporary of this process, and what became of the process."""
    return path.with_name(f".{path.name}.{_host()}.{os.getpid()}{suffix}")


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", platform.node()) or "localhost"


def _is_stale(path: Path, host: str, pid: int) -> bool:
    if host == _host() and not is_alive(pid):
        return True
    touched = max(entry.stat().st_mtime for entry in (path, *path.glob("*")))
    return time.time() - touched > _ABANDONED_SECONDS


def remove(path: Path) -> None:
    """Remove a file, a link, or a folder with all in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def flush_file(path: Path) -> None:
    """Have the disk hold all of a file."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def flush_folder(path: Path) -> None:
    """Have the disk know what is in a folder."""
    if os.name == "nt":  # folders cannot be opened there
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network folders cannot be flushed
            raise
    finally:
        os.close(descriptor)


def put_file(temporary: Path, path: Path, overwrite: bool) -> None:
    """Move a file beside `path` there. Raises `OutputError` if one is there and `overwrite` is False."""
    if overwrite:
        temporary.replace(path)
        return
    try:
        os.link(temporary, path)  # unlike a rename, fails if somebody wrote `path` meanwhile
    except FileExistsError:
        raise OutputError(f"{path}: exists already; give another name, or --overwrite") from None
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            raise OutputError(f"{path}: exists already; give another name, or --overwrite") from None
        temporary.replace(path)


def _rename_folder(temporary: Path, path: Path) -> None:
    if not path.is_dir():
        temporary.rename(path)
        return
    replaced = temporary_beside(path, REPLACED_SUFFIX)
    path.rename(replaced)
    try:
        temporary.rename(path)
    except OSError:
        replaced.rename(path)
        raise
    shutil.rmtree(replaced, ignore_errors=True)


def as_output_error(path: Path, error: OSError) -> OutputError:
    """What the file system says of `path`, as a sentence."""
    if error.errno in NO_SPACE:
        return OutputError(f"{path}: no space left; nothing was written")
    if error.errno in _NOT_ALLOWED:
        return OutputError(f"{path}: no permission to write there; nothing was written")
    return OutputError(f"{path}: {error.strerror or error}; nothing was written")
