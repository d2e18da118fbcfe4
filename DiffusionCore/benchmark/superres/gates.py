"""Super-resolution's gates: what must hold on test subjects before weights are called done."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from DiffusionCore.benchmark.denoise.gates import Verdict
from DiffusionCore.benchmark.superres.cases import CT_ALL, CT_PLANE, MR_ORIGIN, MR_SPLINE, MR_THICK
from DiffusionCore.benchmark.superres.scores import Row

SPLINES = ("bspline-3", "bspline-5")
# (table, rivals by name or kind, in words, decibels that ours must have more)
MARGINS = (
    (MR_ORIGIN, ("interpolation",), "best interpolation", 1.5),
    (MR_ORIGIN, ("learned",), "regression U-Net", -0.1),
    (MR_THICK, SPLINES, "B-spline", 1.5),
    (MR_THICK, ("learned",), "regression U-Net", -0.1),
    (CT_ALL, SPLINES, "B-spline", 1.0),
    (CT_PLANE, SPLINES, "B-spline", 1.0),
)
CONSISTENT_TO = 0.01


def verdicts(rows: Sequence[Row], ours: str) -> list[Verdict]:
    """Every gate that these rows can speak of, for the method called `ours`, by the mean over a table's subjects."""
    found = []
    for table, rivals, words, decibels in MARGINS:
        for window in dict.fromkeys(row.window for row in rows if row.case.table == table):
            here = [row for row in rows if row.case.table == table and row.window == window]
            own = _mean(here, ours)
            others = {row.method for row in here if row.method in rivals or row.kind in rivals}
            if own is None or not others:
                continue
            best = max(others, key=lambda name: _mean(here, name))
            gain = own - _mean(here, best)
            gate = f"≥ {words} {decibels:+g} dB"
            found.append(Verdict(table, window, gate, f"{gain:+.2f} dB ({best})", gain >= decibels))
    for table in dict.fromkeys(row.case.table for row in rows if row.case.table != MR_SPLINE):
        worst = [row.consistency for row in rows if row.case.table == table and row.method == ours]
        if worst:
            percent = 100 * max(worst)
            found.append(Verdict(table, "", "consistency ≤ 1 %", f"{percent:.2f} %", max(worst) <= CONSISTENT_TO))
    return found


def _mean(rows: Sequence[Row], method: str) -> float | None:
    values = [row.psnr for row in rows if row.method == method]
    return float(np.mean(values)) if values else None
