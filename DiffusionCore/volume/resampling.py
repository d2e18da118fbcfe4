"""Other voxel sizes in the same physical box, by separable splines.

Interpolation along one axis is linear in the values, so that it is a matrix: scipy's spline of the identity. Three
matrix products do what a 3D spline does, several times faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..errors import UsageError
from .volume import Volume
from .voxel_checks import check_room

FWHM = 2 * np.sqrt(2 * np.log(2))  # of a Gaussian of standard deviation 1


def resample(volume: Volume, spacing: float | Sequence[float], order: int | None = None) -> Volume:
    """The volume at `spacing` mm along (k, j, i), or one number for all; the physical box stays.

    order   of the spline, 0 (nearest) to 5; None: 0 for label maps, else 3
    Where voxels grow, values are blurred before by the Gaussian that turns the old voxel size into the new one
    (Cardoso et al. 2015, "Scale factor point spread function matching"), except with order 0.

    The new number of voxels is rounded; the spacing is exact and the box's centre is kept. With factor f = old / new
    spacing and a whole number of new voxels, the new index 0 lies at the old index -0.5 + 0.5 / f.
    Values are float32 (float64 stays), or of the volume's own type with order 0.
    Raises `UsageError` for a spacing or an order that cannot be, `InputError` if the result does not fit into memory.
    """
    asked = np.broadcast_to(np.asarray(spacing, np.float64), 3)
    if not np.all(np.isfinite(asked)) or asked.min() <= 0:
        raise UsageError(f"the spacing must be above 0 mm, got {spacing}")
    order = (0 if volume.modality == "LABEL" else 3) if order is None else order
    if not 0 <= order <= 5:
        raise UsageError(f"the spline's order must be 0 to 5, got {order}")
    factors = np.array(volume.spacing) / asked
    sizes = np.maximum(np.rint(np.array(volume.shape) * factors), 1).astype(int)
    check_room("the scan at the new spacing", tuple(sizes), np.dtype(np.float32))
    # The centres of the old and of the new grid coincide.
    firsts = (np.array(volume.shape) - 1) / 2 - (sizes - 1) / 2 / factors

    voxels = volume.voxels
    if order > 0 and voxels.dtype != np.float64:
        voxels = voxels.astype(np.float32)
    for axis in np.argsort(factors):  # the axis that shrinks most first
        positions = firsts[axis] + np.arange(sizes[axis]) / factors[axis]
        old = volume.shape[axis]
        if sizes[axis] == old and np.allclose(positions, np.arange(old), rtol=0, atol=1e-9):
            continue
        if order == 0:
            voxels = np.take(voxels, np.clip(np.rint(positions).astype(int), 0, old - 1), axis=axis)
        else:
            weights = _weights(old, positions, factors[axis], order)
            voxels = _along(voxels, weights.astype(voxels.dtype), int(axis))

    matrix = volume.ijk_to_ras.copy()
    matrix[:3, 3] += matrix[:3, :3] @ firsts[::-1]
    matrix[:3, :3] /= factors[::-1]
    return replace(volume, voxels=np.ascontiguousarray(voxels), ijk_to_ras=matrix)


def _weights(old: int, positions: np.ndarray, factor: float, order: int) -> np.ndarray:
    """(new, old): each new value as a weighted sum of the old ones along an axis; mirrored at the box's faces."""
    from scipy import ndimage

    weights = spline_matrix(old, positions, order)
    if factor < 1:
        sigma = min(np.sqrt(factor**-2 - 1) / FWHM, 4 * old)  # wider ones are the mean all the same
        blur = ndimage.gaussian_filter1d(np.eye(old), sigma, axis=0, mode="reflect")
        weights = weights @ blur
    return weights


def spline_matrix(old: int, positions: np.ndarray, order: int) -> np.ndarray:
    """(new, old): the spline of `order` through `old` samples, mirrored at the box's faces, read at `positions`."""
    from scipy import ndimage

    columns = [
        ndimage.map_coordinates(c, np.asarray(positions)[None], order=order, mode="reflect") for c in np.eye(old)
    ]
    return np.stack(columns, axis=1)


def _along(voxels: np.ndarray, weights: np.ndarray, axis: int) -> np.ndarray:
    if axis == 2:
        return voxels @ weights.T
    if axis == 1:
        return np.matmul(weights, voxels)
    return (weights @ voxels.reshape(voxels.shape[0], -1)).reshape(-1, *voxels.shape[1:])
