"""Uncertainty: the factor from validation subjects, and what its intervals cover of test subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from DiffusionCore.benchmark.trust.extent import Extent
from DiffusionCore.benchmark.trust.scans import Enhancer, TrustScan
from DiffusionCore.errors import UsageError
from DiffusionCore.metrics.trust_uncertainty import LEVEL, conformal_factor, coverage, error_ratios, reliability_curve


@dataclass(frozen=True, eq=False)
class Errors:
    """|truth - result| over the samples' spread, in the tissue of one scan, sorted."""

    scan: TrustScan
    ratios: np.ndarray

    @property
    def subject(self) -> str:
        return self.scan.case.subject.split("/")[0]


@dataclass(frozen=True)
class Coverage:
    """What the interval of nominal `LEVEL` covers of one scan's tissue, and the curve over levels."""

    subject: str
    label: str
    modality: str
    covered: float
    without_factor: float
    curve: tuple[tuple[float, float], ...]


def errors_of(scan: TrustScan, run: Enhancer, extent: Extent) -> Errors:
    """The result is the one-step mean, its uncertainty the spread of `extent.samples` samples."""
    if scan.clean is None:
        raise UsageError(f"{scan.case.name} has no truth to compare an interval with")
    found = run(scan.noisy, scan.noise, preset="careful", samples=extent.samples, steps=extent.steps, seed=0)
    if scan.case.modality == "MR":  # air is no tissue, and the Rician floor of it no error
        inside = scan.tissue & (scan.clean > scan.noise.sigma)
    else:
        inside = scan.tissue
    return Errors(scan, error_ratios(scan.clean, found.voxels, found.spread, inside))


def factor_from(errors: Sequence[Errors]) -> float:
    """The conformal factor of the model that made these results of validation subjects, each subject of one weight."""
    by_subject: dict[str, list[np.ndarray]] = {}
    for one in errors:
        by_subject.setdefault(one.subject, []).append(one.ratios)
    return conformal_factor([np.sort(np.concatenate(parts)) for parts in by_subject.values()])


def left_out_coverage(errors: Sequence[Errors]) -> tuple[float, float]:
    """Least and most over scans that are covered by the factor of the other subjects; nan with a single subject."""
    found = [
        coverage(one.ratios, factor_from(others), LEVEL)
        for one in errors
        if (others := [other for other in errors if other.subject != one.subject])
    ]
    return (min(found), max(found)) if found else (float("nan"), float("nan"))


def coverage_of(errors: Errors, factor: float) -> Coverage:
    case = errors.scan.case
    return Coverage(
        case.subject,
        case.label,
        case.modality,
        coverage(errors.ratios, factor, LEVEL),
        coverage(errors.ratios, 1.0, LEVEL),
        reliability_curve(errors.ratios, factor),
    )
