"""Figures of a classifier from its probabilities, each with a bootstrap interval over subjects.

Every figure is a function of weighted cases, so that a bootstrap is one evaluation with as many rows of weights as there
are resamples: a subject drawn twice weighs two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.errors import UsageError
from DiffusionCore.metrics.bootstrap import FEWEST_SUBJECTS, Interval

RESAMPLES = 2000
BINS = 10

Weights = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a classifier said of N cases, and what they were.

    probabilities  (N, C), each row sums to 1
    labels         (N,) class of each case, 0 to C - 1
    subjects       (N,) whose case it is: cases of one subject are drawn together; by default each is a subject of its own
    threshold      of two classes: the probability of class 1 from which it is the answer

    Raises `UsageError` if they don't go together.
    """

    probabilities: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]
    subjects: npt.NDArray[np.str_]
    threshold: float = 0.5

    def __init__(
        self,
        probabilities: npt.ArrayLike,
        labels: npt.ArrayLike,
        subjects: Sequence[str] | None = None,
        threshold: float = 0.5,
    ) -> None:
        p, y = np.asarray(probabilities, np.float64), np.asarray(labels)
        if p.ndim != 2 or p.shape[1] < 2 or not len(p):
            raise UsageError(f"probabilities are (cases, two classes or more), got {p.shape}")
        if y.shape != (len(p),):
            raise UsageError(f"there are {len(p)} rows of probabilities and {y.shape} labels; give one label a case")
        if not np.all(np.isfinite(p)) or p.min() < -1e-6 or np.abs(p.sum(axis=1) - 1).max() > 1e-4:
            raise UsageError("probabilities are between 0 and 1 and sum to 1 in each row")
        if y.dtype.kind not in "iub" or y.min() < 0 or y.max() >= p.shape[1]:
            raise UsageError(f"labels are whole numbers from 0 to {p.shape[1] - 1}, one for each class")
        who = np.arange(len(p)) if subjects is None else np.asarray(subjects)
        if who.shape != y.shape:
            raise UsageError(f"there are {len(y)} cases and {who.size} subjects; give a subject for each case")
        if not 0 < threshold < 1:
            raise UsageError(f"a threshold lies between 0 and 1, got {threshold}")
        object.__setattr__(self, "probabilities", p)
        object.__setattr__(self, "labels", y.astype(np.int64))
        object.__setattr__(self, "subjects", who.astype(str))
        object.__setattr__(self, "threshold", float(threshold))

    @property
    def classes(self) -> int:
        return self.probabilities.shape[1]

    @property
    def answers(self) -> npt.NDArray[np.int64]:
        """(N,) the class that was said: the likeliest, or of two by the threshold."""
        if self.classes == 2:
            return (self.probabilities[:, 1] >= self.threshold).astype(np.int64)
        return self.probabilities.argmax(axis=1)

    @property
    def correct(self) -> npt.NDArray[np.bool_]:
        return self.answers == self.labels

    def scored(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """(probability, whether it came true) of what calibration is about: class 1 of two, the likeliest of more."""
        if self.classes == 2:
            return self.probabilities[:, 1], self.labels == 1
        return self.probabilities.max(axis=1), self.probabilities.argmax(axis=1) == self.labels


Figure = Callable[[Predictions, Weights], npt.NDArray[np.float64]]


def accuracy(given: Predictions, weights: Weights) -> npt.NDArray[np.float64]:
    """Share of the cases that were answered rightly."""
    return weights @ given.correct / weights.sum(axis=-1)


def balanced_accuracy(given: Predictions, weights: Weights) -> npt.NDArray[np.float64]:
    """Mean over the classes of the share of their cases that were found; nan where a class has no case."""
    hits, actual, _ = _counts(given, weights)
    return _ratio(hits, actual).mean(axis=-1)


def precision(given: Predictions, weights: Weights) -> npt.NDArray[np.float64]:
    """Of the cases said to be class 1, those that are; mean over the classes of more than two."""
    hits, _, said = _counts(given, weights)
    return _of_class_one(_ratio(hits, said))


def recall(given: Predictions, weights: Weights) -> npt.NDArray[np.float64]:
    """Sensitivity: of the cases of class 1, those that were found; mean over the classes of more than two."""
    hits, actual, _ = _counts(given, weights)
    return _of_class_one(_ratio(hits, actual))


def specificity(given: Predictions, weights: Weights) -> npt.NDArray[np.float64]:
    """Of the cases that are not class 1, those not said to be; mean over the classes of more than two."""
    hits, actual, said = _counts(given, weights)
    total = weights.sum(axis=-1)[..., None]
    return _of_class_one(_ratio(total - actual - said + hits, total - actual))


def f1(given: Predictions, weights: Weights) -> npt.NDArray[np.float64]:
    """Harmonic mean of precision and recall; mean over the classes of more than two."""
    hits, actual, said = _counts(given, weights)
    return _of_class_one(_ratio(2 * hits, actual + said))


def auc(given: Predictions, weights: Weights) -> npt.NDArray[np.float64]:
    """Area under the ROC curve, from the probabilities: how often a case of the class scores above one that is not.

    Ties count half (Mann & Whitney 1947). Of more than two classes the mean of each against the others.
    """
    columns = [1] if given.classes == 2 else range(given.classes)
    areas = [_area(given.probabilities[:, c], given.labels == c, weights) for c in columns]
    return np.mean(areas, axis=0)


def calibration_error(given: Predictions, weights: Weights) -> npt.NDArray[np.float64]:
    """Expected calibration error over ten bins of equal width (Guo et al. 2017, eq. 3) of `Predictions.scored`."""
    score, came_true = given.scored()
    inside = _bins(score)
    gap = weights @ (inside * (score - came_true)[:, None])
    return np.abs(gap).sum(axis=-1) / weights.sum(axis=-1)


def brier(given: Predictions, weights: Weights) -> npt.NDArray[np.float64]:
    """Mean squared distance of the probabilities from what was (Brier 1950), 0 best; half of it for two classes."""
    truth = np.eye(given.classes)[given.labels]
    squares = ((given.probabilities - truth) ** 2).sum(axis=1) / (2 if given.classes == 2 else 1)
    return weights @ squares / weights.sum(axis=-1)


FIGURES: dict[str, Figure] = {
    "AUC": auc,
    "accuracy": accuracy,
    "balanced accuracy": balanced_accuracy,
    "precision": precision,
    "recall": recall,
    "specificity": specificity,
    "F1": f1,
    "calibration error": calibration_error,
    "Brier score": brier,
}


def classifier_figures(
    given: Predictions | Sequence[Predictions], *, confidence: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Interval]:
    """Every figure with its `interval`. Raises `UsageError` if all cases are of one class."""
    return {name: interval(given, figure, confidence, resamples, seed) for name, figure in FIGURES.items()}


def interval(
    given: Predictions | Sequence[Predictions],
    figure: Figure,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """A figure with its interval; of several runs over the same cases (seeds of a training) their mean.

    Subjects are drawn with all their cases. Under six subjects cases are drawn within each subject instead, and the
    label says so. Draws that lack a class that the figure needs are left out.
    """
    runs = [given] if isinstance(given, Predictions) else list(given)
    check_same_cases(runs)
    draws, label = draw_weights(runs[0], resamples, seed)
    whole = np.ones((1, len(runs[0].labels)))
    estimate = float(np.mean([figure(run, whole)[0] for run in runs]))
    return percentile(estimate, np.mean([figure(run, draws) for run in runs], axis=0), confidence, label)


def draw_weights(given: Predictions, resamples: int, seed: int) -> tuple[Weights, str]:
    """(resamples, N): how often each case is drawn in each resample, and what was drawn, in words."""
    rng = np.random.default_rng(seed)
    names, subject_of = np.unique(given.subjects, return_inverse=True)
    if len(names) >= FEWEST_SUBJECTS:
        picks = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
        return picks[:, subject_of].astype(np.float64), f"over {len(names)} subjects"
    weights = np.zeros((resamples, len(subject_of)))
    for subject in range(len(names)):
        cases = np.flatnonzero(subject_of == subject)
        weights[:, cases] = rng.multinomial(len(cases), np.full(len(cases), 1 / len(cases)), size=resamples)
    return weights, "within this subject" if len(names) == 1 else f"within these {len(names)} subjects"


def percentile(estimate: float, draws: npt.NDArray[np.float64], confidence: float, label: str) -> Interval:
    """The interval between the draws' tails, without draws in which the figure was not defined."""
    known = draws[np.isfinite(draws)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(known, [tail, 1 - tail]) if known.size else (np.nan, np.nan)
    return Interval(estimate, float(low), float(high), confidence, label)


def check_same_cases(runs: Sequence[Predictions]) -> None:
    """Raise `UsageError` unless the runs are about the same cases of two classes or more."""
    if not runs:
        raise UsageError("there are no predictions to measure")
    first = runs[0]
    if len(np.unique(first.labels)) < 2:
        raise UsageError("all cases are of one class; a classifier is measured on two classes or more")
    for run in runs[1:]:
        same = run.probabilities.shape == first.probabilities.shape and np.array_equal(run.labels, first.labels)
        if not same or not np.array_equal(run.subjects, first.subjects):
            raise UsageError("the predictions to compare are not of the same cases in the same order")


def confusion(given: Predictions) -> npt.NDArray[np.int64]:
    """(C, C) numbers of cases: row the truth, column the answer."""
    found = np.zeros((given.classes, given.classes), np.int64)
    np.add.at(found, (given.labels, given.answers), 1)
    return found


def _counts(given: Predictions, weights: Weights) -> tuple[Weights, Weights, Weights]:
    """Weights of cases by class: answered rightly, that are it, that were said to be it."""
    truth, said = np.eye(given.classes)[given.labels], np.eye(given.classes)[given.answers]
    return weights @ (truth * said), weights @ truth, weights @ said


def _ratio(part: Weights, whole: Weights) -> Weights:
    """part / whole, nan where there is nothing."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)


def _of_class_one(by_class: Weights) -> Weights:
    return by_class[..., 1] if by_class.shape[-1] == 2 else by_class.mean(axis=-1)


def _area(score: npt.NDArray, positive: npt.NDArray, weights: Weights) -> Weights:
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) > 0])
    held = weights[:, order]
    ours = np.add.reduceat(held * positive[order], starts, axis=1)
    others = np.add.reduceat(held * ~positive[order], starts, axis=1)
    below = np.cumsum(others, axis=1) - others / 2
    return _ratio((ours * below).sum(axis=1), ours.sum(axis=1) * others.sum(axis=1))


def _bins(score: npt.NDArray) -> npt.NDArray[np.bool_]:
    """(N, BINS) which bin of equal width a score is in; 1 is in the last."""
    return np.minimum((score * BINS).astype(int), BINS - 1)[:, None] == np.arange(BINS)
