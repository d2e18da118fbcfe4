"""Voxels on their way to the worker and back: files, written and read by a thread that touches nothing of Qt or MRML."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DiffusionCoreError
from ..volume import Volume
from ..volume.array_file import read_array, write_array
from .voxel_memory import empty


class Transfer:
    """Runs `work` in a thread; the main thread looks at `done` now and then. `problem` is what went wrong, if it did.

    `undo` is called after work that nobody wanted any more, or that failed: in the thread, or where that is over already
    by `abandon`.
    """

    def __init__(self, work: Callable[[], Any], undo: Callable[[], None]) -> None:
        self.work, self.undo = work, undo
        self.result: Any = None
        self.problem: Exception | None = None
        self._unwanted = self._over = False
        self._turn = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def abandon(self) -> None:
        """Let it end by itself, and leave no file."""
        with self._turn:
            self._unwanted = True
            over = self._over
        if over:
            self._undo()

    def wait(self, seconds: float) -> None:
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            self.result = self.work()
        except DiffusionCoreError as error:
            self.problem = error
        except Exception as error:  # an answer of another form, no memory: the job fails, and the application goes on
            self.problem = DiffusionCoreError(f"voxels could not be moved: {type(error).__name__}")
        with self._turn:
            self._over = True
            unwanted = self._unwanted
        if unwanted or self.problem is not None:
            self._undo()

    def _undo(self) -> None:
        with contextlib.suppress(OSError):
            self.undo()


def writing(folder: Path, arrays: dict[str, np.ndarray]) -> Transfer:
    """Write arrays as files of these names into a folder."""

    def work() -> None:
        for name, array in arrays.items():
            write_array(folder / name, array)

    return Transfer(work, lambda: remove(folder, list(arrays)))


def reading(folder: Path, values: Any, like: Volume | None) -> Transfer:
    """An answer's values with its volumes and arrays in place of their files, which are removed."""
    names: list[str] = []
    find_files(values, names)

    def work() -> Any:
        found = with_arrays(values, folder, like)
        remove(folder, names)
        return found

    return Transfer(work, lambda: remove(folder, names))


def with_arrays(value: Any, folder: Path, like: Volume | None) -> Any:
    """`value` with {"volume": ...} as a `Volume` and {"array": ...} as an array, at whatever depth.

    What is known of the patient stays on this side: a volume takes the `meta` of `like`, and adds its own.
    """
    if isinstance(value, list):
        return [with_arrays(part, folder, like) for part in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"volume"} and is_file(value["volume"]):
        given = value["volume"]
        meta = {**({} if like is None else like.meta), **given.get("meta", {})}
        voxels = read_array(folder / given["file"], empty)
        return Volume(voxels, np.array(given["matrix"]), given["modality"], meta)
    if set(value) == {"array"} and is_file(value["array"]):
        return read_array(folder / value["array"]["file"])
    return {name: with_arrays(part, folder, like) for name, part in value.items()}


def find_files(value: Any, found: list[str]) -> None:
    """Collect the names of all files that an answer's values are in."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key in ("volume", "array") and is_file(part):
                found.append(part["file"])
            else:
                find_files(part, found)
    elif isinstance(value, list):
        for part in value:
            find_files(part, found)


def is_file(value: Any) -> bool:
    """Whether this is how the protocol names a file; never a path out of the folder."""
    name = value.get("file") if isinstance(value, dict) else None
    return isinstance(name, str) and name == Path(name).name and name.endswith(".npy")


def remove(folder: Path, names: list[str]) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)
