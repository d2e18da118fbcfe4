"""Whether an image is like those that a classifier was made for: its distance from them in a few simple features.

Source: Mahalanobis 1936; used on a network's features by Lee et al. 2018. Here on features that are the same for every
network, so that the reason can be said: the feature that is furthest off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.errors import UsageError
from DiffusionCore.metrics.simple_features import feature_names, features_of

FALSE_ALARMS = 0.02
LEAST_VARIANCE = 0.02  # of a standardised direction: along those that hardly vary, rounding would be a surprise


@dataclass(frozen=True, eq=False)
class Familiarity:
    """Where familiar images lie in the space of features.

    names  (F); mean (F,); whitening (F, F): |(f - mean) @ whitening| / sqrt(F) is about 1 for familiar images
    limit  a distance above it is unfamiliar
    """

    names: tuple[str, ...]
    mean: npt.NDArray[np.float64]
    whitening: npt.NDArray[np.float64]
    limit: float

    def distances(self, features: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """(N,) of features (N, F)."""
        off = (np.asarray(features, np.float64) - self.mean) @ self.whitening
        return np.sqrt((off**2).mean(axis=-1))

    def reason(self, features: npt.ArrayLike) -> str:
        """The feature (F,) that is furthest off, in words: 'volume is 7.2 deviations above what was trained on'."""
        off = np.asarray(features, np.float64) - self.mean
        covariance = np.linalg.pinv(self.whitening @ self.whitening.T)
        deviations = off / np.sqrt(np.maximum(np.diag(covariance), 1e-12))
        worst = int(np.abs(deviations).argmax())
        size = abs(float(deviations[worst]))
        side = "above" if deviations[worst] > 0 else "below"
        if size < 3:
            return "its features, each usual by itself, don't occur together in what was trained on"
        return f"its {self.names[worst]} is {size:.0f} deviations {side} what was trained on"


def fit_familiarity(
    training: npt.ArrayLike, validation: npt.ArrayLike, kind: str, *, false_alarms: float = FALSE_ALARMS
) -> Familiarity:
    """Learn what is familiar from images (N, K, J, I), as the network sees them, of kind "labelmap" or "volume".

    The limit is the distance that `false_alarms` of the validation images exceed; of fewer images than it takes to see
    that share, a tenth above the largest. Raises `UsageError` under ten images of either.
    """
    seen, held_out = features_of(training, kind), features_of(validation, kind)
    if len(seen) < 10 or len(held_out) < 10:
        raise UsageError("at least ten training and ten validation images are needed to tell what is familiar")
    mean, deviation = seen.mean(axis=0), np.maximum(seen.std(axis=0), 1e-3)
    values, directions = np.linalg.eigh(np.cov(((seen - mean) / deviation).T))
    whitening = (directions / np.sqrt(np.maximum(values, LEAST_VARIANCE))) / deviation[:, None]
    found = Familiarity(feature_names(kind), mean, whitening, np.inf)
    distances = found.distances(held_out)
    limit = float(np.quantile(distances, 1 - false_alarms))
    if len(distances) * false_alarms < 1:
        limit = 1.1 * float(distances.max())
    return Familiarity(found.names, mean, whitening, limit)


@dataclass(frozen=True)
class ErrorRates:
    """How often the test is wrong: of familiar images called foreign, and by kind of foreign images not noticed."""

    false_alarms: float
    misses: dict[str, float]


def error_rates(familiar: Familiarity, images: npt.ArrayLike, kind: str, *, seed: int = 0) -> ErrorRates:
    """Measure the test on images (N, K, J, I) that it has not seen, and on foreign ones made from them."""
    images = np.asarray(images)
    alarms = familiar.distances(features_of(images, kind)) > familiar.limit
    misses = {
        name: float(np.mean(familiar.distances(features_of(foreign, kind)) <= familiar.limit))
        for name, foreign in foreign_images(images, kind, seed).items()
    }
    return ErrorRates(float(alarms.mean()), misses)


def foreign_images(images: npt.NDArray, kind: str, seed: int = 0, most: int = 100) -> dict[str, npt.NDArray]:
    """What a classifier may be given by mistake, (N, K, J, I) each, made from up to `most` of its own images."""
    from scipy import ndimage

    rng = np.random.default_rng(seed)
    images = np.asarray(images, np.float64)[:most]
    shape = images.shape[1:]
    place = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij"))
    if kind == "labelmap":
        radii = rng.uniform(0.3, 0.9, len(images))
        balls = np.stack([(place**2).sum(axis=0) < r**2 for r in radii])
        boxes = np.stack([(np.abs(place) < r).all(axis=0) for r in radii])
        blobs = np.stack([_smooth(rng, shape) > 0.5 for _ in images])
        return {
            "balls": balls.astype(float),
            "boxes": boxes.astype(float),
            "several blobs": blobs.astype(float),
            "everything but the structure": 1.0 - (images > 0),
            "off by half the field": np.roll(images, shape[0] // 2, axis=1),
        }
    noise = rng.normal(0.5, 0.2, images.shape)
    return {
        "noise": noise,
        "air": np.abs(rng.normal(0, 0.01, images.shape)),
        "grey values of another scale": images * 10,
        "inverted": images.max() - images,
        "voxels in another order": np.stack([rng.permutation(x.ravel()).reshape(shape) for x in images]),
        "blurred away": np.stack([ndimage.gaussian_filter(x, 4) for x in images]),
    }


def _smooth(rng: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray:
    from scipy import ndimage

    field = ndimage.gaussian_filter(rng.normal(size=shape), 2.0)
    return field / field.std()
