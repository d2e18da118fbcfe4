"""What the noise alone would leave in a filtered residual: its deviation from its power spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.degradation import rician_moments, spectrum_for
from DiffusionCore.metrics.noise_estimate import NoiseEstimate

Floats = npt.NDArray[np.float32]

PLANE, DEPTH = 64, 32
"""Frequencies along the axes of a slice, and across slices, that a filter is integrated over."""
STRONGEST_BETWEEN_SLICES = 0.9
TRUNCATE = 3.0
"""Standard deviations at which a Gaussian is cut off."""
MOST_SNR, STEPS = 30, 40
"""Amplitude over sigma from which Rician noise counts as normal, and entries of its table a unit below."""


@dataclass(frozen=True, eq=False)
class NoiseShape:
    """The noise's spectrum as the product of one in the slice and one across slices, both of mean 1.

    plane  (PLANE, PLANE), zero frequency first
    depth  (DEPTH,), zero frequency first
    """

    plane: npt.NDArray[np.float64]
    depth: npt.NDArray[np.float64]

    def deviation(self, response: Sequence[npt.NDArray[np.float64]]) -> float:
        """Standard deviation of unit noise after a filter with this response on the frequencies of `frequencies()`."""
        power = response * response * self.depth[:, None, None] * self.plane
        return float(np.sqrt(power.mean()))

    def gain(self, slices: Floats) -> float:
        """Variance of the sum of noise times a pattern (K, J, I), over that with white noise of the same variance."""
        pattern = np.abs(np.fft.fft2(slices)) ** 2
        total = float(pattern.sum())
        return float((pattern * spectrum_for(self.plane, slices.shape[1:])).sum() / total) if total > 0 else 1.0


def noise_shape(noise: NoiseEstimate, *, white: bool) -> NoiseShape:
    """The shape of a measured noise's spectrum; flat if `white`, or where no spectrum could be measured.

    Across slices the noise is taken as autoregressive with the measured lag-one correlation, which holds some anatomy:
    the deviation of a smooth filter is then over- rather than underestimated.
    """
    flat = NoiseShape(np.ones((PLANE, PLANE)), np.ones(DEPTH))
    if white or noise.spectrum is None or not noise.spectrum.any():
        return flat
    plane = spectrum_for(noise.spectrum, (PLANE, PLANE))
    between = noise.correlation[0]
    between = float(np.clip(between, 0, STRONGEST_BETWEEN_SLICES)) if between == between else 0.0
    depth = (1 - between**2) / (1 - 2 * between * np.cos(2 * np.pi * np.fft.fftfreq(DEPTH)) + between**2)
    return NoiseShape(plane / plane.mean(), depth / depth.mean())


def frequencies() -> tuple[npt.NDArray[np.float64], ...]:
    """Cycles a voxel along (k, j, i) that `NoiseShape` knows."""
    return np.fft.fftfreq(DEPTH), np.fft.fftfreq(PLANE), np.fft.fftfreq(PLANE)


def gaussian_line(width: float) -> npt.NDArray[np.float64]:
    """The weights along one axis of `scipy.ndimage.gaussian_filter` with `truncate=TRUNCATE`."""
    reach = int(TRUNCATE * width + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(width, 1e-6)) ** 2)
    return weights / weights.sum()


def gaussian_response(widths: Sequence[float]) -> npt.NDArray[np.float64]:
    """Response of a Gaussian of these standard deviations (voxels along k, j, i), as it is sampled and cut off."""
    lines = []
    for width, frequency in zip(widths, frequencies(), strict=True):
        weights = gaussian_line(width)
        lag = np.arange(len(weights)) - len(weights) // 2
        lines.append(np.cos(2 * np.pi * np.outer(frequency, lag)) @ weights)
    return _outer(lines)


def box_response(widths: Sequence[int]) -> npt.NDArray[np.float64]:
    """Response of a moving mean over so many voxels along (k, j, i)."""
    return _outer([np.sinc(f * w) / np.sinc(f) for w, f in zip(widths, frequencies(), strict=True)])


def standardised(original: Floats, enhanced: Floats, sigma: Floats | float, *, rician: bool) -> Floats:
    """What was removed, in units of what the noise would be: about zero mean and unit variance if it was noise alone.

    In MR magnitude data the noise's mean and deviation depend on the amplitude, for which the enhanced scan stands
    (`rician_moments`); an MR result is compared with what a scan of it would have looked like, bias included.
    """
    removed = (original - enhanced) / sigma
    if not rician:
        return removed
    amplitude = np.arange(MOST_SNR * STEPS + 1) / STEPS
    mean, variance = rician_moments(amplitude, 1.0)
    # To the nearest entry, 1/80 of sigma at most: an interpolation of every voxel takes longer than all the filters.
    nearest = np.clip(enhanced * (STEPS / sigma) + 0.5, 0, MOST_SNR * STEPS).astype(np.int16)
    removed -= (mean - amplitude).astype(np.float32)[nearest]
    removed /= np.sqrt(variance).astype(np.float32)[nearest]
    return removed


def _outer(lines: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    k, j, i = lines
    return k[:, None, None] * j[:, None] * i
