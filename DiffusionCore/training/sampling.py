"""Where a patch is cut from a scan."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .readers import Scan


def scan_weights(scans: Sequence[Scan], prefer_clean: float) -> np.ndarray:
    """Probability of each scan: (least noise / its noise) ** prefer_clean, scaled; evenly where a noise is not known.

    A scan of many independent slices or patches counts like any other scan.
    """
    noise = [scan.noise for scan in scans]
    if prefer_clean == 0 or any(value is None for value in noise):
        return np.full(len(scans), 1 / len(scans))
    weights = (min(noise) / np.asarray(noise, dtype=np.float64)) ** prefer_clean
    return weights / weights.sum()


def cut_patch(scan: Scan, size: Sequence[int], rng: np.random.Generator, foreground: float) -> np.ndarray:
    """A normalised float32 patch of `size` (3 axes), with probability `foreground` about a voxel of tissue.

    Where the scan is shorter than the patch along an axis, it is continued symmetrically, repeatedly if need be.
    """
    shape = scan.voxels.shape
    if len(scan.tissue) and rng.random() < foreground:
        centre = scan.tissue[rng.integers(len(scan.tissue))]
    else:
        centre = [rng.integers(length) for length in shape]
    start = [
        int(np.clip(c - rng.integers(s // 4, s - s // 4 + 1) if s > 1 else c, 0, max(0, n - s)))
        for c, s, n in zip(centre, size, shape, strict=True)
    ]
    return region(scan, start, size)


def region(scan: Scan, start: Sequence[int], size: Sequence[int]) -> np.ndarray:
    """The normalised block of `size` that begins at `start`, continued symmetrically past the scan's far ends."""
    block = scan.normalised(tuple(slice(a, a + s) for a, s in zip(start, size, strict=True)))
    missing = [s - n for s, n in zip(size, block.shape, strict=True)]
    if any(missing):
        block = np.pad(block, [(m // 2, m - m // 2) for m in missing], mode="symmetric")
    return block
