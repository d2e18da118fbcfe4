"""Several results that appear together or not at all: each written in a folder beside its place, then moved there."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import OutputError
from .atomic import (
    REPLACED_SUFFIX,
    as_output_error,
    check_folder_place,
    check_place,
    flush_file,
    flush_folder,
    is_written,
    make_folder,
    put_file,
    remove,
    remove_stale,
    temporary_beside,
)
from .formats import is_folder


@contextlib.contextmanager
def all_or_nothing(places: Iterable[Path], *, overwrite: bool = False) -> Iterator[dict[Path, Path]]:
    """Give for each of `places` the path to write it to; all that was written is there when the block has ended.

    After an exception or Ctrl-C nothing is, and what was there before, or what another run put there meanwhile, is as it
    was. Raises `OutputError` if a place is taken and `overwrite` is False, or cannot be written to.
    """
    found = {place: place.resolve() if is_folder(place) else place.absolute() for place in places}
    folders: dict[Path, Path] = {}
    for place in found.values():
        folders.setdefault(place.parent, temporary_beside(place))
    staged = {given: folders[place.parent] / place.name for given, place in found.items()}
    try:
        for parent, folder in folders.items():
            remove_stale(parent)
            make_folder(folder)
        for given, place in found.items():
            if is_folder(place):  # by which a series is told from a file where the name has a suffix
                make_folder(staged[given])
        yield staged
        _move([(staged[given], place) for given, place in found.items()], overwrite)
    except OutputError as error:
        raise OutputError(_at_home(str(error), folders)) from error
    finally:
        for folder in folders.values():
            shutil.rmtree(folder, ignore_errors=True)


def _at_home(sentence: str, folders: dict[Path, Path]) -> str:
    """An error's sentence with the places that were asked for."""
    for parent, folder in folders.items():
        sentence = sentence.replace(str(folder), str(parent))
    return sentence


def _move(moves: list[tuple[Path, Path]], overwrite: bool) -> None:
    """Put each of what was written at its place; where one cannot be, take all back."""
    replaced: list[Path] = []
    with contextlib.ExitStack() as undo:
        for written, place in moves:
            if not is_written(written):
                continue
            folder = written.is_dir()
            (check_folder_place if folder else check_place)(place, overwrite)
            try:
                if (overwrite or folder) and os.path.lexists(place):
                    replaced.append(_aside(place))
                    undo.callback(_put_back, replaced[-1], place)
                if folder:
                    written.rename(place)
                else:
                    flush_file(written)
                    put_file(written, place, overwrite)
                undo.callback(remove, place)
                flush_folder(place.parent)
            except OSError as error:
                raise as_output_error(place, error) from error
        undo.pop_all()
    for old in replaced:
        with contextlib.suppress(OSError):
            remove(old)


def _aside(place: Path) -> Path:
    """Where what lies at `place` is kept until all is done; a file also stays at its place until it is replaced."""
    old = temporary_beside(place, REPLACED_SUFFIX)
    if not is_folder(place):
        with contextlib.suppress(OSError):  # a file system without hard links
            os.link(place, old, follow_symlinks=False)
            return old
    place.rename(old)
    return old


def _put_back(old: Path, place: Path) -> None:
    old.replace(place)
    old.unlink(missing_ok=True)  # of two links to one file, renaming the one to the other leaves both
