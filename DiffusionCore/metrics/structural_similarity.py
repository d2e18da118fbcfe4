"""SSIM in two and three dimensions, a few slices at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from DiffusionCore.errors import UsageError
from DiffusionCore.metrics.reference import checked_pair, checked_range

SIGMA = 1.5
RADIUS = 5
K1, K2 = 0.01, 0.03
_CHUNK = 1_500_000


def ssim(
    x: npt.ArrayLike,
    reference: npt.ArrayLike,
    data_range: float,
    mask: npt.ArrayLike | None = None,
    dimensions: int | None = None,
) -> float:
    """Mean structural similarity of two images (J, I) or volumes (K, J, I) with 11-voxel Gaussian weights, sigma 1.5.

    Without a mask the mean leaves out a border of 5 voxels, as Wang et al. do; with one it is over the mask's voxels,
    their neighbourhoods mirrored at the border. `dimensions` 3 (where every axis has 11 voxels or more) weighs a volume
    in 3D, 2 slice by slice. Equals scikit-image's `structural_similarity` with `gaussian_weights=True` and
    `use_sample_covariance=False`.

    Source: Wang et al., IEEE Trans Image Process 13:600 (2004), eqs. 13-17.
    """
    checked_range(data_range)
    x, reference, mask = checked_pair(x, reference, mask)
    if x.ndim not in (2, 3):
        raise UsageError(f"SSIM is for images and volumes, got {x.ndim} dimensions")
    smallest = 2 * RADIUS + 1
    if min(x.shape[-2:]) < smallest:
        raise UsageError(f"SSIM needs slices of {smallest} x {smallest} voxels or more, got {x.shape[-2:]}")
    spatial = dimensions or (3 if x.ndim == 3 and x.shape[0] >= smallest else 2)
    if spatial not in (2, 3) or spatial > x.ndim or (spatial == 3 and x.shape[0] < smallest):
        raise UsageError(f"SSIM in {spatial} dimensions does not fit the shape {x.shape}")
    if x.ndim == 2:
        x, reference, mask = x[None], reference[None], None if mask is None else mask[None]
    return _mean_over_slabs(x, reference, data_range, mask, across=spatial == 3)


def _mean_over_slabs(
    x: npt.NDArray, reference: npt.NDArray, data_range: float, mask: npt.NDArray[np.bool_] | None, across: bool
) -> float:
    slices = len(x)
    halo = RADIUS if across else 0
    depth = max(2 * halo, _CHUNK // (x.shape[1] * x.shape[2]), 1)
    inner = np.s_[RADIUS:-RADIUS]
    total = count = 0.0
    for start in range(0, slices, depth):
        stop = min(start + depth, slices)
        first, last = max(0, start - halo), min(slices, stop + halo)
        similarity = _map(x[first:last], reference[first:last], data_range, SIGMA if across else 0.0)
        similarity = similarity[start - first : stop - first]
        if mask is not None:
            values = similarity[mask[start:stop]]
        else:
            kept = slice(max(halo - start, 0), max(0, min(stop, slices - halo) - start))
            values = similarity[kept, inner, inner]
        total += float(values.sum())
        count += values.size
    return total / count


def _map(x: npt.NDArray, y: npt.NDArray, data_range: float, sigma_k: float) -> npt.NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter

    def mean(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return gaussian_filter(
            values, (sigma_k, SIGMA, SIGMA), mode="reflect", radius=(RADIUS if sigma_k else 0, RADIUS, RADIUS)
        )

    x, y = x.astype(np.float64), y.astype(np.float64)
    mean_x, mean_y = mean(x), mean(y)
    product = mean_x * mean_y
    squares = mean_x**2 + mean_y**2
    covariance = mean(x * y) - product
    variances = mean(x * x + y * y) - squares
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    return (2 * product + c1) * (2 * covariance + c2) / ((squares + c1) * (variances + c2))
