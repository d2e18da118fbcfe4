"""Figures of a set of images beside another set: distances, precision and recall, memorisation, diversity.

Features are (images, dimensions) float arrays of one embedding (`embedding.RandomConvolutions`, or any other).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Squared Fréchet distance of the Gaussians fitted to two sets: |mu_a - mu_b|² + tr(A + B - 2 (A B)^½).

    Source: Heusel et al. 2017, eq. 6, there on Inception features. Biased upwards by about tr(A) dims / n: quote it beside
    the same of two real sets of the same sizes. Raises `InputError` with fewer images than dimensions.
    """
    for features in (a, b):
        if len(features) <= features.shape[1]:
            raise InputError(
                f"a Fréchet distance in {features.shape[1]} dimensions needs more images than {len(features)}"
            )
    shift = a.mean(axis=0) - b.mean(axis=0)
    cov_a, cov_b = (np.cov(features, rowvar=False) for features in (a, b))
    # tr (A B)^½ = sum of the roots of the eigenvalues of A^½ B A^½, which is symmetric
    values, vectors = np.linalg.eigh(np.atleast_2d(cov_a))
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    mixed = np.linalg.eigvalsh(root @ np.atleast_2d(cov_b) @ root).clip(0)
    return float(shift @ shift + np.trace(np.atleast_2d(cov_a + cov_b)) - 2 * np.sqrt(mixed).sum())


def kernel_distance(a: np.ndarray, b: np.ndarray, degree: int = 3) -> float:
    """Unbiased squared maximum mean discrepancy with the kernel (x·y / dims + 1)^degree; may be a little below 0.

    Source: Bińkowski et al. 2018 (KID), there on Inception features.
    """

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (x @ y.T / x.shape[1] + 1) ** degree

    def mean_of_others(x: np.ndarray) -> float:
        values = kernel(x, x)
        return float((values.sum() - np.trace(values)) / (len(x) * (len(x) - 1)))

    if min(len(a), len(b)) < 2:
        raise InputError("a kernel distance needs two images or more on each side")
    return mean_of_others(a) + mean_of_others(b) - 2 * float(kernel(a, b).mean())


@dataclass(frozen=True)
class PrecisionRecall:
    """precision: share of the made images among the real ones; recall: share of the real images among the made ones."""

    precision: float
    recall: float


def precision_recall(real: np.ndarray, made: np.ndarray, k: int = 3) -> PrecisionRecall:
    """An image is among a set if it lies within the distance to the k-th neighbour of one of the set's own images.

    Source: Kynkäänniemi et al. 2019, eq. 2.
    """
    if min(len(real), len(made)) <= k:
        raise InputError(f"precision and recall with {k} neighbours need more than {k} images on each side")
    between = distances(real, made)
    reach_real, reach_made = (np.sort(distances(x, x), axis=1)[:, k] for x in (real, made))
    return PrecisionRecall(
        precision=float((between <= reach_real[:, None]).any(axis=0).mean()),
        recall=float((between <= reach_made[None]).any(axis=1).mean()),
    )


@dataclass(frozen=True)
class Memorisation:
    """How near made images come to training images.

    nearest     (made,) distance of each to its nearest training image; `which` (made,) that one's number
    limit       the 5th percentile of the same distances of test images, which cannot have been memorised
    share       of the made images that are nearer than the limit; 5 % is what new subjects would have
    """

    nearest: np.ndarray
    which: np.ndarray
    limit: float
    share: float


def memorisation(train: np.ndarray, test: np.ndarray, made: np.ndarray, percentile: float = 5.0) -> Memorisation:
    """Distances of made images to the training set, against those of test subjects. Features or flattened pixels."""
    between = distances(made, train)
    limit = float(np.percentile(distances(test, train).min(axis=1), percentile))
    nearest = between.min(axis=1)
    return Memorisation(nearest, between.argmin(axis=1), limit, float((nearest < limit).mean()))


def mean_pairwise_distance(features: np.ndarray) -> float:
    """Mean Euclidean distance between two different images of a set."""
    if len(features) < 2:
        raise InputError("a pairwise distance needs two images or more")
    return float(distances(features, features).sum() / (len(features) * (len(features) - 1)))


def inception_score(probabilities: np.ndarray) -> float:
    """exp of the mean KL divergence of p(class | image) from p(class): 1 to the number of classes.

    probabilities (images, classes) of a named classifier. Source: Salimans et al. 2016, sec. 4.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 2 or not np.allclose(p.sum(axis=1), 1, atol=1e-3):
        raise InputError("an Inception Score needs the probabilities of each class for each image, of sum 1")
    tiny = np.finfo(np.float64).tiny
    divergence = (p * (np.log(p.clip(tiny)) - np.log(p.mean(axis=0).clip(tiny)))).sum(axis=1)
    return float(np.exp(divergence.mean()))


def grey_entropy(images: np.ndarray, low: float = 0.0, high: float = 1.0, bins: int = 256) -> float:
    """Mean Shannon entropy in bits of each image's grey values (images, *S), in `bins` bins from `low` to `high`."""
    entropies = []
    for image in images:
        counts = np.histogram(np.clip(image, low, high), bins=bins, range=(low, high))[0]
        share = counts[counts > 0] / counts.sum()
        entropies.append(-(share * np.log2(share)).sum())
    return float(np.mean(entropies))


def ms_ssim_diversity(images: np.ndarray, pairs: int = 100, seed: int = 0) -> float:
    """Mean multi-scale SSIM of random pairs of different images (n, J, I) in 0..1: the lower, the more diverse.

    By torchmetrics, with as many scales (at most 5) as the size allows. Source: Wang et al. 2003; as a measure of
    diversity Odena et al. 2017.
    """
    import torch
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure as ms_ssim

    if len(images) < 2:
        raise InputError("diversity needs two images or more")
    weights = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    kernel = 11
    scales = sum(min(images.shape[1:]) // 2**n >= kernel for n in range(len(weights)))
    while scales > 1 and min(images.shape[1:]) <= (kernel - 1) * 2 ** (scales - 1):
        scales -= 1
    used = tuple(weight / sum(weights[:scales]) for weight in weights[:scales])
    rng = np.random.default_rng(seed)
    chosen = np.array([rng.choice(len(images), 2, replace=False) for _ in range(pairs)])
    stack = torch.from_numpy(np.clip(images, 0, 1).astype(np.float32))[:, None]
    values = [
        ms_ssim(stack[[a]], stack[[b]], kernel_size=kernel, betas=used, data_range=1.0, normalize="relu")
        for a, b in chosen
    ]
    return float(torch.stack(values).mean())


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(len(a), len(b)) Euclidean distances between rows."""
    a, b = (np.asarray(x, dtype=np.float64).reshape(len(x), -1) for x in (a, b))
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * a @ b.T
    if a is b or np.array_equal(a, b):
        np.fill_diagonal(squared, 0)  # round-off must not keep an image from itself
    return np.sqrt(squared.clip(0))
