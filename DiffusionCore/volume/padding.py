"""Voxels of a CT that were never reconstructed: the filling outside the scanner's circle, or around a cropped scan."""

from __future__ import annotations

import numpy as np

# Air is -1000 HU, and its noise stays above this even with a sharp kernel.
_NEVER_MEASURED = -1500
_AIR = -1000


def ct_padding_mask(voxels: np.ndarray) -> np.ndarray:
    """Bool (K, J, I), True where a CT in HU holds padding.

    Padding is any value of -1500 or less (scanners fill with -2000, -2048, -3024), and the lowest other value, if it is
    at most -1000, where it fills a solid region that reaches the edge of its slice. Air that noise made fall on the
    lowest value here and there is not solid, and air in lungs or bowel does not reach the edge.
    """
    mask = voxels <= _NEVER_MEASURED
    measured = voxels[~mask] if mask.any() else voxels
    if measured.size == 0 or (lowest := measured.min()) > _AIR:
        return mask
    same = voxels == lowest
    for k in np.flatnonzero(np.count_nonzero(same, axis=(1, 2)) >= 9):
        mask[k] |= _solid_at_the_edge(same[k])
    return mask


def _solid_at_the_edge(same: np.ndarray) -> np.ndarray:
    """The parts of a slice (J, I) that are unions of 3×3 squares, connected to the slice's edge, with their rim."""
    from scipy import ndimage

    extended = np.pad(same, 1, mode="edge")  # a strip along the edge, two voxels deep, is solid too
    solid = ndimage.binary_opening(extended, np.ones((3, 3), bool))
    labels, _ = ndimage.label(solid)
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    outer = np.isin(labels, np.unique(edge[edge > 0]))
    # A circle's rim is finer than squares.
    return ndimage.binary_dilation(outer, iterations=2, mask=extended)[1:-1, 1:-1] if outer.any() else outer[1:-1, 1:-1]
