"""Areas under ROC curves of paired sites, their bootstrap intervals, and Holm's correction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from DiffusionCore.metrics.bootstrap import Interval
from DiffusionCore.metrics.classifier import Predictions, auc, draw_weights, percentile

Scores = npt.NDArray[np.floating]


def predictions(present: Scores, absent: Scores, subjects: Sequence[str]) -> Predictions:
    """Scores of sites with and without something, as ranks between 0 and 1: only their order counts."""
    scores = np.concatenate([present, absent])
    _, rank = np.unique(scores, return_inverse=True)
    p = (rank + 0.5) / (rank.max() + 1)
    labels = np.repeat([1, 0], [len(present), len(absent)])
    return Predictions(np.stack([1 - p, p], axis=1), labels, [*subjects, *subjects])


def area(
    present: Scores, absent: Scores, subjects: Sequence[str], *, resamples: int, confidence: float = 0.95
) -> Interval:
    """AUC of telling sites with something from the same sites without; sites drawn in pairs, subjects whole from 6 on."""
    given = predictions(present, absent, subjects)
    weights, label = _site_weights(subjects, resamples)
    whole = float(auc(given, np.ones((1, 2 * len(present))))[0])
    return percentile(whole, auc(given, weights), confidence, label)


def area_change(
    before: tuple[Scores, Scores], after: tuple[Scores, Scores], subjects: Sequence[str], *, resamples: int
) -> tuple[Interval, float]:
    """AUC after less before (present, absent at the same sites), its 95 % interval, and a two-sided p of no change.

    p is that of a normal variable with the bootstrap's deviation.
    """
    from scipy.special import ndtr

    first, second = (predictions(*pair, subjects) for pair in (before, after))
    weights, label = _site_weights(subjects, resamples)
    one = np.ones((1, weights.shape[1]))
    change = float((auc(second, one) - auc(first, one))[0])
    draws = auc(second, weights) - auc(first, weights)
    deviation = float(np.std(draws))
    p = 2 * float(ndtr(-abs(change) / deviation)) if deviation > 0 else float(change == 0)
    return percentile(change, draws, 0.95, label), p


def holm(p: Sequence[float], level: float = 0.05) -> list[bool]:
    """Which of the hypotheses fall, with a family-wise error of `level`. Source: Holm, Scand J Statist 6:65 (1979)."""
    falls = [False] * len(p)
    for rank, place in enumerate(np.argsort(p, kind="stable")):
        if p[place] > level / (len(p) - rank):
            break
        falls[int(place)] = True
    return falls


def _site_weights(subjects: Sequence[str], resamples: int) -> tuple[npt.NDArray[np.float64], str]:
    """How often each site is drawn, the same for it with and without."""
    count = len(subjects)
    sites = Predictions(np.full((count, 2), 0.5), np.zeros(count, int), subjects)
    weights, label = draw_weights(sites, resamples, seed=0)
    return np.concatenate([weights, weights], axis=1), label
