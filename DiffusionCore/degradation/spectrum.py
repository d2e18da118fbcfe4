"""The power spectrum of correlated noise: measured from realisations, and noise drawn with a given one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from DiffusionCore.degradation.degraded import Degraded, checked_sigma, checked_voxels, sigma_record
from DiffusionCore.errors import UsageError

Power = npt.NDArray[np.float64]


def power_spectrum(noise: npt.ArrayLike, size: int = 64) -> Power:
    """Two-dimensional power spectrum (size, size) of noise slices (J, I) or (K, J, I), frequency 0 first.

    Welch's average over half-overlapping patches with a Hann window, their means taken out. Scaled so that the mean of
    the spectrum is the variance: white noise of standard deviation s has s² everywhere. Axis n of the result is
    `np.fft.fftfreq(size)` in cycles per pixel.

    Source: Welch, IEEE Trans Audio Electroacoust 15:70 (1967); ICRU Report 87 (2012) for the noise power in CT.
    """
    slices = checked_voxels(noise)
    slices = slices.reshape(-1, *slices.shape[-2:])
    size = min(size, *slices.shape[1:])
    if size < 4:
        raise UsageError(f"slices of at least 4 × 4 pixels are needed for a spectrum, got {slices.shape[1:]}")
    window = np.hanning(size + 2)[1:-1]
    window = np.outer(window, window)
    window /= np.linalg.norm(window)
    starts = [_starts(length, size) for length in slices.shape[1:]]
    total = np.zeros((size, size))
    for plane in slices:
        for j in starts[0]:
            for i in starts[1]:
                patch = plane[j : j + size, i : i + size].astype(np.float64)
                total += np.abs(np.fft.fft2((patch - patch.mean()) * window)) ** 2
    return total / (len(slices) * len(starts[0]) * len(starts[1]))


def spectrum_for(power: npt.ArrayLike, shape: Sequence[int]) -> Power:
    """A power spectrum (n, n) on the frequencies of a slice of `shape` (J, I), with the same variance.

    The covariance is carried over, and taken as zero beyond the lags that (n, n) knows.
    """
    power = _checked_power(power)
    covariance = np.fft.ifft2(power).real
    larger = np.zeros(tuple(shape))
    lags = [_common_lags(known, wanted) for known, wanted in zip(power.shape, shape, strict=True)]
    larger[np.ix_(*lags)] = covariance[np.ix_(*lags)]
    return np.clip(np.fft.fft2(larger).real, 0, None)


def radial_spectrum(
    frequency: npt.ArrayLike, power: npt.ArrayLike, shape: Sequence[int], pixel: Sequence[float] = (1.0, 1.0)
) -> Power:
    """The isotropic spectrum of a slice of `shape` (J, I) from `power` at radial `frequency` in cycles per unit.

    `pixel` is the (J, I) spacing in that unit (1: cycles per pixel); between the frequencies it is linear.
    """
    frequency, power = np.asarray(frequency, np.float64), np.asarray(power, np.float64)
    if frequency.ndim != 1 or frequency.shape != power.shape or np.any(np.diff(frequency) <= 0):
        raise UsageError("a radial spectrum needs one power for each frequency, frequencies rising")
    if np.any(power < 0) or not np.all(np.isfinite(power)):
        raise UsageError("a power spectrum must be finite and not negative")
    axes = [np.fft.fftfreq(length, spacing) for length, spacing in zip(shape, pixel, strict=True)]
    return np.interp(np.hypot(axes[0][:, None], axes[1][None, :]), frequency, power)


def radial_mean(power: npt.ArrayLike, bins: int = 32) -> tuple[Power, Power]:
    """Frequencies (cycles per pixel, up to 0.5) and mean power of `bins` rings of equal width; empty rings left out."""
    power = _checked_power(power)
    radius = np.hypot(*np.meshgrid(*(np.fft.fftfreq(length) for length in power.shape), indexing="ij"))
    ring = np.floor(radius * 2 * bins).astype(int)
    inside = (ring < bins) & (radius > 0)
    count = np.bincount(ring[inside], minlength=bins)
    filled = count > 0
    mean_radius = np.bincount(ring[inside], radius[inside], bins)[filled] / count[filled]
    return mean_radius, np.bincount(ring[inside], power[inside], bins)[filled] / count[filled]


def correlated(
    x: npt.ArrayLike, rng: np.random.Generator, sigma: npt.ArrayLike, power: npt.ArrayLike, margin: int = 32
) -> Degraded:
    """Add normal noise of standard deviation `sigma` (number or map) whose spectrum in the slice has `power`'s shape.

    Args:
        x: (K, J, I), slices independent of each other, or (J, I).
        power: (n, n) or (J, I) as from `power_spectrum`; only its shape counts. The noise is stationary before `sigma`.
        margin: pixels drawn beyond the slice and thrown away, so that opposite borders are not correlated.
    """
    voxels = checked_voxels(x)
    deviation = checked_sigma(sigma, voxels.shape)
    noise = shaped_noise(voxels.shape, rng, power, margin)
    noise *= deviation
    noise += voxels
    return Degraded(noise, {"kind": "correlated", **sigma_record(deviation)})


def shaped_noise(
    shape: Sequence[int], rng: np.random.Generator, power: npt.ArrayLike, margin: int = 32
) -> npt.NDArray[np.float32]:
    """Normal noise of `shape` (K, J, I) or (J, I), variance 1, spectrum in the slice in proportion to `power`."""
    from scipy.fft import irfft2, next_fast_len, rfft2

    plane = tuple(next_fast_len(length + margin, real=True) for length in shape[-2:])
    amplitude = np.sqrt(spectrum_for(power, plane))
    norm = np.sqrt(np.mean(amplitude**2))
    if norm == 0:
        raise UsageError("a power spectrum that is zero everywhere has no shape to give to noise")
    amplitude = (amplitude[:, : plane[1] // 2 + 1] / norm).astype(np.float32)
    noise = rng.standard_normal((*shape[:-2], *plane), dtype=np.float32)
    noise = irfft2(rfft2(noise) * amplitude, plane)
    return np.ascontiguousarray(noise[..., : shape[-2], : shape[-1]], dtype=np.float32)


def _starts(length: int, size: int) -> list[int]:
    steps = max(1, round(2 * (length - size) / size))
    return sorted({round(k * (length - size) / steps) for k in range(steps + 1)})


def _common_lags(known: int, wanted: int) -> npt.NDArray[np.intp]:
    """The lags that both lengths hold, as fftfreq-ordered indices that are the same, from the end, in both."""
    half = (min(known, wanted) - 1) // 2
    return np.arange(-half, half + 1)


def _checked_power(power: npt.ArrayLike) -> Power:
    power = np.asarray(power, dtype=np.float64)
    if power.ndim != 2 or not np.all(np.isfinite(power)) or np.any(power < 0):
        raise UsageError("a power spectrum must be two-dimensional, finite and not negative")
    return power
