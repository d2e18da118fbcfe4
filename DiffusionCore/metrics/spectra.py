"""Power spectra: of noise (a residual or a flat region), of many small windows, and of an image by radius."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from DiffusionCore.errors import UsageError

FloatArray = npt.NDArray[np.float64]


def noise_power_spectrum(residual: npt.ArrayLike, spacing: Sequence[float] | None = None) -> FloatArray:
    """Noise power spectrum of one region, 2D (J, I) or 3D (K, J, I), zero frequency first, in units^2 mm^d.

    NPS(f) = prod(spacing)/prod(shape) |DFT(residual - mean)|^2, so the integral over all frequencies is the variance:
    sum(NPS) / prod(shape * spacing) = var(residual). Without `spacing` voxels are 1 (units^2 voxel^d).
    `residual` is what is left after the anatomy: a flat region, or the difference of two scans over sqrt(2).

    Source: ICRU Report 87, section 4; Siewerdsen et al., Med Phys 29:2655 (2002).
    """
    values = np.asarray(residual, dtype=np.float64)
    steps = _checked_spacing(values, spacing)
    return np.abs(np.fft.fftn(values - values.mean())) ** 2 * (np.prod(steps) / values.size)


def radial_average(
    power: npt.ArrayLike, spacing: Sequence[float] | None = None, bins: int | None = None
) -> tuple[FloatArray, FloatArray]:
    """Mean of a spectrum (zero frequency first) over rings or shells: (frequency, value).

    Frequencies are the bins' mean radius in cycles/mm (cycles/voxel without `spacing`), up to the coarsest axis'
    Nyquist frequency; zero frequency is left out. Empty bins are dropped.
    """
    values = np.asarray(power, dtype=np.float64)
    steps = _checked_spacing(values, spacing)
    radius = _radius(values.shape, steps)
    nyquist = 0.5 / max(d for d, n in zip(steps, values.shape, strict=True) if n > 1)
    count = bins or max(1, min(n for n in values.shape if n > 1) // 2)
    inside = (radius > 0) & (radius <= nyquist * (1 + 1e-9))
    ring = np.minimum((radius[inside] / nyquist * count).astype(np.intp), count - 1)
    members = np.bincount(ring, minlength=count)
    kept = members > 0
    frequency = np.bincount(ring, radius[inside], count)[kept] / members[kept]
    return frequency, np.bincount(ring, values[inside], count)[kept] / members[kept]


def mean_frequency(power: npt.ArrayLike, spacing: Sequence[float] | None = None) -> float:
    """The frequency of a spectrum (zero frequency first) on average over its power, in cycles/mm: low for coarse grain.

    In cycles/voxel without `spacing`; white noise on squares has 0.383. nan without any power.
    Source: Samei et al., AAPM Report 233 (2019), f_av.
    """
    values = np.asarray(power, dtype=np.float64)
    radius = _radius(values.shape, _checked_spacing(values, spacing))
    total = values.sum()
    return float((radius * values).sum() / total) if total > 0 else float("nan")


def radial_power_spectrum(
    image: npt.ArrayLike, spacing: Sequence[float] | None = None, bins: int | None = None
) -> tuple[FloatArray, FloatArray]:
    """Radially averaged power of an image (J, I) or volume (K, J, I): (frequency, power), to compare textures with.

    The mean is taken off and a Hann window (of unit mean square) applied, so that the borders' jump does not leak into
    all frequencies; in a stack of slices thinner than 8 the slices' spectra are averaged instead of going 3D.
    """
    values = np.asarray(image, dtype=np.float64)
    steps = _checked_spacing(values, spacing)
    if values.ndim == 3 and values.shape[0] < 8:
        power = np.mean([_tapered_power(piece) for piece in values], axis=0) * np.prod(steps[1:])
        return radial_average(power, steps[1:], bins)
    return radial_average(_tapered_power(values) * np.prod(steps), steps, bins)


def window_powers(windows: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.complex64]]:
    """Periodograms of many square windows (N, n, n): (power, transform), both (N, n, n // 2 + 1).

    Each window loses its weighted mean and is tapered by a sin^2 window of unit mean square, so white noise of variance
    v has power v at every frequency but the few next to zero that go with the mean.
    """
    n = windows.shape[-1]
    taper = hann(n)
    weights = taper / taper.sum()
    centred = windows - np.einsum("nji,ji->n", windows, weights)[:, None, None]
    transform = np.fft.rfft2(centred * taper).astype(np.complex64) / np.float32(n)
    return transform.real**2 + transform.imag**2, transform


def hann(n: int) -> npt.NDArray[np.float32]:
    """Separable sin^2 window (n, n) with unit mean square."""
    line = np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2
    window = np.outer(line, line)
    return (window / np.sqrt(np.mean(window**2))).astype(np.float32)


def _tapered_power(values: FloatArray) -> FloatArray:
    tapered = values - values.mean()
    for axis, n in enumerate(values.shape):
        line = np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 if n > 1 else np.ones(1)
        shape = [1] * values.ndim
        shape[axis] = n
        tapered = tapered * (line / np.sqrt(np.mean(line**2))).reshape(shape)
    return np.abs(np.fft.fftn(tapered)) ** 2 / values.size


def _radius(shape: Sequence[int], spacing: Sequence[float]) -> FloatArray:
    """The length of each frequency of a spectrum."""
    axes = [np.fft.fftfreq(n, d) for n, d in zip(shape, spacing, strict=True)]
    return np.sqrt(sum(f**2 for f in np.meshgrid(*axes, indexing="ij", sparse=True)))


def _checked_spacing(values: npt.NDArray, spacing: Sequence[float] | None) -> tuple[float, ...]:
    if values.ndim not in (2, 3) or values.size < 4:
        raise UsageError(f"a spectrum needs a 2D or 3D region of several voxels, got shape {values.shape}")
    steps = tuple(float(d) for d in spacing) if spacing is not None else (1.0,) * values.ndim
    if len(steps) != values.ndim or min(steps) <= 0:
        raise UsageError(f"spacing must be {values.ndim} positive lengths in mm, got {steps}")
    return steps
