"""Uncertainty that means what it says: the spread of samples times one factor from validation subjects, and its test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.errors import UsageError

LEVEL = 0.90
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
NORMAL_90 = 1.6448536269514722
"""Half width of a normal variable's 90 % interval, in its standard deviations."""


@dataclass(frozen=True)
class Sureness:
    """What a result's uncertainty amounts to in tissue, in the scan's units.

    median, highest  of the half width of the 90 % interval: over half of the tissue, and all but 1 % of it
    calibrated       whether the model's card had a factor; without it the spread is as the samples have it
    """

    median: float
    highest: float
    calibrated: bool


def error_ratios(
    truth: npt.ArrayLike, estimate: npt.ArrayLike, spread: npt.ArrayLike, mask: npt.ArrayLike
) -> npt.NDArray[np.float32]:
    """|truth - estimate| / spread over the mask, sorted; infinite where the spread is zero and the error is not."""
    chosen = np.asarray(mask, dtype=bool)
    error = np.abs(np.asarray(truth)[chosen] - np.asarray(estimate)[chosen]).astype(np.float32)
    width = np.asarray(spread)[chosen].astype(np.float32)
    if not error.size:
        raise UsageError("the mask is empty; there is no error to compare with the spread")
    return np.sort(np.divide(error, width, out=np.where(error > 0, np.float32(np.inf), 0), where=width > 0))


def conformal_factor(subjects: Sequence[npt.NDArray[np.float32]], level: float = LEVEL) -> float:
    """The factor on the spread with which estimate +- 1.645 factor spread covers `level` of the voxels.

    subjects  sorted `error_ratios` of each validation subject, all of the same weight however many voxels they have

    The finite-sample rank ceil((n + 1) level) of split conformal prediction is taken over all voxels. Voxels of a
    subject are not independent, and subjects are few: it holds on average over scans like these.
    Source: Angelopoulos et al., Image-to-image regression with distribution-free uncertainty quantification (ICML 2022).
    """
    if not subjects or any(not len(ratios) for ratios in subjects):
        raise UsageError("a conformal factor needs the errors of at least one validation subject")
    if not 0 < level < 1:
        raise UsageError(f"the level of an interval must be between 0 and 1, got {level}")
    ratios = np.concatenate(subjects)
    weights = np.concatenate([np.full(len(r), 1 / len(r) / len(subjects)) for r in subjects])
    order = np.argsort(ratios, kind="stable")
    covered = np.cumsum(weights[order])
    wanted = min(1.0, level * (1 + 1 / len(ratios)))
    place = int(np.searchsorted(covered, wanted - 1e-12))
    return float(ratios[order][min(place, len(ratios) - 1)] / _half_width(level))


def coverage(ratios: npt.NDArray[np.float32], factor: float, level: float = LEVEL) -> float:
    """Share of voxels, 0 to 1, whose truth lies within the interval of that nominal level (sorted `error_ratios`)."""
    return float(np.searchsorted(ratios, factor * _half_width(level), side="right") / len(ratios))


def reliability_curve(ratios: npt.NDArray[np.float32], factor: float) -> tuple[tuple[float, float], ...]:
    """(nominal, observed) coverage at `LEVELS`, of intervals of a normal variable with deviation factor times spread."""
    return tuple((level, coverage(ratios, factor, level)) for level in LEVELS)


def sureness(uncertainty: npt.NDArray, tissue: npt.NDArray[np.bool_], *, calibrated: bool) -> Sureness | None:
    """How sure a result is, from its uncertainty (a standard deviation) in tissue; None without tissue."""
    inside = np.asarray(uncertainty)[tissue][:: max(1, np.count_nonzero(tissue) // 500_000)]
    if not inside.size:
        return None
    median, highest = np.quantile(inside, [0.5, 0.99]) * NORMAL_90
    return Sureness(float(median), float(highest), calibrated)


def _half_width(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri((1 + level) / 2))
