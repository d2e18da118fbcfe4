"""PSNR over subjects: the mean, and what one method has more than another, each with the interval that so many allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from DiffusionCore.metrics.bootstrap import (
    FEWEST_SUBJECTS,
    Blocks,
    Interval,
    over_subjects,
    paired_over_subjects,
    paired_within_subjects,
    within_subjects,
)


@dataclass(frozen=True, eq=False)
class Measured:
    """One scan's PSNR in dB, and its squared errors over the squared data range in blocks.

    subject  whose scan it is; several contrasts of one subject are told apart after a slash
    """

    subject: str
    psnr: float
    errors: Blocks


def mean_psnr(scans: Sequence[Measured]) -> Interval:
    """The mean over the scans: over subjects from six on, else by a block bootstrap within these subjects."""
    by_subject = _by_subject(scans)
    if len(by_subject) >= FEWEST_SUBJECTS:
        return over_subjects(by_subject)
    found = within_subjects([scan.errors for scan in scans], transform=_to_psnr)
    return _labelled(found, len(by_subject))


def mean_gain(ours: Sequence[Measured], theirs: Sequence[Measured]) -> Interval:
    """The mean of ours - theirs, paired by subject, or by block within these subjects."""
    by_subject = _by_subject(ours)
    if len(by_subject) >= FEWEST_SUBJECTS:
        return paired_over_subjects(by_subject, _by_subject(theirs))
    errors = [[scan.errors for scan in scans] for scans in (ours, theirs)]
    return _labelled(paired_within_subjects(*errors, transform=_to_psnr), len(by_subject))


def _labelled(interval: Interval, subjects: int) -> Interval:
    """Named after the subjects, of whom there may be fewer than scans."""
    these = "this subject" if subjects == 1 else f"these {subjects} subjects"
    return replace(interval, label=f"within {these}")


def _by_subject(scans: Sequence[Measured]) -> list[float]:
    """One mean for each subject."""
    found: dict[str, list[float]] = {}
    for scan in scans:
        found.setdefault(scan.subject.split("/")[0], []).append(scan.psnr)
    return [float(np.mean(values)) for values in found.values()]


def _to_psnr(mean_square: np.ndarray) -> np.ndarray:
    """dB of a mean square that was divided by the squared data range; an error of zero counts as 200 dB."""
    return -10 * np.log10(np.maximum(mean_square, 1e-20))
