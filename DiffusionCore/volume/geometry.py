"""Where voxels are: facts about an ijk-to-RAS matrix, and crops and views that keep every voxel at its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from ..errors import UsageError
from .resampling import resample
from .volume import Volume

# Cosine of two axes' angle above which a grid counts as sheared: 0.006°, or 0.05 voxels over 512. The rounding of
# NIfTI's floats and of DICOM's decimals stays well below it.
SHEAR_TOLERANCE = 1e-4


def shear(matrix: np.ndarray) -> float:
    """The largest |cosine| between two of the three axes of an ijk-to-RAS matrix: 0 for a rectangular grid."""
    axes = direction_cosines(matrix)
    i_j, i_k, j_k = axes[:, 0] @ axes[:, 1], axes[:, 0] @ axes[:, 2], axes[:, 1] @ axes[:, 2]
    return float(max(abs(i_j), abs(i_k), abs(j_k)))


def is_left_handed(matrix: np.ndarray) -> bool:
    """Whether the axes (i, j, k) of an ijk-to-RAS matrix form a left-handed system, as k × (i × j) < 0 tells."""
    return bool(np.linalg.det(np.asarray(matrix)[:3, :3]) < 0)


def direction_cosines(matrix: np.ndarray) -> np.ndarray:
    """(3, 3): column 0, 1, 2 is the unit vector of i, j, k in RAS."""
    axes = np.asarray(matrix, np.float64)[:3, :3]
    return axes / np.linalg.norm(axes, axis=0)


def to_ras(matrix: np.ndarray, ijk: ArrayLike) -> np.ndarray:
    """RAS places, mm, of (..., 3) voxel coordinates (i, j, k)."""
    matrix = np.asarray(matrix, np.float64)
    return np.asarray(ijk, np.float64) @ matrix[:3, :3].T + matrix[:3, 3]


def to_ijk(matrix: np.ndarray, ras: ArrayLike) -> np.ndarray:
    """Voxel coordinates (i, j, k), not rounded, of (..., 3) RAS places in mm."""
    return to_ras(np.linalg.inv(np.asarray(matrix, np.float64)), ras)


def centre(volume: Volume) -> np.ndarray:
    """RAS place, mm, of the middle of the grid."""
    return to_ras(volume.ijk_to_ras, (np.array(volume.shape[::-1]) - 1) / 2)


def crop(volume: Volume, slices: Sequence[slice]) -> Volume:
    """The part of the volume within three slices (k, j, i) of step 1; every voxel stays at its place in the patient.

    The voxels are a view. Raises `UsageError` if nothing is left, or for another step.
    """
    if len(slices) != 3:
        raise UsageError(f"a crop needs a slice for each of k, j and i, got {len(slices)}")
    begins = []
    for letter, part, size in zip("kji", slices, volume.shape, strict=True):
        begin, end, step = part.indices(size)
        if step != 1 or end <= begin:
            asked = ":".join("" if end is None else str(end) for end in (part.start, part.stop))
            raise UsageError(f"the crop along {letter} ({asked}) takes nothing of the {size} voxels there")
        begins.append(begin)
    matrix = volume.ijk_to_ras.copy()
    matrix[:3, 3] = to_ras(matrix, begins[::-1])
    return replace(volume, voxels=volume.voxels[tuple(slices)], ijk_to_ras=matrix)


def box_slices(volume: Volume, lower: ArrayLike, upper: ArrayLike) -> tuple[slice, slice, slice]:
    """The slices (k, j, i) of all voxels that a box along the world's axes can touch, from `lower` to `upper` RAS mm.

    Raises `UsageError` if the box lies outside the volume.
    """
    corners = np.array(np.meshgrid(*zip(np.asarray(lower, float), np.asarray(upper, float), strict=True)))
    ijk = to_ijk(volume.ijk_to_ras, corners.reshape(3, -1).T)
    # A voxel reaches half a voxel around its centre. The margin: a bound on a voxel's very edge takes no further one.
    first = np.floor(ijk.min(axis=0) + 0.5 + 1e-6).astype(int)[::-1]
    last = np.ceil(ijk.max(axis=0) - 0.5 - 1e-6).astype(int)[::-1]
    if np.any(last < 0) or np.any(first >= volume.shape):
        raise UsageError("the box lies outside the scan; its bounds are right-anterior-superior millimetres")
    return _slices(first, last, volume.shape, 0)


def mask_slices(mask: np.ndarray, margin: int = 0) -> tuple[slice, slice, slice]:
    """The slices of the bounding box of a mask (K, J, I), `margin` voxels wider where there are some.

    Raises `UsageError` if the mask is empty.
    """
    first, last = [], []
    for axis in range(3):
        inside = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        if inside.size == 0:
            raise UsageError("the mask is empty; it must hold at least one voxel")
        first.append(inside[0])
        last.append(inside[-1])
    return _slices(first, last, mask.shape, margin)


def orientation_code(matrix: np.ndarray) -> str:
    """The patient's directions that i, j and k run nearest to, as in "LPS"."""
    from nibabel.orientations import aff2axcodes

    return "".join(aff2axcodes(np.asarray(matrix)))


def to_canonical_axes(volume: Volume) -> Volume:
    """The same scan with its axes permuted and flipped, so that i, j, k run nearest to right, anterior and superior.

    No voxel is changed or moved in the patient: a figure drawn from it has its left where it says.
    """
    from nibabel.orientations import io_orientation

    return _turned(volume, io_orientation(volume.ijk_to_ras))


def in_order_of(volume: Volume, like: Volume) -> Volume:
    """The same scan with its axes permuted and flipped as those of a grid that runs along the same lines: what two
    programs make of one series often differs in this alone. As it is, where the axes of `like` run elsewhere.
    """
    along = np.linalg.inv(direction_cosines(like.ijk_to_ras)) @ direction_cosines(volume.ijk_to_ras)
    axes = np.abs(along).argmax(axis=0)
    signs = np.sign(along[axes, np.arange(3)])
    if sorted(axes) != [0, 1, 2] or (list(axes) == [0, 1, 2] and signs.min() > 0):
        return volume
    return _turned(volume, np.stack([axes, signs], axis=1))


def _turned(volume: Volume, turns: np.ndarray) -> Volume:
    """The scan with axes permuted and flipped; row n of `turns` (3, 2) is where axis n of (i, j, k) goes, and 1 or -1."""
    from nibabel.orientations import apply_orientation, inv_ornt_aff

    voxels = apply_orientation(volume.voxels.transpose(2, 1, 0), turns).transpose(2, 1, 0)
    matrix = volume.ijk_to_ras @ inv_ornt_aff(turns, volume.shape[::-1])
    return replace(volume, voxels=voxels, ijk_to_ras=matrix)


def _slices(
    first: Sequence[int] | np.ndarray, last: Sequence[int] | np.ndarray, shape: Sequence[int], margin: int
) -> tuple[slice, slice, slice]:
    k, j, i = (
        slice(max(int(low) - margin, 0), min(int(high) + 1 + margin, size))
        for low, high, size in zip(first, last, shape, strict=True)
    )
    return k, j, i


__all__ = [
    "SHEAR_TOLERANCE",
    "box_slices",
    "centre",
    "crop",
    "direction_cosines",
    "in_order_of",
    "is_left_handed",
    "mask_slices",
    "orientation_code",
    "resample",
    "shear",
    "to_canonical_axes",
    "to_ijk",
    "to_ras",
]
