"""What a benchmark run finds: a row for each case, method and window, and their means over subjects with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from DiffusionCore.benchmark.denoise.case_inputs import CaseInput
from DiffusionCore.benchmark.denoise.cases import Case
from DiffusionCore.benchmark.denoise.scores import Scores, ceiling, scores, views
from DiffusionCore.benchmark.psnr_intervals import Measured, mean_gain, mean_psnr
from DiffusionCore.benchmark.rivals import Method, Output
from DiffusionCore.metrics.bootstrap import Interval

MARKED_UNDER = 3.0  # times the target's own noise


@dataclass(frozen=True, eq=False)
class Row:
    """One method on one case in one window.

    scores   None where the method could not run, for `reason`
    sigma    of the added noise, in HU (CT) or percent of the 99.5th percentile (MR)
    own      the target's own noise in the same unit
    ceiling  about the best PSNR that this own noise allows, dB
    seconds  of the run that made the output; `disturbed` if other work ran beside it
    """

    case: Case
    method: Method
    window: str
    scores: Scores | None
    sigma: float
    own: float
    ceiling: float
    seconds: float | None
    reason: str = ""
    disturbed: bool = False

    @property
    def marked(self) -> bool:
        """Whether the added noise is under three times the target's own, so that the target limits the figures."""
        return self.sigma < MARKED_UNDER * self.own * (1 - 1e-6)


def rows_of(given: CaseInput, method: Method, output: Output) -> list[Row]:
    """The rows of a case that has a truth: one in MR, one for each window in CT."""
    modality = given.case.modality
    unit = 1000.0 if modality == "CT" else 100.0
    limits = ceiling(given.target, given.tissue, modality, given.own, given.scan.sigma)
    if output.voxels is None:
        names = [view[0] for view in views(given.target[:1], given.target[:1], modality)]
        found: list[tuple[str, Scores | None]] = [(name, None) for name in names]
    else:
        found = [(s.window, s) for s in scores(output.voxels, given.target, given.tissue, modality)]
    return [
        Row(
            case=given.case,
            method=method,
            window=window,
            scores=score,
            sigma=given.scan.sigma * unit,
            own=given.own * unit,
            ceiling=limit,
            seconds=output.seconds,
            reason=output.reason,
            disturbed=output.disturbed,
        )
        for (window, score), limit in zip(found, limits, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class Summary:
    """One method at one level in one window, over the subjects.

    psnr      mean over scans with its interval; None where the method has not run on all of them
    gain      ours less this method, paired; None for ours and where either is missing
    """

    method: Method
    rows: tuple[Row, ...]
    psnr: Interval | None
    gain: Interval | None

    def mean(self, name: str) -> float:
        """Mean of a score by its name; nan where the method has not run."""
        if self.psnr is None:
            return float("nan")
        return float(np.mean([getattr(row.scores, name) for row in self.rows]))

    @property
    def disturbed(self) -> bool:
        """Whether none of its runs had the machine for itself."""
        return all(row.disturbed for row in self.rows)

    @property
    def seconds(self) -> float:
        """Mean over the runs that had the machine for themselves, over all where none had; nan where it has not run."""
        if self.psnr is None:
            return float("nan")
        return float(np.mean([row.seconds for row in self.rows if self.disturbed or not row.disturbed]))


@dataclass(frozen=True, eq=False)
class Level:
    """Everything at one noise level of a table in one window, the methods in the order they were run."""

    table: str
    label: str
    window: str
    summaries: tuple[Summary, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows of one method: what is said of cases and targets is the same for all."""
        return self.summaries[0].rows

    def of(self, name: str) -> Summary | None:
        """The method of that name, if it has run on all of the level's cases."""
        return next((s for s in self.summaries if s.method.name == name and s.psnr is not None), None)

    def best(self, names: Iterable[str]) -> Summary | None:
        """Of the methods with these names, the one with the highest mean PSNR."""
        ran = [s for s in map(self.of, names) if s is not None]
        return max(ran, key=lambda s: s.psnr.estimate) if ran else None


def levels_of(rows: Sequence[Row]) -> list[Level]:
    """The rows gathered by table, level and window, in the order in which they first come.

    Gains are of the first of our methods that has run at that level.
    """
    groups: dict[tuple[str, str, str], dict[str, list[Row]]] = {}
    for row in rows:
        methods = groups.setdefault((row.case.table, row.case.label, row.window), {})
        methods.setdefault(row.method.name, []).append(row)
    levels = []
    for (table, label, window), methods in groups.items():
        ours = next((r for r in methods.values() if r[0].method.kind == "ours" and _complete(r)), None)
        summaries = tuple(_summary(of_method, ours) for of_method in methods.values())
        levels.append(Level(table, label, window, summaries))
    return levels


def _complete(rows: Sequence[Row]) -> bool:
    return all(row.scores is not None for row in rows)


def _summary(rows: list[Row], ours: list[Row] | None) -> Summary:
    method = rows[0].method
    if not _complete(rows):
        return Summary(method, tuple(rows), None, None)
    here = _measured(rows)
    gain = mean_gain(_measured(ours), here) if ours is not None and ours[0].method.name != method.name else None
    return Summary(method, tuple(rows), mean_psnr(here), gain)


def _measured(rows: Sequence[Row]) -> list[Measured]:
    return [Measured(row.case.subject, row.scores.psnr, row.scores.errors) for row in rows]
