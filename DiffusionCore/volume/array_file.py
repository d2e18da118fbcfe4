"""Voxels as NumPy's .npy files, the way one program hands them to another: written in chunks, mapped, or read in chunks.

Chunks, so that neither a thread that shows something nor Python's lock waits long for a large scan; written rather than
mapped, so that a full disk is an error and not a signal that ends the process.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from ..errors import InputError, OutputError
from .atomic import NO_SPACE

CHUNK = 8 * 2**20  # bytes


def write_array(path: Path, array: np.ndarray) -> None:
    """Write a new .npy file in C order. Raises `OutputError`; then nothing is left of it."""
    array = np.asarray(array)
    try:
        with path.open("xb") as file:
            header = {"descr": npy.dtype_to_descr(array.dtype), "fortran_order": False, "shape": array.shape}
            npy.write_array_header_1_0(file, header)
            flat = array.reshape(1) if array.ndim == 0 else array
            rows = max(CHUNK // max(flat[:1].nbytes, 1), 1)
            for first in range(0, len(flat), rows):
                file.write(np.ascontiguousarray(flat[first : first + rows]).data)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        if error.errno in NO_SPACE:
            size = array.nbytes / 2**20
            raise OutputError(f"no space left for {size:.0f} MiB of voxels in {path.parent}; free some") from error
        raise OutputError(f"voxels cannot be written to {path.parent}: {error.strerror or error}") from error


def map_array(path: Path) -> np.ndarray:
    """The array of an .npy file, mapped: nothing is read until it is used, nothing written ever. Raises `InputError`."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is damaged, or not an .npy of plain numbers"
        raise InputError(f"the voxels in {path.name} cannot be read: {why or error}") from None
    if not isinstance(array, np.memmap) or array.dtype.kind not in "iufb":
        raise InputError(f"the voxels in {path.name} cannot be read: they are no plain numbers")
    return array


def read_array(path: Path, empty: Callable[[int, np.dtype], np.ndarray] = np.empty) -> np.ndarray:
    """The array of an .npy file in memory of its own, after which the file may go. Raises `InputError`.

    empty  gives memory for so many values of a type, (count,)
    """
    mapped = map_array(path)
    values = empty(mapped.size, mapped.dtype)
    flat = values.view(np.uint8).data
    with path.open("rb") as file:
        file.seek(mapped.offset)
        for first in range(0, len(flat), CHUNK):
            part = flat[first : first + CHUNK]
            if file.readinto(part) != len(part):
                raise InputError(f"the voxels in {path.name} end too soon")
    return values.reshape(mapped.shape, order="F" if np.isfortran(mapped) else "C")
