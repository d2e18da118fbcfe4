"""Noise in the air around the patient."""

from __future__ import annotations

import numpy as np

from DiffusionCore.metrics.flat_tissue import AIR_HU, Floats
from DiffusionCore.metrics.rician import RAYLEIGH_RATIO

_WINDOW = 9
FEWEST = 40


def rayleigh_air(voxels: Floats, reference: float) -> float | None:
    """Channel noise of MR magnitude data from its background (k, J, I), or None if there is none that can be trusted.

    Windows of 9 x 9 voxels are looked at, those of the lowest mean that are not zeroed. Where there is no signal their
    mean over their deviation is that of a Rayleigh variable (1.913) and their mean square 2 sigma^2; backgrounds that
    were filtered, or combined from many coils, and dark tissue fail that ratio.
    Source: Gudbjartsson & Patz, Magn Reson Med 34:910 (1995), eq. 5.
    """
    mean, square, zeros = _window_moments(voxels, voxels == 0)
    deviation = np.sqrt(np.maximum(square - mean**2, 0) * (_WINDOW**2 / (_WINDOW**2 - 1)))
    dark = (mean < 0.35 * reference) & (zeros < 0.1) & (deviation > 0)
    if np.count_nonzero(dark) < FEWEST:
        return None
    # Means of windows of noise scatter by 0.523 sigma / 9: 6 %.
    darkest = dark & (mean < 1.3 * np.quantile(mean[dark], 0.1))
    rayleigh = darkest & (np.abs(mean / np.maximum(deviation, 1e-30) / RAYLEIGH_RATIO - 1) < 0.25)
    found = np.count_nonzero(rayleigh)
    zeroed = np.count_nonzero(zeros > 0.5)
    if found < max(FEWEST, 0.01 * mean.size, zeroed) or found < 0.6 * np.count_nonzero(darkest):
        return None
    return float(np.sqrt(np.median(square[rayleigh]) / 2))


def air_deviation(voxels: Floats) -> float | None:
    """Standard deviation of CT's air (HU), or None if there is none or the scale's lower end cuts its noise off."""
    floor = voxels.min()
    mean, square, cut = _window_moments(voxels, voxels == floor)
    variance = np.maximum(square - mean**2, 0) * (_WINDOW**2 / (_WINDOW**2 - 1))
    air = (mean < AIR_HU) & (cut < 0.02) & (variance > 0)
    if np.count_nonzero(air) < max(FEWEST, 0.02 * air.size):
        return None
    # The quieter windows: streaks, clothes and the table are in the others.
    return float(np.sqrt(np.quantile(variance[air], 0.25)))


def _window_moments(voxels: Floats, marked: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, mean square and share of marked voxels in windows that stand side by side, of every other slice."""
    n = _WINDOW
    part, marks = voxels[::2], marked[::2]
    rows, columns = part.shape[1] // n, part.shape[2] // n
    tiles = part[:, : rows * n, : columns * n].reshape(len(part), rows, n, columns, n).astype(np.float64)
    marks = marks[:, : rows * n, : columns * n].reshape(len(part), rows, n, columns, n)
    return tiles.mean(axis=(2, 4)), np.square(tiles).mean(axis=(2, 4)), marks.mean(axis=(2, 4))
