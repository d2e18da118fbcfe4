"""Super-resolution's gates: what must hold on test subjects before weights are called done."""

from __future__ import annotations

from collections.abc import Sequence

from DiffusionCore.benchmark.denoise.gates import Verdict
from DiffusionCore.benchmark.superres.cases import CT_ALL, CT_PLANE, MR_ORIGIN, MR_SPLINE, MR_THICK
from DiffusionCore.benchmark.superres.results import Summary, Table

SPLINES = ("bspline-3", "bspline-5")
LEARNED = ("learned",)
# (table, rivals by name or kind, in words, decibels that ours must have more)
MARGINS = (
    (MR_ORIGIN, ("interpolation",), "best interpolation", 1.5),
    (MR_ORIGIN, LEARNED, "regression U-Net", -0.1),
    (MR_THICK, SPLINES, "B-spline", 1.5),
    (MR_THICK, LEARNED, "regression U-Net", -0.1),
    (CT_ALL, SPLINES, "B-spline", 1.0),
    (CT_PLANE, SPLINES, "B-spline", 1.0),
)
CONSISTENT_TO = 0.01


def verdicts(tables: Sequence[Table], ours: str) -> list[Verdict]:
    """Every gate that these tables can speak of, for the method called `ours`: gains by the mean over a table's scans,
    consistency by the worst."""
    found = []
    for name, rivals, words, decibels in MARGINS:
        for table in (table for table in tables if table.name == name):
            own, best = table.of(ours), table.best(rivals)
            if own is None or best is None:
                continue
            gate = f"≥ {words} {signed(f'{decibels:+g}')} dB{_hours(own, best)}"
            gain = best.gain
            numbers = signed(f"{gain.estimate:+.2f} dB [{gain.low:+.2f}, {gain.high:+.2f}]")
            measured = f"{numbers} ({best.rows[0].title})"
            found.append(Verdict(name, table.window, gate, measured, gain.estimate >= decibels))
    for name in dict.fromkeys(table.name for table in tables if table.name != MR_SPLINE):
        worst = [
            row.consistency for table in tables if table.name == name and (own := table.of(ours)) for row in own.rows
        ]
        if worst:
            found.append(
                Verdict(name, "", "consistency ≤ 1 %", f"{100 * max(worst):.2f} %", max(worst) <= CONSISTENT_TO)
            )
    return found


def _hours(own: Summary, rival: Summary) -> str:
    """What is to be known of a comparison of trained methods: how long each was trained."""
    mine, theirs = own.rows[0].hours, rival.rows[0].hours
    return "" if mine is None or theirs is None else f" ({mine:.1f} h of training against {theirs:.1f})"


def signed(numbers: str) -> str:
    """Numbers with a true minus."""
    return numbers.replace("-", "−")
