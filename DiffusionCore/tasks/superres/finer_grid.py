"""The finer grid that a person asks for, in the scan's own physical box."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...errors import InputError, UsageError
from ...volume import Volume, free_memory
from .options import MOST, SuperResolveOptions

# Spacings that agree to this are the same: headers hold rounded decimals.
SAME = 1e-3
# What super-resolution holds at once of each voxel of the finer grid, beside the network: seven float32 arrays.
BYTES = 28


@dataclass(frozen=True, eq=False)
class FinerGrid:
    """A grid `factors` times finer than a scan's along (k, j, i), of `shape` (K, J, I), at `ijk_to_ras`; spacings are exact,
    sizes rounded, and both grids have one centre: new index 0 lies at the old index -0.5 + 0.5 / f where nothing is
    rounded. `notes` are sentences for a person."""

    factors: tuple[float, float, float]
    shape: tuple[int, int, int]
    ijk_to_ras: np.ndarray
    notes: tuple[str, ...] = ()


def finer_grid(volume: Volume, asked: SuperResolveOptions) -> FinerGrid:
    """The grid that `asked` means. Raises `UsageError` where it is not finer than the scan's."""
    notes: tuple[str, ...] = ()
    if asked.spacing is not None:
        factors, notes = _from_spacing(volume, asked)
    elif asked.axes == "slice":
        factors = _from_slices(volume, asked.factor)
    elif math.prod(volume.shape) == 1:
        raise UsageError("the scan is a single voxel; there is nothing between voxels to make finer")
    else:  # an axis of one voxel is left alone: there is nothing between voxels
        factors = tuple(asked.factor or 2.0 if n > 1 else 1.0 for n in volume.shape)
    return on_the_same_box(volume, factors, notes)


def check_room(grid: FinerGrid) -> None:
    """Raise `InputError` if the finer scan does not fit into the memory that is free."""
    needed, free = BYTES * math.prod(grid.shape), free_memory.free_memory()
    if free is not None and needed > free:
        size = "×".join(map(str, reversed(grid.shape)))
        raise InputError(
            f"{size} voxels take {needed / 1e9:.1f} GB while they are made, and {free / 1e9:.1f} GB of memory are free; "
            "take a smaller factor, or a part of the scan"
        )


def slice_axis(volume: Volume) -> int:
    """The axis (0 k, 1 j, 2 i) across the slices: the one of another spacing than the other two, which are a plane's square
    pixels; where all differ that of the largest spacing, where all are equal k."""
    spacing = np.array(volume.spacing)
    for axis in range(3):
        plane = np.delete(spacing, axis)
        if plane.max() < plane.min() * (1 + SAME) and abs(spacing[axis] / plane[0] - 1) > SAME:
            return axis
    return int(np.flatnonzero(spacing >= spacing.max() * (1 - SAME))[0])


def on_the_same_box(volume: Volume, factors: tuple[float, float, float], notes: tuple[str, ...] = ()) -> FinerGrid:
    """The grid `factors` times finer along (k, j, i) than the volume's."""
    from ...degradation import fine_size

    shape = tuple(fine_size(n, f) for n, f in zip(volume.shape, factors, strict=True))
    by_axis = np.array(factors)
    # The centres of the old and of the new grid coincide.
    firsts = (np.array(volume.shape) - 1) / 2 - (np.array(shape) - 1) / 2 / by_axis
    matrix = volume.ijk_to_ras.copy()
    matrix[:3, 3] += matrix[:3, :3] @ firsts[::-1]
    matrix[:3, :3] /= by_axis[::-1]
    return FinerGrid(tuple(float(f) for f in factors), shape, matrix, notes)


def _from_slices(volume: Volume, factor: float | None) -> tuple[float, float, float]:
    across = slice_axis(volume)
    if factor is None:
        in_plane = min(s for axis, s in enumerate(volume.spacing) if axis != across)
        factor = volume.spacing[across] / in_plane
        if factor < 1 + SAME:
            raise UsageError(
                f"slices are {volume.spacing[across]:g} mm apart, as fine as the plane already; give --factor or --spacing"
            )
        if factor > MOST * (1 + SAME):
            raise UsageError(
                f"slices {volume.spacing[across]:g} mm apart would become {factor:.3g} times as many, and {MOST} times is the "
                "most; give --factor or --spacing"
            )
    return tuple(factor if axis == across else 1.0 for axis in range(3))


def _from_spacing(volume: Volume, asked: SuperResolveOptions) -> tuple[tuple[float, float, float], tuple[str, ...]]:
    """Factors for the spacing asked for. One number leaves axes alone that are finer already or have one voxel; of three,
    none may be finer."""
    sizes = [float(part) for part in asked.spacing.split(",")]
    if min(sizes) <= 0:
        raise UsageError(f"--spacing must be above 0 mm, got {asked.spacing}")
    wanted = np.array(sizes[::-1] if len(sizes) == 3 else sizes * 3)
    factors = np.array(volume.spacing) / wanted
    if len(sizes) == 1 and asked.axes == "all":
        factors = np.where(np.array(volume.shape) == 1, 1.0, factors)
    if asked.axes == "slice":
        factors = np.where(np.arange(3) == slice_axis(volume), factors, 1.0)
    here = "×".join(f"{s:g}" for s in reversed(volume.spacing))
    coarser = factors < 1 - SAME
    if factors.max() < 1 + SAME or (len(sizes) == 3 and coarser.any()):
        raise UsageError(
            f"--spacing {asked.spacing} mm is not finer than the scan's {here} mm; `preprocess` makes voxels larger"
        )
    if factors.max() > MOST * (1 + SAME):
        raise UsageError(f"--spacing {asked.spacing} mm is more than {MOST} times finer than the scan's {here} mm")
    notes = ()
    if coarser.any():
        notes = (f"the scan's {here} mm are finer than {asked.spacing} mm along some axes, which are left as they are",)
    factors = np.where(np.abs(factors - 1) < SAME, 1.0, np.maximum(factors, 1.0))
    return tuple(factors.tolist()), notes
