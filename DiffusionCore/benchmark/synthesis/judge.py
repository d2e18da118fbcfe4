"""What synthetic images are judged by: one embedding, a reader of slice height and a classifier, all of real subjects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from DiffusionCore.benchmark.synthesis.real import RealImages
from DiffusionCore.metrics import distribution as figures
from DiffusionCore.metrics.embedding import GROUPS, Projection, fit_projection, random_convolution_features

DIMS = 32
THUMBNAIL = 64  # pixels a side, in which copies of training images are looked for
BINS = (0.45, 0.55, 0.65, 0.75)  # edges of the classes of slice height
Array = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Figures:
    """Of one set of images. Distances are to the training subjects' images; `height_r` is NaN where nothing was asked."""

    kernel: float
    frechet: float
    precision: float
    recall: float
    memorised: float
    ms_ssim: float
    entropy: float
    inception_score: float
    pairwise: float
    height_r: float


@dataclass(frozen=True, eq=False)
class Judge:
    """Fitted to the training subjects; what memorising means is fitted to the test subjects.

    embed   (n, J, I) normalised -> (n, features); `groups`: sizes of groups of features that count alike
    """

    train: RealImages
    test: RealImages
    embed: Callable[[Array], Array] = random_convolution_features
    groups: tuple[int, ...] = GROUPS

    @cached_property
    def _train_features(self) -> Array:
        return self.embed(self.train.images)

    @cached_property
    def projection(self) -> Projection:
        dims = min(DIMS, len(self.train.images) - 1)
        return fit_projection(self._train_features, dims, self.groups)

    @cached_property
    def reference(self) -> Array:
        """The training images in the embedding."""
        return self.projection(self._train_features)

    @cached_property
    def _height_reader(self):
        from sklearn.linear_model import RidgeCV

        return RidgeCV(alphas=np.logspace(-4, 3, 15)).fit(self._standardised(self._train_features), self.train.heights)

    @cached_property
    def _classifier(self):
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        return classifier.fit(self.reference, np.digitize(self.train.heights, BINS))

    @cached_property
    def _thumbnails(self) -> Array:
        """Of the training images and of their mirror images, since mirrored ones were learnt from."""
        small = thumbnails(self.train.images)
        return np.concatenate([small, small[:, :, ::-1]]).reshape(2 * len(small), -1)

    def _standardised(self, features: Array) -> Array:
        return (features - self.projection.mean) / self.projection.scale

    def memorisation(self, images: Array) -> figures.Memorisation:
        """Nearest training images by their thumbnails' pixels; `which` counts mirrored ones after the others."""
        flat = [thumbnails(x).reshape(len(x), -1) for x in (self.test.images, images)]
        return figures.memorisation(self._thumbnails, *flat)

    def neighbours(self, which: npt.NDArray[np.integer]) -> Array:
        """(n, J, I): the training images, or their mirror images, that `memorisation` names."""
        count = len(self.train.images)
        return np.stack([self.train.images[w % count][:, :: -1 if w >= count else 1] for w in which])

    def __call__(self, images: Array, asked: Array | None = None) -> Figures:
        """The figures of images (n, J, I); `asked` (n,): the slice heights that were asked for."""
        features = self.embed(images)
        made = self.projection(features)
        among = figures.precision_recall(self.reference, made)
        height_r = float("nan")
        if asked is not None and np.ptp(asked) > 0:
            seen = self._height_reader.predict(self._standardised(features))
            height_r = float(np.corrcoef(seen, asked)[0, 1])
        enough = len(made) > made.shape[1]
        return Figures(
            kernel=figures.kernel_distance(self.reference, made),
            frechet=figures.frechet_distance(self.reference, made) if enough else float("nan"),
            precision=among.precision,
            recall=among.recall,
            memorised=self.memorisation(images).share,
            ms_ssim=figures.ms_ssim_diversity(images, pairs=min(60, len(images) * (len(images) - 1) // 2)),
            entropy=figures.grey_entropy(images),
            inception_score=figures.inception_score(self._classifier.predict_proba(made)),
            pairwise=figures.mean_pairwise_distance(made),
            height_r=height_r,
        )


def thumbnails(images: Array) -> Array:
    """(n, J, I) -> (n, THUMBNAIL, THUMBNAIL) by means of blocks."""
    n, j, i = images.shape
    factors = (j // THUMBNAIL, i // THUMBNAIL)
    return images.reshape(n, THUMBNAIL, factors[0], THUMBNAIL, factors[1]).mean(axis=(2, 4))
