"""Whether probabilities mean what they say: the reliability curve, and temperature scaling fitted on validation cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.errors import UsageError
from DiffusionCore.metrics.bootstrap import Interval
from DiffusionCore.metrics.classifier import BINS, RESAMPLES, Predictions, draw_weights, percentile

LEAST_PROBABILITY = 1e-6
COOLEST, HOTTEST = 0.05, 20.0


@dataclass(frozen=True)
class ReliabilityBin:
    """The cases whose probability lies in a bin: how many, what was said on average, how often it came true."""

    cases: int
    said: float
    came_true: Interval


def reliability_curve(
    given: Predictions, *, confidence: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> list[ReliabilityBin]:
    """The bins of `calibration_error` that hold cases, from low to high, with bootstrap intervals over subjects."""
    score, came_true = given.scored()
    place = np.minimum((score * BINS).astype(int), BINS - 1)
    draws, label = draw_weights(given, resamples, seed)
    found = []
    for one in np.unique(place):
        inside = place == one
        with np.errstate(invalid="ignore"):
            shares = (draws[:, inside] @ came_true[inside]) / draws[:, inside].sum(axis=1)
        share = percentile(float(came_true[inside].mean()), shares, confidence, label)
        found.append(ReliabilityBin(int(inside.sum()), float(score[inside].mean()), share))
    return found


@dataclass(frozen=True)
class RangeCoverage:
    """Ranges of probabilities against what was: in `covered` of `groups` of cases of like probability the share that came
    true lies in the mean range; `width` is the ranges' mean."""

    groups: int
    covered: int
    width: float


def range_coverage(given: Predictions, low: npt.ArrayLike, high: npt.ArrayLike, groups: int = 10) -> RangeCoverage:
    """Whether ranges low (N,) to high (N,) around the probabilities of class 1 of two are about the truth.

    A single case comes true or does not, so that no range of its probability can be checked on it: cases are sorted by
    their probability into `groups` of one size. Raises `UsageError` for more classes, or fewer cases than groups.
    """
    if given.classes != 2 or len(given.labels) < groups:
        raise UsageError(f"ranges are checked on two classes and {groups} cases or more")
    order = np.argsort(given.probabilities[:, 1], kind="stable")
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    covered = sum(
        low[part].mean() <= given.labels[part].mean() <= high[part].mean() for part in np.array_split(order, groups)
    )
    return RangeCoverage(groups, int(covered), float((high - low).mean()))


def fit_temperature(given: Predictions) -> float:
    """The temperature that makes validation cases likeliest (Guo et al. 2017, section 4.2).

    Above 1 the probabilities were too sure. It never changes the likeliest class. Raises `UsageError` if all cases are
    of one class, where the answer would be to be ever surer.
    """
    from scipy.optimize import minimize_scalar

    if len(np.unique(given.labels)) < 2:
        raise UsageError("a temperature is fitted on cases of two classes or more")
    rows = np.arange(len(given.labels))

    def surprise(log_temperature: float) -> float:
        scaled = with_temperature(given.probabilities, float(np.exp(log_temperature)))
        return float(-np.log(np.maximum(scaled[rows, given.labels], LEAST_PROBABILITY)).mean())

    found = minimize_scalar(surprise, bounds=(np.log(COOLEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def with_temperature(probabilities: npt.ArrayLike, temperature: float) -> npt.NDArray[np.float64]:
    """(..., C) probabilities proportional to p^(1/T): softmax of their logarithms over the temperature."""
    if not temperature > 0:
        raise UsageError(f"a temperature is above 0, got {temperature}")
    logits = np.log(np.clip(np.asarray(probabilities, np.float64), LEAST_PROBABILITY, 1.0)) / temperature
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
