"""Two classifiers on the same cases: McNemar's test of their answers, and the difference of a figure with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from DiffusionCore.metrics.bootstrap import Interval
from DiffusionCore.metrics.classifier import (
    RESAMPLES,
    Figure,
    Predictions,
    check_same_cases,
    draw_weights,
    percentile,
)


@dataclass(frozen=True)
class McNemar:
    """Cases that only ours, or only theirs, answered rightly, and how likely so uneven a split is by chance."""

    only_ours: int
    only_theirs: int
    p: float


def mcnemar(ours: Predictions, theirs: Predictions) -> McNemar:
    """McNemar's test (1947), exact: of the cases on which they differ, each is as likely to be right.

    It takes cases as independent: with several of one subject its p is too small.
    """
    from scipy.stats import binomtest

    check_same_cases([ours, theirs])
    b = int(np.sum(ours.correct & ~theirs.correct))
    c = int(np.sum(~ours.correct & theirs.correct))
    return McNemar(b, c, float(binomtest(b, b + c).pvalue) if b + c else 1.0)


def difference(
    ours: Sequence[Predictions],
    theirs: Sequence[Predictions],
    figure: Figure,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Ours less theirs of a figure, each the mean over its runs, with the same subjects drawn for both."""
    check_same_cases([*ours, *theirs])
    draws, label = draw_weights(ours[0], resamples, seed)
    whole = np.ones((1, draws.shape[1]))

    def gap(weights: np.ndarray) -> np.ndarray:
        return np.mean([figure(run, weights) for run in ours], axis=0) - np.mean(
            [figure(run, weights) for run in theirs], axis=0
        )

    return percentile(float(gap(whole)[0]), gap(draws), confidence, label)
