"""The interpolations that super-resolution is compared with, each a matrix along each axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from DiffusionCore.benchmark.superres.cases import Given
from DiffusionCore.degradation import consistent
from DiffusionCore.degradation.grid import apply_matrix
from DiffusionCore.degradation.kspace import zero_filling_matrix
from DiffusionCore.volume.resampling import spline_matrix

Values = npt.NDArray[np.float64]
Matrix = Callable[[int, Values], Values]


def keys_cubic(size: int, positions: Values) -> Values:
    """Cubic convolution, a = -1/2 (Keys 1981, IEEE Trans. ASSP 29:1153)."""

    def kernel(d: Values) -> Values:
        near, far = d < 1, (d >= 1) & (d < 2)
        return near * (1.5 * d**3 - 2.5 * d**2 + 1) + far * (-0.5 * d**3 + 2.5 * d**2 - 4 * d + 2)

    return kernel_matrix(size, positions, kernel, 2)


def lanczos(size: int, positions: Values) -> Values:
    """Sinc windowed by a wider sinc over three voxels to either side."""
    return kernel_matrix(size, positions, lambda d: np.sinc(d) * np.sinc(d / 3) * (d < 3), 3)


def kernel_matrix(size: int, positions: Values, kernel: Callable[[Values], Values], reach: int) -> Values:
    """(new, size) weights of a kernel, rows of sum 1, the ends mirrored."""
    weights = np.zeros((len(positions), size))
    base = np.floor(positions).astype(int)
    for offset in range(1 - reach, reach + 1):
        index = base + offset
        mirrored = np.mod(index, 2 * size)
        mirrored = np.where(mirrored < size, mirrored, 2 * size - 1 - mirrored)
        np.add.at(weights, (np.arange(len(positions)), mirrored), kernel(np.abs(positions - index)))
    return weights / weights.sum(axis=1, keepdims=True)


def _spline(order: int) -> Matrix:
    return lambda size, positions: spline_matrix(size, positions, order)


INTERPOLATIONS: Mapping[str, tuple[str, Matrix | None]] = MappingProxyType(
    {
        "nearest": ("nearest", _spline(0)),
        "linear": ("linear", _spline(1)),
        "cubic": ("cubic (Keys)", keys_cubic),
        "bspline-3": ("B-spline 3", _spline(3)),
        "bspline-5": ("B-spline 5", _spline(5)),
        "lanczos": ("windowed sinc (Lanczos 3)", lanczos),
        "zero-filling": ("Fourier zero-filling", None),
    }
)
CONSISTENT = "bspline-3-consistent"


def interpolate(name: str, scan: Given) -> npt.NDArray[np.float32]:
    """The coarse scan on the fine grid, in its own units; `CONSISTENT` is a B-spline with our projection after it."""
    if name == CONSISTENT:
        return consistent(interpolate("bspline-3", scan), scan.coarse.voxels, scan.axes)
    voxels, matrix = scan.coarse.voxels.astype(np.float32), INTERPOLATIONS[name][1]
    for axis, factor in enumerate(scan.case.factors):
        if factor > 1:
            size = voxels.shape[axis]
            positions = (np.arange(size * factor) - (factor - 1) / 2) / factor
            weights = zero_filling_matrix(size, factor, size * factor) if matrix is None else matrix(size, positions)
            voxels = apply_matrix(weights, voxels, axis)
    return np.maximum(voxels, 0) if scan.coarse.modality == "MR" else voxels
