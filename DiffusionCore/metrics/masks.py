"""Where figures are taken: tissue in MR, the body in CT; and the data range that goes with them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from DiffusionCore.errors import UsageError
from DiffusionCore.volume.intensity import percentile_above_zero

Mask = npt.NDArray[np.bool_]

MR_TISSUE = 0.05
"""MR tissue is above this fraction of p99.5."""
CT_BODY_HU = -500.0
CT_WINDOWS: tuple[tuple[float, float], ...] = ((-160.0, 240.0), (-1000.0, 1000.0))
"""HU windows in which CT figures are given: soft tissue, and everything."""


def tissue_mask(x: npt.NDArray, modality: str, *, level: float | None = None, scale: float = 1.0) -> Mask:
    """Voxels that figures are taken over, in a clean scan (K, J, I) or slice (J, I).

    MR and others: x > 5 % of p99.5, of the voxels above zero, or of `level` where `x` is a crop of something larger.
    CT: the body (`body_mask`); `x` times `scale` is in HU. Raises `UsageError` for a CT that is plainly not in HU.
    """
    x = np.asarray(x)
    if modality == "CT":
        if scale == 1.0 and x.size and -3 < x.min() < -0.3 and x.max() < 10:
            raise UsageError("a CT's tissue is found in HU, and these values are normalised; say scale=1000")
        return body_mask(x if scale == 1.0 else x * np.float32(scale))
    level = percentile_above_zero(x, 99.5) if level is None else level
    return x > MR_TISSUE * level if level else np.zeros(x.shape, dtype=bool)


def body_mask(hu: npt.NDArray) -> Mask:
    """The patient in a CT (K, J, I) or (J, I) in HU: above -500 HU, without the table, with lungs and bowel.

    Slice by slice: thin things (table, clothes) go by an opening with 5 x 5 voxels, pieces under a tenth of the largest
    are dropped, and what cannot be reached from the slice's edge is filled.
    """
    from scipy.ndimage import maximum_filter, minimum_filter

    hu = np.asarray(hu)
    slices = hu[None] if hu.ndim == 2 else hu
    mask = np.zeros(slices.shape, dtype=bool)
    for k, image in enumerate(slices):
        dense = image > CT_BODY_HU
        # A body that is cut off by the slice's edge is not thin there: the edge repeats.
        opened = minimum_filter(dense.view(np.uint8), 5, mode="nearest")
        opened = maximum_filter(opened, 5, mode="nearest").astype(bool)
        mask[k] = _filled(_large_parts(opened))
    return mask.reshape(hu.shape)


def data_range(x: npt.NDArray, modality: str) -> float:
    """What PSNR and SSIM count as full scale: p99.5 of the voxels above zero in MR, 2000 HU in CT."""
    if modality == "CT":
        low, high = CT_WINDOWS[-1]
        return high - low
    level = percentile_above_zero(np.asarray(x), 99.5)
    if not level:
        raise UsageError("the scan has no voxel above zero, so it has no data range; give one")
    return level


def _large_parts(image: Mask) -> Mask:
    from scipy.ndimage import label

    labels, count = label(image)
    if count < 2:
        return image
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return (sizes >= 0.1 * sizes.max())[labels] & image


def _filled(image: Mask) -> Mask:
    from scipy.ndimage import label

    labels, _ = label(~image)
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    outside = np.zeros(labels.max() + 1, dtype=bool)
    outside[edge] = True
    outside[0] = False
    return ~outside[labels]
