"""Images as vectors: an embedding that needs no download, and Inception's for those who have its weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError, UsageError

CHANNELS = (16, 32, 64, 64, 64)
GRID = 4  # the last level is also kept in so many parts along each side
GROUPS = (*(n for width in CHANNELS for n in (width, width)), CHANNELS[-1] * GRID**2)  # sizes of what is kept
NAME = "random-conv-1"


def random_convolution_features(images: np.ndarray, batch: int = 16) -> np.ndarray:
    """(n, J, I) in 0..1 -> (n, 1504): mean and logarithm of the spread of every map of five random convolutions, and the
    last level's layout.

    The filters are orthogonal, of zero mean in the first level, drawn from a fixed seed, and never trained: they see
    edges, textures and where they lie, without any bias towards photographs. Random networks rank image generators like
    trained ones where the images are far from ImageNet (Naeem et al. 2020, sec. 5.3).
    """
    import torch
    from torch.nn import functional as F

    images = np.ascontiguousarray(images, np.float32)
    if images.ndim != 3 or min(images.shape[1:]) < 2 ** len(CHANNELS) * 2:
        raise InputError(f"the embedding takes images (n, J, I) of {2 ** len(CHANNELS) * 2} pixels or more a side")
    filters = [torch.from_numpy(each) for each in _filters()]
    found = []
    with torch.no_grad():
        for begin in range(0, len(images), batch):
            x = torch.from_numpy(images[begin : begin + batch])[:, None]
            kept = []
            for weight in filters:
                x = F.leaky_relu(F.conv2d(x, weight, padding=1), 0.2)
                kept += [x.mean(dim=(2, 3)), (x.std(dim=(2, 3)) + 1e-3).log()]
                x = F.avg_pool2d(x, 2)
            kept.append(F.adaptive_avg_pool2d(x, GRID).flatten(1))
            found.append(torch.cat(kept, dim=1).numpy())
    return np.concatenate(found)


def _filters() -> list[np.ndarray]:
    """(out, in, 3, 3) each, rows orthogonal, scaled so that a level keeps the variance of the one before."""
    rng = np.random.Generator(np.random.Philox(key=1))
    filters, inputs = [], 1
    for outputs in CHANNELS:
        drawn = rng.standard_normal((outputs, inputs * 9))
        if inputs == 1:
            drawn -= drawn.mean(axis=1, keepdims=True)
        u, _, v = np.linalg.svd(drawn, full_matrices=False)
        weight = (u @ v) * np.sqrt(2 * outputs / min(outputs, inputs * 9))
        filters.append(weight.reshape(outputs, inputs, 3, 3).astype(np.float32))
        inputs = outputs
    return filters


@dataclass(frozen=True, eq=False)
class Projection:
    """Features standardised by a reference set and projected on its first principal axes.

    mean, scale (features,); axes (features, dims)
    """

    mean: np.ndarray
    scale: np.ndarray
    axes: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """(n, features) -> (n, dims), of about unit variance for the reference in its first dimension."""
        return ((features - self.mean) / self.scale) @ self.axes


def fit_projection(features: np.ndarray, dims: int = 32, groups: Sequence[int] = ()) -> Projection:
    """The projection whose reference is `features` (n, features); few dimensions, so that few images are enough.

    groups   sizes of groups of features that are to count alike, however many features are in each
    """
    if len(features) <= dims:
        raise InputError(f"a projection on {dims} dimensions needs more than {dims} images, got {len(features)}")
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    if groups:
        scale = scale * np.sqrt(np.repeat(groups, groups))
    _, singular, axes = np.linalg.svd((features - mean) / scale, full_matrices=False)
    unit = singular[0] / np.sqrt(len(features) - 1)
    return Projection(mean, scale, axes[:dims].T / unit)


def inception_features(images: np.ndarray, weights: Path, batch: int = 16) -> np.ndarray:
    """(n, J, I) in 0..1 -> (n, 2048): the pool3 features of the Inception v3 that FID is defined on.

    weights   the file pt_inception-2015-12-05-6726825d.pth; nothing is downloaded
    Raises `UsageError` if torch-fidelity, which holds the network, is not installed, `InputError` for a missing file.
    """
    if not weights.is_file():
        raise InputError(f"{weights}: no such file of Inception weights")
    import torch

    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        raise UsageError("Inception features need the network too: pip install torch-fidelity") from error
    network = FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=str(weights)).eval()
    grey = np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)
    found = []
    with torch.no_grad():
        for begin in range(0, len(grey), batch):
            colour = torch.from_numpy(grey[begin : begin + batch])[:, None].expand(-1, 3, -1, -1)
            found.append(network(colour)[0].numpy())
    return np.concatenate(found)
