"""CT padding on a finer grid: never interpolated into tissue, and there again in the result."""

from __future__ import annotations

import numpy as np

from ...volume import Volume
from ...volume.padding import ct_padding_mask
from .finer_grid import FinerGrid

AIR = -1000.0


def without_padding(volume: Volume) -> np.ndarray:
    """(K, J, I) voxels with air in place of CT's padding; float32 where there is any."""
    if volume.modality != "CT":
        return volume.voxels
    mask = ct_padding_mask(volume.voxels)
    return np.where(mask, np.float32(AIR), volume.voxels.astype(np.float32)) if mask.any() else volume.voxels


def padding_at(volume: Volume, grid: FinerGrid) -> tuple[np.ndarray, np.ndarray] | None:
    """(mask, values) of the padding on the finer grid, by the nearest voxel; None where there is none."""
    if volume.modality != "CT":
        return None
    mask = ct_padding_mask(volume.voxels)
    if not mask.any():
        return None
    nearest = []
    for size, new, factor in zip(volume.shape, grid.shape, grid.factors, strict=True):
        places = (np.arange(new) - (new - 1) / 2) / factor + (size - 1) / 2
        nearest.append(np.clip(np.rint(places).astype(int), 0, size - 1))
    there = np.ix_(*nearest)
    return mask[there], volume.voxels[there]
