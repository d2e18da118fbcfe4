"""White noise from the finest wavelet sub-band, where hardly any anatomy is left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.metrics.flat_tissue import Floats, Slab, grid_sample
from DiffusionCore.metrics.rician import factor_from_mean, koay_sigma

GAUSSIAN_MAD = 0.6744897501960817


@dataclass(frozen=True, eq=False)
class Band:
    """Coefficients of one sub-band in quiet tissue and the local mean at each; `quantum` is their smallest step."""

    coefficients: Floats
    means: Floats
    quantum: float


def haar_diagonal(voxels: Floats, distance: int = 1, along_slices: bool = False) -> Floats:
    """The undecimated diagonal Haar sub-band of a slab (k, J, I): HH in the plane, or HHH with `along_slices`.

    Its deviation is that of white noise in `voxels`. Each differenced axis is shorter by `distance` (slices by 1).
    """
    d = distance
    rows = voxels[:, d:] - voxels[:, :-d]
    band = rows[:, :, d:] - rows[:, :, :-d]
    band *= 0.5
    if along_slices:
        band = band[1:] - band[:-1]
        band *= np.float32(np.sqrt(0.5))
    return band


def crop_like_band(array: npt.NDArray, distance: int = 1, along_slices: bool = False) -> npt.NDArray:
    """The voxels of `array` that `haar_diagonal`'s coefficients stand for (the near corner of each)."""
    return array[: len(array) - int(along_slices), :-distance, :-distance]


def quiet_band(slab: Slab, quantum: float, along_slices: bool, most: int = 20_000) -> Band:
    """Up to `most` coefficients of a slab's finest sub-band in quiet tissue."""
    nothing = np.empty(0, dtype=np.float32)
    if min(slab.voxels.shape[1:]) < 2 or (along_slices and len(slab.voxels) < 2):
        return Band(nothing, nothing, 0.0)
    chosen = crop_like_band(slab.quiet, 1, along_slices)
    coefficients = haar_diagonal(slab.voxels, 1, along_slices)[chosen]
    step = max(1, -(-len(coefficients) // most))
    means = crop_like_band(slab.local_mean, 1, along_slices)[chosen]
    return Band(coefficients[::step], means[::step], quantum / (8**0.5 if along_slices else 2.0))


def pooled(bands: list[Band], most: int = 60_000) -> Band:
    """The coefficients of several slabs as one, at most about `most` of them."""
    step = max(1, -(-sum(len(band.coefficients) for band in bands) // most))
    return Band(
        np.concatenate([band.coefficients[::step] for band in bands]),
        np.concatenate([band.means[::step] for band in bands]),
        max(band.quantum for band in bands),
    )


def robust_deviation(values: npt.NDArray, quantum: float = 0.0) -> float:
    """Median absolute deviation from zero over 0.6745: the standard deviation of normal values among outliers.

    Values on a grid of step `quantum` (integer scans) are first spread evenly over their step, so that the median does
    not jump from one grid value to the next (the grouped median).
    Source: Donoho & Johnstone, Biometrika 81:425 (1994), section 4.2.
    """
    if not np.any(values):
        return 0.0
    if quantum > 0:
        # The golden-ratio sequence is even over any stretch and needs no random numbers.
        spread = (np.arange(len(values)) * 0.6180339887498949) % 1.0 - 0.5
        values = values + quantum * spread
    return float(np.median(np.abs(values)) / GAUSSIAN_MAD)


def band_sigma(band: Band, rician: bool) -> float:
    """Noise level from a sub-band's coefficients, freed of the Rician bias if asked; 0 where there is none."""
    sigma = robust_deviation(band.coefficients, band.quantum)
    if not rician or sigma <= 0 or not len(band.means):
        return sigma
    sigma = float(koay_sigma(np.median(band.means), sigma))
    for _ in range(4):
        factor = np.sqrt(factor_from_mean(band.means, sigma))
        sigma = robust_deviation(band.coefficients / factor, band.quantum)
    return sigma


def smallest_step(voxels: npt.NDArray) -> float:
    """The step of a volume's values: 1 for integers, the gap between levels for rescaled ones, 0 if continuous."""
    if voxels.dtype.kind in "iub":
        return 1.0
    sample = grid_sample(voxels, 20_000)
    levels = np.unique(sample.astype(np.float64))
    if len(levels) < 2 or len(levels) > 0.2 * len(sample):
        return 0.0
    return float(np.quantile(np.diff(levels), 0.1))
