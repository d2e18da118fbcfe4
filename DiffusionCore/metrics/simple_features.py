"""A few numbers that describe a small image: what a logistic regression is given, and what is familiar is judged by."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

SHAPE_FEATURES = (
    *("volume", "surface", "surface per volume", "longest axis", "middle axis", "shortest axis"),
    *("depth, mean", "depth, largest", "extent k", "extent j", "extent i", "share of its box"),
    *("parts", "centre off middle", "touches the border"),
)
GREY_FEATURES = (
    *("mean", "deviation", "p1", "p10", "p50", "p90", "p99", "skewness"),
    *("share of zeros", "mean gradient", "gradient's p95", "likeness of neighbours along k"),
    *("likeness of neighbours along j", "likeness of neighbours along i", "middle against rest", "fineness"),
)


def shape_features(mask: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """`SHAPE_FEATURES` of a mask (K, J, I) > 0, in voxels; sizes as logarithms, so that ratios count.

    An empty mask has a volume of one voxel's thousandth and zeros elsewhere.
    """
    from scipy import ndimage

    inside = np.asarray(mask) > 0
    count = int(inside.sum())
    found = np.zeros(len(SHAPE_FEATURES))
    found[0] = np.log(max(count, 1e-3))
    if not count:
        return found
    padded = np.pad(inside, 1)
    surface = sum(np.count_nonzero(np.diff(padded.astype(np.int8), axis=axis)) for axis in range(3))
    places = np.argwhere(inside)
    axes = np.sqrt(np.maximum(np.linalg.eigvalsh(np.cov(places.T)) if count > 1 else np.zeros(3), 0))[::-1]
    depth = ndimage.distance_transform_edt(padded)[1:-1, 1:-1, 1:-1][inside]
    extent = np.ptp(places, axis=0) + 1
    middle = (np.array(inside.shape) - 1) / 2
    faces = [np.take(inside, side, axis=axis).any() for axis in range(3) for side in (0, -1)]
    found[1:6] = np.log(surface), surface / count, *np.log1p(axes)
    found[6:8] = np.log(depth.mean()), np.log(depth.max())
    found[8:11] = np.log(extent)
    found[11] = count / extent.prod()
    found[12] = np.log(ndimage.label(inside)[1])
    found[13] = np.linalg.norm(places.mean(axis=0) - middle) / np.linalg.norm(middle + 1)
    found[14] = np.mean(faces)
    return found


def grey_features(image: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """`GREY_FEATURES` of normalised grey values (K, J, I). A constant image has zeros where something would vary."""
    from scipy.stats import skew

    x = np.asarray(image, np.float64)
    spread = float(x.std())
    percentiles = np.percentile(x, [1, 10, 50, 90, 99])
    gradient = np.sqrt(sum(g**2 for g in np.gradient(x)))
    lags = [_lag(x, axis) if spread > 1e-9 else 0.0 for axis in range(3)]
    quarter = tuple(slice(n // 4, n - n // 4) for n in x.shape)
    second = np.sqrt(np.mean([np.mean(np.diff(x, 2, axis=axis) ** 2) for axis in range(3) if x.shape[axis] > 2] or [0]))
    return np.array(
        [
            x.mean(),
            spread,
            *percentiles,
            float(skew(x, axis=None)) if spread > 1e-9 else 0.0,
            np.mean(x == 0),
            gradient.mean(),
            np.percentile(gradient, 95),
            *lags,
            x[quarter].mean() - x.mean(),
            np.log(max(second, 1e-6) / spread) if spread > 1e-9 else 0.0,
        ]
    )


def features_of(images: npt.ArrayLike, kind: str) -> npt.NDArray[np.float64]:
    """(N, F) of images (N, K, J, I): `SHAPE_FEATURES` for kind "labelmap", else `GREY_FEATURES`."""
    describe: Callable[[npt.ArrayLike], npt.NDArray] = shape_features if kind == "labelmap" else grey_features
    return np.stack([describe(image) for image in np.asarray(images)])


def feature_names(kind: str) -> tuple[str, ...]:
    """The names of the columns of `features_of`."""
    return SHAPE_FEATURES if kind == "labelmap" else GREY_FEATURES


def _lag(x: npt.NDArray, axis: int) -> float:
    """Correlation of neighbours along an axis."""
    here, there = (np.take(x, np.arange(*ends), axis=axis) for ends in ((0, x.shape[axis] - 1), (1, x.shape[axis])))
    here, there = here - here.mean(), there - there.mean()
    scale = np.sqrt((here**2).mean() * (there**2).mean())
    return float((here * there).mean() / scale) if scale > 1e-12 else 0.0
