"""What incomplete k-space does to MR: lower resolution, zero filling with its correlated noise, partial Fourier.

`sigma` is the standard deviation of the noise in one channel (real or imaginary) of the image that comes out. Noise is
complex, white where k-space was acquired and absent elsewhere. The real channel is given, or the magnitude.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from DiffusionCore.degradation.degraded import Degraded, checked_voxels
from DiffusionCore.degradation.grid import aligned_grid, aligned_grids, apply_matrix, checked_axis, per_axis
from DiffusionCore.errors import UsageError

Array = npt.NDArray[np.float32]


def downsample_kspace(
    x: npt.ArrayLike,
    rng: np.random.Generator,
    factor: float | Sequence[float],
    sigma: float = 0.0,
    magnitude: bool = False,
) -> Degraded:
    """Acquire only the centre of k-space, and show it on its own matrix, `factor` (≥ 1) times coarser.

    The physical box stays: new voxels are where `aligned_grid` puts them, which is cropping k-space with the linear
    phase of a (factor − 1)/2-voxel shift. What lies below the new Nyquist frequency is kept exactly.

    Args:
        x: (K, J, I) or (J, I).
        factor: one number, or one for each axis (1: untouched).
        sigma: noise, white on the new matrix.

    Returns:
        Degraded; the record holds `factor` and `origin_index` (new voxel 0 in old indices) for each axis.
    """
    voxels = checked_voxels(x)
    _check_sigma(sigma)
    grids = aligned_grids(voxels.shape, factor)
    if any(grid.factor < 1 for grid in grids):
        raise UsageError(f"k-space is cropped by factors of at least 1, got {[grid.factor for grid in grids]}")
    real = voxels
    for axis, grid in enumerate(grids):
        if grid.factor != 1:
            real = apply_matrix(cropping_matrix(voxels.shape[axis], grid.factor), real, axis)
    real = real.copy() if real is voxels else real
    if sigma > 0:
        real += np.float32(sigma) * rng.standard_normal(real.shape, dtype=np.float32)
    if magnitude:
        imaginary = np.float32(sigma) * rng.standard_normal(real.shape, dtype=np.float32) if sigma > 0 else 0
        real = np.sqrt(real**2 + imaginary**2)
    record = {
        "kind": "downsample_kspace",
        "factor": [grid.factor for grid in grids],
        "origin_index": [grid.origin for grid in grids],
        "sigma": float(sigma),
        "magnitude": magnitude,
    }
    return Degraded(real, record)


def upsample_kspace(x: npt.ArrayLike, factor: float | Sequence[float], shape: Sequence[int]) -> Array:
    """Zero-filled interpolation back to `shape` from a scan made coarser by `factor`: the way back of the above.

    Where `shape` is `factor` times x's, downsampling the result gives `x` again.
    """
    voxels = checked_voxels(x)
    if len(shape) != voxels.ndim:
        raise UsageError(f"a shape of {voxels.ndim} axes is needed, got {tuple(shape)}")
    for axis, (size, f) in enumerate(zip(shape, per_axis(factor, voxels.ndim, "factor"), strict=True)):
        if f != 1:
            voxels = apply_matrix(zero_filling_matrix(voxels.shape[axis], f, size), voxels, axis)
    return voxels


def zero_filled(
    x: npt.ArrayLike,
    rng: np.random.Generator,
    fraction: float | Sequence[float],
    sigma: float = 0.0,
    taper: float = 0.0,
    magnitude: bool = False,
) -> Degraded:
    """Acquire the central `fraction` of k-space along each axis and fill the rest with zeros: same grid, less detail.

    The noise is correlated over 1/fraction voxels. `taper` is the outer part of the acquired band over which a
    raised-cosine filter (as scanners apply against ringing) falls to zero; 0 is a sharp edge.
    """
    voxels = checked_voxels(x)
    fractions = _checked_fractions(fraction, taper, voxels.ndim)
    windows = [_band(n, f, taper) for n, f in zip(voxels.shape, fractions, strict=True)]
    record = {"kind": "zero_filled", "fraction": list(fractions), "taper": float(taper)}
    return _acquired(voxels, rng, windows, sigma, magnitude, record)


def partial_fourier(
    x: npt.ArrayLike,
    rng: np.random.Generator,
    fraction: float,
    axis: int,
    sigma: float = 0.0,
    magnitude: bool = True,
) -> Degraded:
    """Acquire `fraction` (0.5 to 1) of k-space along `axis`, all on one side, and fill the rest with zeros.

    Source: McGibney et al., Magn Reson Med 30:51 (1993).
    """
    voxels = checked_voxels(x)
    axis = checked_axis(axis, voxels.ndim)
    if not 0.5 <= fraction <= 1:
        raise UsageError(f"partial Fourier keeps a fraction of 0.5 to 1 of k-space, got {fraction}")
    windows = [np.ones(n) for n in voxels.shape]
    length = voxels.shape[axis]
    missing = length - int(np.ceil(fraction * length))
    order = np.argsort(np.fft.fftfreq(length))  # from the most negative frequency upwards
    windows[axis][order[:missing]] = 0
    record = {"kind": "partial_fourier", "fraction": float(fraction), "axis": axis}
    return _acquired(voxels, rng, windows, sigma, magnitude, record)


def band_limited_noise(
    shape: Sequence[int],
    rng: np.random.Generator,
    fraction: float | Sequence[float],
    taper: float = 0.0,
    margin: int = 16,
) -> Array:
    """Normal noise of `shape` (K, J, I) or (J, I) and variance 1, correlated as `zero_filled` leaves it: the central
    `fraction` of k-space along each axis, tapered. `margin` voxels are drawn beyond the box and thrown away, so that
    opposite faces are not correlated."""
    from scipy.fft import irfftn, next_fast_len, rfftn

    fractions = _checked_fractions(fraction, taper, len(shape))
    outer = tuple(next_fast_len(length + margin, real=True) for length in shape)
    windows = [_band(n, f, taper) for n, f in zip(outer, fractions, strict=True)]
    passed = float(np.prod([np.mean(window**2) for window in windows]))
    kspace = rfftn(rng.standard_normal(outer, dtype=np.float32))
    for axis, window in enumerate(windows):
        kept = (window / passed ** (0.5 / len(windows))).astype(np.float32)[: kspace.shape[axis]]
        kspace *= kept.reshape([-1 if a == axis else 1 for a in range(len(windows))])
    return np.ascontiguousarray(irfftn(kspace, outer)[tuple(map(slice, shape))])


def cropping_matrix(size: int, factor: float) -> npt.NDArray[np.float64]:
    """(m, size): samples at `aligned_grid`'s positions of the trigonometric interpolant, cut at the new Nyquist."""
    grid = aligned_grid(size, factor)
    orders = np.arange(int(np.floor(size / (2 * factor) + 1e-9)) + 1)
    weights = np.where(orders == 0, 1.0, 2.0)
    if factor == 1 and size % 2 == 0:
        weights[-1] = 1.0  # the Nyquist sample of the old grid is there only once
    lag = grid.positions[:, None] - np.arange(size)[None, :]
    return _cosine_sum(lag / size, orders, weights) / size


def zero_filling_matrix(size: int, factor: float, new_size: int) -> npt.NDArray[np.float64]:
    """(new_size, size): trigonometric interpolation of a scan that is `factor` times coarser, on the same box."""
    if not (np.isfinite(factor) and factor > 0):
        raise UsageError(f"a sampling factor must be positive, got {factor}")
    positions = (np.arange(new_size) - (new_size - 1) / 2) / factor + (size - 1) / 2
    orders = np.arange(size // 2 + 1)
    weights = np.where(orders == 0, 1.0, 2.0)
    if size % 2 == 0:
        weights[-1] = 1.0  # half at each end of the spectrum
    lag = positions[:, None] - np.arange(size)[None, :]
    return _cosine_sum(lag / size, orders, weights) / size


def _cosine_sum(
    phase: npt.NDArray[np.float64], orders: npt.NDArray[np.intp], weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Σ weights·cos(2π·orders·phase), one order after another: the whole would be a cube."""
    total = np.zeros_like(phase)
    for order, weight in zip(orders, weights, strict=True):
        total += weight * np.cos(2 * np.pi * order * phase)
    return total


def _checked_fractions(fraction: float | Sequence[float], taper: float, ndim: int) -> tuple[float, ...]:
    fractions = per_axis(fraction, ndim, "fraction")
    if not all(0 < f <= 1 for f in fractions) or not 0 <= taper <= 1:
        raise UsageError(f"fraction must be above 0 and at most 1 and taper 0 to 1, got {fractions} and {taper}")
    return fractions


def _band(length: int, fraction: float, taper: float) -> npt.NDArray[np.float64]:
    """Window on fftfreq's order: 1 below `fraction` of Nyquist, less the taper, 0 from there on; all ones at 1."""
    relative = np.abs(np.fft.fftfreq(length)) / 0.5 / fraction
    window = (relative < 1).astype(float)
    if fraction == 1:
        window[:] = 1
    if taper > 0:
        fall = np.clip((relative - (1 - taper)) / taper, 0, 1)
        window *= 0.5 + 0.5 * np.cos(np.pi * fall)
    return window


def _acquired(
    voxels: Array,
    rng: np.random.Generator,
    windows: list[npt.NDArray[np.float64]],
    sigma: float,
    magnitude: bool,
    record: dict[str, Any],
) -> Degraded:
    """The image of `voxels`' k-space with noise, under a separable window on each axis."""
    from scipy.fft import fftn, ifftn

    _check_sigma(sigma)
    kspace = fftn(voxels, norm="ortho")
    if sigma > 0:
        passed = float(np.prod([np.mean(window**2) for window in windows]))
        white = np.float32(sigma / np.sqrt(passed))
        kspace.real += white * rng.standard_normal(voxels.shape, dtype=np.float32)
        kspace.imag += white * rng.standard_normal(voxels.shape, dtype=np.float32)
    for axis, window in enumerate(windows):
        kspace *= window.astype(np.float32).reshape([-1 if a == axis else 1 for a in range(voxels.ndim)])
    image = ifftn(kspace, norm="ortho", overwrite_x=True)
    shown = np.abs(image) if magnitude else np.ascontiguousarray(image.real)
    return Degraded(shown, {**record, "sigma": float(sigma), "magnitude": magnitude})


def _check_sigma(sigma: float) -> None:
    if not (np.isfinite(sigma) and sigma >= 0):
        raise UsageError(f"sigma must be finite and not negative, got {sigma}")
