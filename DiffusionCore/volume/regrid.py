"""A volume's values at the voxels of another grid, wherever that lies: crops that turn, and maps put back on a scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..errors import UsageError
from .geometry import to_canonical_axes, to_ras
from .resampling import FWHM
from .volume import Volume

_CHUNK = 1 << 21  # voxels whose coordinates are held at once


def onto_grid(
    volume: Volume,
    shape: Sequence[int],
    ijk_to_ras: np.ndarray,
    *,
    order: int = 1,
    outside: float = 0.0,
    antialias: bool = True,
) -> Volume:
    """The volume's values at the voxels (K, J, I) of the grid that `ijk_to_ras` places.

    order      of the spline, 0 (nearest) to 3
    outside    the value of voxels whose centre lies outside the volume's box (half a voxel around the outer centres);
               between that face and the outer centres the outer value holds
    antialias  where the new voxels are larger, blur before by the Gaussian between the two sizes, except with order 0

    float32 (float64 stays), or the volume's own type with order 0. Raises `UsageError` for an order or shape that
    cannot be.
    """
    from scipy import ndimage

    shape = tuple(int(n) for n in shape)
    if len(shape) != 3 or min(shape) < 1:
        raise UsageError(f"a grid has 3 axes of at least 1 voxel, got {shape}")
    if not 0 <= order <= 3:
        raise UsageError(f"the spline's order must be 0 to 3, got {order}")
    to_source = np.linalg.inv(volume.ijk_to_ras) @ np.asarray(ijk_to_ras, np.float64)
    sigma = _blur(to_source) if order and antialias else np.zeros(3)
    # a small field of a large scan, or the other way round: only what lies over each other is worked on
    needed = _covered(volume.shape, shape, to_source, 1 + np.floor(4 * sigma + 0.5))
    if order > 1:  # such a spline depends on all voxels
        needed = tuple(map(slice, volume.shape))
    voxels = volume.voxels[needed]
    if order and voxels.dtype != np.float64:
        voxels = voxels.astype(np.float32)
    result = np.full(shape, outside, voxels.dtype)
    if voxels.size and sigma.max() > 0:
        voxels = ndimage.gaussian_filter(voxels, sigma, mode="nearest")
    if order > 1:
        voxels = ndimage.spline_filter(voxels, order, output=voxels.dtype, mode="nearest")
    limits = np.array(volume.shape[::-1]) - 0.5
    first = np.array([along.start or 0 for along in needed])
    planes, rows, _ = _covered(shape, volume.shape, np.linalg.inv(to_source), np.ones(3))
    step = max(_CHUNK // (shape[1] * shape[2]), 1)
    for begin in range(planes.start, planes.stop, step):
        here = (slice(begin, min(begin + step, planes.stop)), rows)
        k, j, i = np.meshgrid(*(np.arange(a.start, a.stop) for a in (*here, slice(0, shape[2]))), indexing="ij")
        place = to_ras(to_source, np.stack((i, j, k), axis=-1))
        inside = np.all((place >= -0.5 - 1e-9) & (place <= limits + 1e-9), axis=-1)
        if inside.any():
            found = (place[inside][:, ::-1] - first).T
            result[here][inside] = ndimage.map_coordinates(voxels, found, order=order, mode="nearest", prefilter=False)
    return replace(volume, voxels=result, ijk_to_ras=np.asarray(ijk_to_ras, np.float64))


def box_grid(ijk_to_ras: np.ndarray, shape: Sequence[int], new_shape: Sequence[int]) -> np.ndarray:
    """(4, 4): the matrix of a grid of `new_shape` (K, J, I) voxels that fills the same box as `shape` voxels do."""
    factors = np.array(shape, np.float64)[::-1] / np.array(new_shape, np.float64)[::-1]
    matrix = np.array(ijk_to_ras, np.float64)
    matrix[:3, 3] = to_ras(matrix, factors / 2 - 0.5)
    matrix[:3, :3] *= factors
    return matrix


def cube_grid(centre: Sequence[float], axes: np.ndarray, spacing: float, shape: Sequence[int]) -> np.ndarray:
    """(4, 4): the matrix of a grid of `shape` (K, J, I) voxels of `spacing` mm whose middle is at `centre` (RAS, mm).

    `axes` (3, 3): columns are the unit vectors of i, j and k in RAS.
    """
    matrix = np.eye(4)
    matrix[:3, :3] = np.asarray(axes, np.float64) * spacing
    middle = (np.array(shape[::-1], np.float64) - 1) / 2
    matrix[:3, 3] = np.asarray(centre, np.float64) - matrix[:3, :3] @ middle
    return matrix


def resized_in_lps(volume: Volume, shape: Sequence[int]) -> Volume:
    """The volume's whole box at (K, J, I) voxels, linearly, its axes i, j and k to the patient's left, back and head."""
    scan = to_canonical_axes(volume)
    matrix = scan.ijk_to_ras @ np.diag([-1.0, -1.0, 1.0, 1.0])
    matrix[:3, 3] = to_ras(scan.ijk_to_ras, [scan.shape[2] - 1, scan.shape[1] - 1, 0])
    turned = replace(scan, voxels=np.ascontiguousarray(scan.voxels[:, ::-1, ::-1]), ijk_to_ras=matrix)
    return onto_grid(turned, shape, box_grid(matrix, turned.shape, shape))


def _blur(to_source: np.ndarray) -> np.ndarray:
    """(3,) for K, J, I: the Gaussian's standard deviation, in source voxels, that makes up for what the new voxels' extent
    along each source axis lacks (Cardoso et al. 2015)."""
    extents = np.linalg.norm(to_source[:3, :3], axis=1)[::-1]
    return np.sqrt(np.maximum(extents**2 - 1, 0)) / FWHM


def _covered(
    shape: Sequence[int], other: Sequence[int], to_own: np.ndarray, margin: np.ndarray
) -> tuple[slice, slice, slice]:
    """The part (K, J, I) of a grid of `shape` voxels that another one lies over, whose box (half a voxel around its outer
    centres) `to_own` brings there, and `margin` voxels more; empty if none."""
    corners = np.stack(np.meshgrid(*[(-0.5, n - 0.5) for n in reversed(other)]), axis=-1).reshape(-1, 3)
    places = to_ras(to_own, corners)[:, ::-1]
    size = np.array(shape)
    begin = np.clip(np.floor(places.min(axis=0)) - margin, 0, size).astype(int)
    end = np.clip(np.ceil(places.max(axis=0)) + margin + 1, begin, size).astype(int)
    return tuple(map(slice, begin.tolist(), end.tolist()))
