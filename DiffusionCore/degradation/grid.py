"""The coarser grid that fills the same physical box, and linear operators along one axis of a scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.errors import UsageError


@dataclass(frozen=True)
class AxisGrid:
    """New samples along an axis, in the old index: `origin + factor · k` for k in 0..size − 1.

    `factor` is new spacing over old, exactly. The centre of the box stays; where old size / factor is whole, so do its
    ends, and `origin` is (factor − 1)/2: new index 0 lies half a new voxel inside the edge that is at old −0.5.
    """

    size: int
    factor: float
    origin: float

    @property
    def positions(self) -> npt.NDArray[np.float64]:
        return self.origin + self.factor * np.arange(self.size)


def aligned_grid(size: int, factor: float) -> AxisGrid:
    """The grid of `factor` times the spacing (below 1: finer) on the box of `size` voxels; its size is rounded."""
    if not (np.isfinite(factor) and factor > 0):
        raise UsageError(f"a sampling factor must be positive, got {factor}")
    # halves go up, also where round-off leaves them a little short: the stages of a cascade must end in one size
    new = max(1, int(np.floor(size / factor + 0.5 + 1e-6)))
    return AxisGrid(new, float(factor), (size - 1) / 2 - factor * (new - 1) / 2)


def aligned_grids(shape: Sequence[int], factor: float | Sequence[float]) -> tuple[AxisGrid, ...]:
    """`aligned_grid` for every axis; `factor` is one number or one for each axis."""
    return tuple(aligned_grid(n, f) for n, f in zip(shape, per_axis(factor, len(shape), "factor"), strict=True))


def per_axis(value: float | Sequence[float], ndim: int, name: str) -> tuple[float, ...]:
    """One number for each axis; UsageError if `value` is a sequence of another length."""
    if np.ndim(value) == 0:
        return (float(value),) * ndim
    values = tuple(float(v) for v in value)
    if len(values) != ndim:
        raise UsageError(f"{name} needs one number, or one for each of the {ndim} axes, got {len(values)}")
    return values


def checked_axis(axis: int, ndim: int) -> int:
    """`axis` counted from 0; UsageError if there is no such axis."""
    if not -ndim <= axis < ndim:
        raise UsageError(f"there is no axis {axis} in a scan of {ndim} axes")
    return axis % ndim


def apply_matrix(matrix: npt.ArrayLike, x: npt.NDArray[np.float32], axis: int) -> npt.NDArray[np.float32]:
    """The (m, n) `matrix` applied along `axis` of length n; float32, C-contiguous, axis length m."""
    weights = np.asarray(matrix, dtype=np.float32)
    if axis == x.ndim - 1:
        return x @ weights.T
    # matrix products of the blocks behind the axis: nothing is transposed, which would cost more than the product
    product = weights @ x.reshape(*x.shape[: axis + 1], -1)
    return product.reshape(*x.shape[:axis], len(weights), *x.shape[axis + 1 :])
