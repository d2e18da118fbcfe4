"""Where noise can be measured: tissue, and the quiet part of it, found in one slab of slices at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

SOFT_TISSUE_HU = (-200.0, 200.0)
AIR_HU = -900.0
SIGNAL = 0.10
"""MR signal starts at this fraction of p99.5 (of the local mean, so that noise does not decide voxel by voxel)."""


@dataclass(frozen=True, eq=False)
class Slab:
    """A few neighbouring slices and what was found in them; arrays (k, J, I).

    local_mean  5 x 5 mean in the plane
    tissue      where the local mean is that of tissue
    quiet       the part of `tissue` where the local mean changes least: away from edges
    """

    voxels: Floats
    local_mean: Floats
    tissue: Mask
    quiet: Mask


def grid_sample(voxels: npt.NDArray, count: int = 300_000) -> Floats:
    """About `count` finite values on a regular sub-grid of a volume; a view is read, nothing large is copied."""
    step = max(1, round((voxels.size / count) ** (1 / 3)))
    strides = [step if n > 4 * step else 1 for n in voxels.shape]
    sample = np.asarray(voxels[tuple(slice(None, None, s) for s in strides)], dtype=np.float32).ravel()
    return sample[np.isfinite(sample)]


def reference_level(voxels: npt.NDArray) -> float:
    """p99.5 of the voxels above zero, from a sample; 0 if there are none."""
    sample = grid_sample(voxels)
    sample = sample[sample > 0]
    return float(np.percentile(sample, 99.5)) if sample.size else 0.0


def slab_ranges(shape: tuple[int, int, int], count: int) -> list[tuple[int, int]]:
    """First and last + 1 slice of `count` slabs spread over the middle 70 % of the slices, the central one first.

    A slab has 2 to 8 slices and about 300 000 voxels, which one core goes through within some 50 ms.
    """
    slices = shape[0]
    thick = int(min(slices, np.clip(300_000 // (shape[1] * shape[2]), 2, 8)))
    count = max(1, min(count, slices // thick))
    centres = (np.arange(count) + 0.5) / count
    span = 0.7 if slices >= 3 * thick * count else 1.0
    starts = np.clip(np.round((0.5 + span * (centres - 0.5)) * slices - thick / 2), 0, slices - thick).astype(int)
    ordered = sorted(set(starts.tolist()), key=lambda start: abs(start + thick / 2 - slices / 2))
    return [(start, start + thick) for start in ordered]


def slices_alike(slices: int, spacing: Sequence[float] | None) -> bool:
    """Whether neighbouring slices show nearly the same tissue: spacing at most 1.6 times that in the plane.

    Without a spacing, stacks of 16 slices or more count as such.
    """
    if slices < 2:
        return False
    return slices >= 16 if spacing is None else bool(spacing[0] <= 1.6 * max(spacing[1], spacing[2]))


def local_mean(voxels: Floats, size: int = 5) -> Floats:
    """Mean over size x size voxels in the plane."""
    from scipy.ndimage import uniform_filter

    return uniform_filter(voxels, size=(1, size, size), mode="nearest")


def tissue_by_level(mean: Floats, modality: str, reference: float, mask: Mask | None) -> Mask:
    """Tissue by its local mean: soft tissue in CT, above a tenth of p99.5 elsewhere, everything if signed."""
    if modality == "CT":
        tissue = (mean > SOFT_TISSUE_HU[0]) & (mean < SOFT_TISSUE_HU[1])
        if np.count_nonzero(tissue) < 2000:
            tissue = mean > AIR_HU
    elif modality == "MR":
        tissue = mean > SIGNAL * reference
    else:
        tissue = np.ones(mean.shape, dtype=bool)
    return tissue if mask is None else tissue & mask


def quiet_part(mean: Floats, tissue: Mask, share: float = 0.4) -> Mask:
    """The `share` of `tissue` where the local mean changes least across 6 voxels in the plane.

    The gradient of the mean is nearly independent of the finest sub-bands' noise, so choosing by it leaves the noise's
    deviation unbiased; edges, which leak into those sub-bands, are left out.
    """
    slope = np.zeros_like(mean)
    if mean.shape[1] > 6:
        slope[:, 3:-3] += np.abs(mean[:, 6:] - mean[:, :-6])
    if mean.shape[2] > 6:
        slope[:, :, 3:-3] += np.abs(mean[:, :, 6:] - mean[:, :, :-6])
    found = slope[tissue]
    if not found.size:
        return tissue
    limit = np.quantile(found[:: max(1, found.size // 50_000)], share)
    return tissue & (slope <= limit)


def find_slab(voxels: Floats, modality: str, reference: float, mask: Mask | None, floor: float = 0.0) -> Slab:
    """Tissue and its quiet part in one slab; `floor` is a local mean under which there is nothing but noise (MR)."""
    mean = local_mean(voxels)
    tissue = tissue_by_level(mean, modality, reference, mask)
    if modality == "MR" and floor > 0 and np.count_nonzero(above := tissue & (mean > floor)) > 500:
        tissue = above
    return Slab(voxels, mean, tissue, quiet_part(mean, tissue))


def flat_windows(slab: Slab, size: int, most: int) -> tuple[Floats, Floats]:
    """Up to `most` windows wholly in tissue at the same place in two neighbouring slices: (N, size, size) each.

    They come from one slice only (the second array is then empty) when the slab has a single slice. Windows stand on a
    grid of half their size.
    """
    from numpy.lib.stride_tricks import sliding_window_view

    nothing = np.empty((0, size, size), dtype=np.float32)
    if min(slab.voxels.shape[1:]) < size:
        return nothing, nothing
    step = max(2, size // 2)
    inside = slab.tissue
    paired = len(inside) > 1
    if paired:
        inside = inside[:-1] & inside[1:]
    inside = inside[::2] if len(inside) > 2 else inside[:1]
    covered = sliding_window_view(inside, (size, size), axis=(1, 2))[:, ::step, ::step].mean(axis=(3, 4)) > 0.99
    places = np.argwhere(covered)
    if len(places) > most:
        places = places[np.linspace(0, len(places) - 1, most).astype(int)]
    views = sliding_window_view(slab.voxels, (size, size), axis=(1, 2))[:, ::step, ::step]
    first = views[2 * places[:, 0], places[:, 1], places[:, 2]]
    second = views[2 * places[:, 0] + 1, places[:, 1], places[:, 2]] if paired else nothing
    return np.ascontiguousarray(first), np.ascontiguousarray(second)
