"""Where a patch is cut from a scan."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .readers import Scan


def scan_weights(scans: Sequence[Scan], prefer_clean: float, singles: float | None = None) -> np.ndarray:
    """Probability of each scan: (least noise / its noise) ** prefer_clean, scaled; evenly where a noise is not known.

    With `singles`, the scans of one slice have this share together, if there are scans of both kinds.
    """
    noise = [scan.noise for scan in scans]
    weights = np.ones(len(scans))
    if prefer_clean > 0 and all(value is not None for value in noise):
        weights = (min(noise) / np.asarray(noise, dtype=np.float64)) ** prefer_clean
    single = np.array([scan.voxels.shape[0] == 1 for scan in scans])
    if singles is not None and single.any() and not single.all():
        weights[single] *= singles / weights[single].sum()
        weights[~single] *= (1 - singles) / weights[~single].sum()
    return weights / weights.sum()


def place_patch(scan: Scan, size: Sequence[int], rng: np.random.Generator, foreground: float) -> list[int]:
    """Where a patch of `size` begins: with probability `foreground` it lies about a voxel of tissue, else anywhere.

    Negative along an axis that is shorter than the patch, which then lies over the middle.
    """
    shape = scan.voxels.shape
    if len(scan.tissue) and rng.random() < foreground:
        centre = scan.tissue[rng.integers(len(scan.tissue))]
    else:
        centre = [rng.integers(length) for length in shape]
    start = []
    for c, s, n in zip(centre, size, shape, strict=True):
        before = int(rng.integers(s // 4, s - s // 4 + 1)) if s > 1 else 0
        start.append(int(np.clip(c - before, 0, n - s)) if n >= s else -((s - n) // 2))
    return start


def region(scan: Scan, start: Sequence[int], size: Sequence[int]) -> np.ndarray:
    """The normalised float32 block of `size` that begins at `start`; beyond its ends the scan is continued
    symmetrically, repeatedly if need be."""
    inside = all(a >= 0 and a + s <= n for a, s, n in zip(start, size, scan.voxels.shape, strict=True))
    if inside:
        return scan.normalised(tuple(slice(a, a + s) for a, s in zip(start, size, strict=True)))
    return scan.normalised(
        np.ix_(*(symmetric(a, s, n) for a, s, n in zip(start, size, scan.voxels.shape, strict=True)))
    )


def symmetric(start: int, count: int, length: int) -> np.ndarray:
    """`count` indices from `start` on into an axis of `length` that is mirrored, edges included, without end."""
    position = np.arange(start, start + count) % (2 * length)
    return np.where(position < length, position, 2 * length - 1 - position)
