"""Coarse voxels from fine ones and back, axis by axis: what super-resolution undoes, what it starts from, and by how much
the two are expected to differ.

Both are matrices along an axis, so that the whole operator is separable: its least-squares inverse is that of each axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt

from DiffusionCore.degradation.blur import FWHM_PER_SIGMA
from DiffusionCore.degradation.grid import aligned_grid, apply_matrix
from DiffusionCore.degradation.slice_profile import slice_matrix
from DiffusionCore.errors import UsageError
from DiffusionCore.volume.resampling import spline_matrix

KINDS = ("kspace", "profile", "spline")
DAMPING = 0.02
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AxisLowering:
    """One axis: `lower` (coarse, fine) is what a coarse scan sees of a fine one, `lift` (fine, coarse) brings it back up.

    `factor` is coarse spacing over fine. Both grids have one centre (see `grid.aligned_grid`).
    """

    factor: float
    lower: Values
    lift: Values


def axis_lowering(
    fine: int,
    factor: float,
    kind: str,
    *,
    thickness: float = 1.0,
    profile: str = "gaussian",
    told: float | None = None,
    softening: float = 0.0,
) -> AxisLowering:
    """How `fine` voxels along an axis become coarse ones `factor` (at least 1) times as wide.

    kind       `kspace`: k-space beyond the coarse Nyquist frequency is cut off
               `profile`: each coarse voxel is a mean under a `profile` of full width at half maximum `thickness`
               coarse voxels (below 1: gaps, above: overlap)
               `spline`: the cubic spline is read at the coarse voxels, with no filter (S2)
    told       the thickness that the way back goes by, where the true one is not known, by default it is
    softening  full width at half maximum in coarse voxels of a Gaussian that the coarse scan is blurred by: what a
               former stage of a cascade leaves to do (conditioning augmentation, Ho et al. 2022, J. Mach. Learn. Res. 23)

    k-space comes back by zero filling, splines by a spline, slices by a spline that is moved by as little as makes it
    agree with the coarse scan, the profile taken to be Gaussian. k-space is that of the axis continued in its mirror image
    (cosine transform), so that the two ends of a field of view that do not match leave no ringing; away from the ends it
    is plain truncation with the linear phase of the half-voxel shift. Raises `UsageError` for an unknown kind or a factor
    below 1.
    """
    if kind not in KINDS:
        raise UsageError(f"there is no way down {kind!r}; there are {', '.join(KINDS)}")
    if not (np.isfinite(factor) and factor >= 1):
        raise UsageError(f"voxels grow by a factor of at least 1, got {factor}")
    grid = aligned_grid(fine, factor)
    back = (np.arange(fine) - grid.origin) / factor
    if kind == "spline":
        lower, lift = spline_matrix(fine, grid.positions, 3), spline_matrix(grid.size, back, 3)
    elif kind == "kspace":
        lower, lift = _cosine_matrix(fine, grid.positions, factor), _cosine_matrix(grid.size, back, 1.0)
    else:
        lower = _profile_matrix(fine, factor, thickness, profile)
        believed = _profile_matrix(fine, factor, thickness if told is None else told, "gaussian")
        lift = _agreeing(spline_matrix(grid.size, back, 3), believed)
    if softening > 0:
        lower = _blur_matrix(grid.size, softening) @ lower
    return AxisLowering(float(factor), lower, lift)


def fine_size(coarse: int, factor: float) -> int:
    """Voxels along an axis after each of `coarse` has become `factor`, on the same physical box; rounded."""
    return aligned_grid(coarse, 1 / factor).size


def lowered(x: npt.NDArray[np.float32], axes: Sequence[AxisLowering | None]) -> npt.NDArray[np.float32]:
    """The coarse scan of a fine one; None leaves an axis as it is."""
    for axis, one in enumerate(axes):
        if one is not None:
            x = apply_matrix(one.lower, x, axis)
    return x


def lifted(y: npt.NDArray[np.float32], axes: Sequence[AxisLowering | None]) -> npt.NDArray[np.float32]:
    """A coarse scan interpolated on the fine grid."""
    for axis, one in enumerate(axes):
        if one is not None:
            y = apply_matrix(one.lift, y, axis)
    return y


def expected_residual(
    y: npt.NDArray[np.float32],
    axes: Sequence[AxisLowering | None],
    amplitude: float,
    correlation: float,
    content: float = 0.0,
) -> tuple[npt.NDArray[np.float32], float]:
    """(scale, level): the standard deviation of x − y expected at each voxel of y = lift(lower(x)), and its median, for x of
    standard deviation `amplitude` whose values are correlated as exp(−d / correlation) at a distance of d voxels along each axis.

    With A = lift · lower and covariance C along each axis it is the root of Π C − 2 Π diag(A C) + Π diag(A C Aᵀ): larger
    between slices than on them, larger for a larger factor. So it tells a network which of both it looks at.
    content  above 0: `amplitude` is the least, to which y's own variance within a Gaussian of this standard deviation,
             in voxels, is added: more is missing where there is more to see. The level is without it, so that it is
             the same for a scan and for each part of it
    """
    relative = _relative_residual(y.shape, axes, correlation)
    level = amplitude * float(np.median(relative))
    if content == 0:
        return np.multiply(np.float32(amplitude), np.broadcast_to(relative, y.shape)), level
    from scipy.ndimage import gaussian_filter

    mean = gaussian_filter(y, content, mode="nearest")
    variance = np.maximum(gaussian_filter(np.square(y), content, mode="nearest") - np.square(mean), 0)
    return relative * np.sqrt(variance + np.float32(amplitude**2)), level


def _relative_residual(
    shape: Sequence[int], axes: Sequence[AxisLowering | None], correlation: float
) -> npt.NDArray[np.float32]:
    """The above for an amplitude of 1; of length 1 along axes that are left as they are."""
    crossed, squared = [], []
    for size, one in zip(shape, axes, strict=True):
        if one is None:
            crossed.append(np.ones(1))
            squared.append(np.ones(1))
            continue
        covariance = np.exp(-np.abs(np.subtract.outer(np.arange(size), np.arange(size))) / correlation)
        both = one.lift @ (one.lower @ covariance)
        crossed.append(np.diagonal(both))
        squared.append(np.einsum("ij,ij->i", both @ one.lower.T, one.lift))
    relative = np.empty([len(along) for along in crossed], np.float32)
    for k in range(len(relative)):  # plane by plane, which the processor's cache holds
        cross, square = (reduce(np.multiply.outer, along[1:], along[0][k]) for along in (crossed, squared))
        relative[k] = np.sqrt(np.maximum(1 - 2 * cross + square, 1e-6))
    return relative


def consistent(
    x: npt.NDArray[np.float32],
    y: npt.NDArray[np.float32],
    axes: Sequence[AxisLowering | None],
    weight: float = 1.0,
) -> npt.NDArray[np.float32]:
    """x moved by as little as makes `lowered(x)` equal y: x + weight · D⁺ (y − D x); `weight` 1 goes all the way.

    D⁺, the least-squares inverse of a separable operator, is that of each axis in turn.
    """
    return x + np.float32(weight) * least_change(y - lowered(x, axes), axes)


def least_change(difference: npt.NDArray[np.float32], axes: Sequence[AxisLowering | None]) -> npt.NDArray[np.float32]:
    """D⁺ difference: the smallest fine scan that, made coarse, is `difference`."""
    for axis, one in enumerate(axes):
        if one is not None:
            difference = apply_matrix(np.linalg.pinv(one.lower, rcond=1e-6), difference, axis)
    return difference


def _cosine_matrix(size: int, positions: Values, factor: float) -> Values:
    """Values at `positions` of the cosine series through `size` samples, of orders below size / factor."""
    orders = np.arange(max(1, int(np.ceil(size / factor - 1e-9))))
    weights = np.where(orders == 0, 1.0, 2.0) / size
    at = np.cos(np.pi * np.outer(positions + 0.5, orders) / size)
    return (at * weights) @ np.cos(np.pi * np.outer(np.arange(size) + 0.5, orders) / size).T


def _profile_matrix(fine: int, factor: float, thickness: float, profile: str) -> Values:
    return slice_matrix(fine, 1.0, thickness * factor, (1 - thickness) * factor, profile)


def _agreeing(lift: Values, lower: Values) -> Values:
    """`lift` moved by as little as makes lower · lift nearly 1: damped, so that noise is not blown up."""
    gram = lower @ lower.T
    gram += DAMPING * np.trace(gram) / len(gram) * np.eye(len(gram))
    return lift + lower.T @ np.linalg.solve(gram, np.eye(len(gram)) - lower @ lift)


def _blur_matrix(size: int, fwhm: float) -> Values:
    from scipy.ndimage import gaussian_filter1d

    return gaussian_filter1d(np.eye(size), fwhm / FWHM_PER_SIGMA, axis=0, mode="reflect")
