"""Where in the scan the noise is stronger: a coarse map relative to its typical level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.metrics.flat_tissue import Slab
from DiffusionCore.metrics.noise_bands import crop_like_band, haar_diagonal, robust_deviation
from DiffusionCore.metrics.rician import koay_sigma

FEWEST = 120
"""Coefficients that a block needs: the deviation is then known to about 10 %."""
VARIES = 1.3
"""Ratio of the 95th to the 5th percentile of the smoothed map from which the noise counts as varying."""


@dataclass(frozen=True, eq=False)
class BlockNoise:
    """One slab's noise in the blocks of a coarse grid.

    level   (bj, bi) deviations, nan where a block has too little quiet tissue
    counts  (bj, bi) coefficients used
    centre  the slab's middle slice
    """

    level: npt.NDArray[np.float64]
    counts: npt.NDArray[np.float64]
    centre: float


def block_noise(
    slab: Slab, centre: float, *, quantum: float, rician: bool, along_slices: bool, distance: int, blocks: int
) -> BlockNoise:
    """Robust deviation of the diagonal Haar band in each of about `blocks` x `blocks` blocks of a slab.

    `distance` 2 follows noise of which next to nothing is in the finest band, like CT's.
    """
    rows, columns = (_edges(size, blocks) for size in slab.voxels.shape[1:])
    level = np.full((len(rows) - 1, len(columns) - 1), np.nan)
    means, counts = np.zeros_like(level), np.zeros_like(level)
    if min(slab.voxels.shape[1:]) <= distance:
        return BlockNoise(level, counts, centre)
    along_slices = along_slices and len(slab.voxels) > 1
    band = haar_diagonal(slab.voxels, distance, along_slices)
    quiet = crop_like_band(slab.quiet, distance, along_slices)
    mean = crop_like_band(slab.local_mean, distance, along_slices)
    step = quantum / (8**0.5 if along_slices else 2.0)
    for j, i in np.ndindex(level.shape):
        block = np.s_[:, rows[j] : rows[j + 1], columns[i] : columns[i + 1]]
        values = band[block][quiet[block]]
        counts[j, i] = len(values)
        if len(values) >= FEWEST:
            level[j, i] = robust_deviation(values, step)
            means[j, i] = mean[block][quiet[block]].mean()
    return BlockNoise(koay_sigma(means, level) if rician else level, counts, centre)


def relative_map(slabs: list[BlockNoise]) -> tuple[npt.NDArray[np.float32], tuple[float, ...]] | None:
    """A smooth map (slabs, bj, bi) of the noise over its median, 0.5 to 2, and the slabs' middle slices.

    None where the noise hardly varies.
    """
    from scipy.ndimage import gaussian_filter

    ordered = sorted(slabs, key=lambda slab: slab.centre)
    values = np.stack([slab.level for slab in ordered])
    counts = np.stack([slab.counts for slab in ordered])
    known = np.isfinite(values) & (values > 0)
    if np.count_nonzero(known) < 12:
        return None
    median = _weighted_median(values[known], counts[known])
    weight = np.where(known, counts, 0.0)
    logarithm = np.where(known, np.log(np.where(known, values, 1.0) / median), 0.0)
    # Neighbouring blocks share their evidence; blocks far from any tissue go back to the typical level.
    spread = (0.7, 1.0, 1.0)
    background = 0.02 * counts[known].mean()
    smooth = gaussian_filter(logarithm * weight, spread, mode="nearest")
    smooth /= gaussian_filter(weight, spread, mode="nearest") + background
    low, high = np.quantile(smooth[known], [0.05, 0.95])
    if np.exp(high - low) < VARIES:
        return None
    return np.exp(np.clip(smooth, -np.log(2), np.log(2))).astype(np.float32), tuple(slab.centre for slab in ordered)


def upsampled(coarse: npt.NDArray, places: tuple[npt.NDArray, ...], shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Linear interpolation of a coarse map, whose samples stand at `places` (fractions of the box), to `shape`."""
    result = np.asarray(coarse, dtype=np.float32)
    for axis, (where, size) in enumerate(zip(places, shape, strict=True)):
        centres = (np.arange(size) + 0.5) / size
        weights = np.stack([np.interp(centres, where, unit) for unit in np.eye(len(where))], axis=1)
        result = np.moveaxis(np.tensordot(weights.astype(np.float32), result, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(result)


def block_places(size: int, blocks: int) -> npt.NDArray[np.float64]:
    """Centres, as fractions of an axis of `size` voxels, of the blocks that `block_noise` cuts it into."""
    edges = _edges(size, blocks)
    return (edges[:-1] + edges[1:]) / 2 / size


def _edges(size: int, blocks: int) -> npt.NDArray[np.intp]:
    return np.unique(np.linspace(0, size, min(blocks, max(1, size // 16)) + 1).round().astype(np.intp))


def _weighted_median(values: npt.NDArray, weights: npt.NDArray) -> float:
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(cumulative, 0.5 * cumulative[-1])])
