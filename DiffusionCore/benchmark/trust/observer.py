"""A model observer: how well an ideal linear reader with a few channels tells a small sphere from none."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from DiffusionCore.benchmark.trust.sites import Sites

Responses = npt.NDArray[np.float64]

WIDTHS = (0.0, 0.7, 1.0, 1.5, 2.2, 3.2, 4.7)
"""Gaussians, in the finest voxel's size, whose differences are the channels: octave-wide bands, as in human vision."""
FOLDS = 5
RIDGE = 1e-6


def channel_responses(voxels: npt.NDArray, sites: Sites, spacing: Sequence[float]) -> Responses:
    """(N, channels): differences of Gaussians of a volume (K, J, I) centred on each site.

    Source: Abbey & Barrett, J Opt Soc Am A 18:473 (2001), dense differences of Gaussians, here in three dimensions.
    """
    from scipy.ndimage import gaussian_filter

    scale = min(spacing) / np.array(spacing)
    image = np.asarray(voxels, dtype=np.float32)
    at = tuple(sites.T)
    smooth = [
        image[at] if w == 0 else gaussian_filter(image, w * scale, mode="nearest", truncate=3)[at] for w in WIDTHS
    ]
    return np.stack([a.astype(np.float64) - b for a, b in pairwise(smooth)], axis=1)


def hotelling_scores(present: Responses, absent: Responses) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(N,) scores of the sites with and without the sphere, each by a template that was learnt from other sites.

    The channelised Hotelling observer: w = S^-1 (mean present - mean absent), S the mean of the two covariances, over
    `FOLDS` folds of sites; scores of a fold are divided by the template's own deviation, so that folds go together.
    Source: Barrett, Yao, Rolland & Myers, PNAS 90:9758 (1993).
    """
    count = len(present)
    fold = np.arange(count) % FOLDS
    scores = np.empty((2, count))
    for held in range(FOLDS):
        train, test = fold != held, fold == held
        mean = present[train].mean(axis=0) - absent[train].mean(axis=0)
        spread = (np.cov(present[train].T) + np.cov(absent[train].T)) / 2
        spread += RIDGE * np.trace(spread) / len(spread) * np.eye(len(spread))
        template = np.linalg.solve(spread, mean)
        template /= np.sqrt(template @ spread @ template) or 1.0
        centre = (present[train].mean(axis=0) + absent[train].mean(axis=0)) / 2
        scores[0, test], scores[1, test] = (present[test] - centre) @ template, (absent[test] - centre) @ template
    return scores[0], scores[1]
