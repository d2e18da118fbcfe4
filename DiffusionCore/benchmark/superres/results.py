"""The rows of a run gathered by table and window: each method's mean over the scans, with intervals and paired gains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from DiffusionCore.benchmark.psnr_intervals import Measured, mean_gain, mean_psnr
from DiffusionCore.benchmark.superres.scores import Row
from DiffusionCore.metrics import Interval


@dataclass(frozen=True, eq=False)
class Summary:
    """One method in one table and window, over the scans.

    psnr  mean with its interval; None for scans without a truth
    gain  ours less this method, paired; None for ours, and where either has no PSNR
    """

    rows: tuple[Row, ...]
    psnr: Interval | None
    gain: Interval | None

    @property
    def method(self) -> str:
        return self.rows[0].method

    @property
    def kind(self) -> str:
        return self.rows[0].kind

    def mean(self, name: str) -> float:
        """Mean of a row's figure by its name, of the scans that have it."""
        values = np.array([getattr(row, name) for row in self.rows], float)
        known = values[np.isfinite(values)]
        return float(known.mean()) if known.size else float("nan")


@dataclass(frozen=True, eq=False)
class Table:
    """Every method on a table's scans in one window, in the order they were run."""

    name: str
    window: str
    summaries: tuple[Summary, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows of one method: the cases are the same for all."""
        return self.summaries[0].rows

    def of(self, method: str) -> Summary | None:
        return next((s for s in self.summaries if s.method == method), None)

    def best(self, rivals: Iterable[str]) -> Summary | None:
        """Of the methods of these names or kinds, the one of the highest mean PSNR."""
        found = [s for s in self.summaries if {s.method, s.kind} & {*rivals} and s.psnr is not None]
        return max(found, key=lambda s: s.psnr.estimate) if found else None


def tables_of(rows: Sequence[Row], ours: str) -> list[Table]:
    """The rows gathered in the order in which tables, windows and methods first come; gains are of the method `ours`."""
    groups: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for row in rows:
        groups.setdefault((row.case.table, row.window), {}).setdefault(row.method, []).append(row)
    return [
        Table(name, window, tuple(_summary(of_one, methods.get(ours)) for of_one in methods.values()))
        for (name, window), methods in groups.items()
    ]


def _summary(rows: list[Row], ours: list[Row] | None) -> Summary:
    if any(row.errors is None for row in rows):
        return Summary(tuple(rows), None, None)
    here = _measured(rows)
    gain = None if ours is None or ours is rows else mean_gain(_measured(ours), here)
    return Summary(tuple(rows), mean_psnr(here), gain)


def _measured(rows: Sequence[Row]) -> list[Measured]:
    return [Measured(row.case.subject, row.psnr, row.errors) for row in rows]
