"""What is asked of voxels whatever file they come from or go to: they fit, they are finite, readers know their type."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InputError
from . import free_memory


def check_room(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise `InputError` if an array of `shape` (K, J, I) does not fit into the memory that is free."""
    needed = int(np.prod([int(n) for n in shape], dtype=object)) * dtype.itemsize
    free = free_memory.free_memory()
    if free is not None and needed > free:
        raise InputError(
            f"{name}: its {file_order(shape)} voxels take {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB of memory are "
            "free; crop it, or use a machine with more memory"
        )


def check_finite(name: str, voxels: np.ndarray) -> None:
    """Raise `InputError` if there are NaN or infinite voxels, saying how many."""
    # Minimum and maximum carry a NaN through, and need no array of their own.
    if voxels.dtype.kind != "f" or (np.isfinite(voxels.min()) and np.isfinite(voxels.max())):
        return
    nan = int(np.isnan(voxels).sum())
    infinite = int(np.isinf(voxels).sum())
    raise InputError(
        f"{name}: {nan} voxels are NaN and {infinite} infinite, of {voxels.size}; mend them, or mask them by a number"
    )


def file_order(shape: tuple[int, ...]) -> str:
    """(K, J, I) as users know it from their files: "I×J×K"."""
    return "×".join(str(n) for n in reversed(shape))


def storable(voxels: np.ndarray) -> np.ndarray:
    """The same values in a type that every reader of medical images knows.

    bool becomes uint8, float16 float32, longer floats float64, and 64-bit integers 32-bit ones if the values fit.
    """
    kind, size = voxels.dtype.kind, voxels.dtype.itemsize
    if kind == "b":
        return voxels.astype(np.uint8)
    if kind == "f" and size == 2:
        return voxels.astype(np.float32)
    if kind == "f" and size > 8:
        return voxels.astype(np.float64)
    if kind in "iu" and size == 8:
        low, high = int(voxels.min()), int(voxels.max())
        for smaller in (np.int32, np.uint32):
            if np.iinfo(smaller).min <= low and high <= np.iinfo(smaller).max:
                return voxels.astype(smaller)
    return voxels
