"""The denoisers' gates: what must hold on test subjects before weights are called done, checked against a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from DiffusionCore.benchmark.denoise.cases import (
    CT_DOSE,
    CT_PAIR,
    MR_AVERAGE,
    MR_ORIGIN,
    MR_OTHER,
    MR_S0,
    REAL,
)
from DiffusionCore.benchmark.denoise.results import Level, Summary
from DiffusionCore.benchmark.denoise.without_truth import Observation

NATURAL_STEPS = 8
NLM = ("nlm-skimage", "nlm-dipy")
REGRESSION = ("regression-unet",)
SAME_HOURS = 1.2
"""Factor by which two trainings may differ in time and still count as equally long."""


@dataclass(frozen=True)
class Verdict:
    """One gate at one level: what was measured, what it must be, whether it holds."""

    table: str
    level: str
    gate: str
    measured: str
    holds: bool


@dataclass(frozen=True)
class Margin:
    """Our PSNR must be the best of `rivals`' plus `decibels` or more; not asked of marked levels if `unmarked`."""

    table: str
    rivals: tuple[str, ...]
    title: str
    decibels: float
    unmarked: bool = False


MARGINS = (
    Margin(MR_ORIGIN, ("bm4d",), "BM4D", 0.3),
    Margin(MR_ORIGIN, NLM, "NLM", 2.5),
    Margin(MR_ORIGIN, REGRESSION, "regression U-Net", -0.1),
    Margin(MR_AVERAGE, ("bm4d",), "BM4D", 0.3),
    Margin(MR_AVERAGE, NLM, "NLM", 2.5),
    Margin(MR_OTHER, NLM, "NLM", 1.0),
    Margin(MR_OTHER, ("input",), "input", 0.0),
    Margin(CT_DOSE, ("bm4d",), "BM4D", 0.3, unmarked=True),
    Margin(CT_DOSE, NLM, "NLM", 1.5, unmarked=True),
)


def verdicts(levels: Sequence[Level], observations: Sequence[Observation]) -> list[Verdict]:
    """Every gate that this run can speak of, for the first of our methods."""
    found = []
    for level in levels:
        ours = _ours(level)
        if ours is None:
            continue
        found += [v for m in MARGINS if m.table == level.table and (v := _margin(level, ours, m)) is not None]
        if level.table == MR_ORIGIN:
            found += _natural(level, ours)
        if level.table == MR_S0:
            found += _s0(level, ours)
        if level.table == CT_DOSE and not level.rows[0].marked:
            shift = ours.mean("shift")
            found.append(_verdict(level, "|mean shift| ≤ 1 HU", f"{shift:+.2f} HU", abs(shift) <= 1))
    return found + _without_truth(observations)


def _ours(level: Level) -> Summary | None:
    return next((s for s in level.summaries if s.method.kind == "ours" and s.psnr is not None), None)


def _margin(level: Level, ours: Summary, margin: Margin) -> Verdict | None:
    theirs = level.best(margin.rivals)
    if theirs is None or (margin.unmarked and all(row.marked for row in level.rows)):
        return None
    title = margin.title
    if margin.rivals == REGRESSION:
        ours, title = _as_long_trained(level, ours, theirs, title)
    gain = ours.psnr.estimate - theirs.psnr.estimate
    holds = gain >= margin.decibels
    if margin.rivals == ("input",):  # on every scan, not in the mean
        each = [a.scores.psnr - b.scores.psnr for a, b in zip(ours.rows, theirs.rows, strict=True)]
        gain, holds = min(each), min(each) >= 0
    more = f"{margin.decibels:+.1f} dB".replace("-", "−")
    return _verdict(level, f"≥ {title} {more}", f"{gain:+.2f} dB", holds)


def _as_long_trained(level: Level, ours: Summary, theirs: Summary, title: str) -> tuple[Summary, str]:
    """Ours that was trained for as long as theirs, where one is in the run; else the first, and the words say so."""
    hours = theirs.method.hours
    if not hours:
        return ours, title
    for s in level.summaries:
        trained = s.method.hours or 0
        if s.method.kind == "ours" and s.method.steps == 1 and s.psnr and 1 / SAME_HOURS < trained / hours < SAME_HOURS:
            return s, f"{title}, both trained {hours:.1f} h:"
    known = "" if ours.method.hours is None else f" ({ours.method.hours:.1f} h of training against {hours:.1f}):"
    return ours, title + known


def _natural(level: Level, mean: Summary) -> list[Verdict]:
    """A sample of eight steps lies 3 dB under the conditional mean, as theory says, and has the scan's spectrum."""
    sample = next(
        (s for s in level.summaries if s.method.kind == "ours" and s.method.steps == NATURAL_STEPS and s.psnr), None
    )
    if sample is None or sample is mean:
        return []
    under = mean.psnr.estimate - sample.psnr.estimate
    spectra = sample.mean("spectrum"), mean.mean("spectrum")
    return [
        _verdict(level, "natural: 3.0 ± 0.3 dB under one step", f"{under:.2f} dB", abs(under - 3) <= 0.3),
        _verdict(
            level,
            "natural: spectrum nearer than one step's",
            f"{spectra[0]:.0f} % against {spectra[1]:.0f} %",
            spectra[0] < spectra[1],
        ),
    ]


def _s0(level: Level, ours: Summary) -> list[Verdict]:
    before = level.of("input")
    wanted: list[tuple[str, float, float, str]] = [
        ("PSNR ≥ 35.1 dB", ours.mean("psnr"), 35.1, " dB"),
        ("SSIM ≥ 0.95", ours.mean("ssim"), 0.95, ""),
    ]
    if before is not None:
        wanted.append(("SNR + 6.4 dB", ours.mean("snr_db") - before.mean("snr_db"), 6.4, " dB"))
    return [_verdict(level, gate, f"{value:.3g}{unit}", value >= least) for gate, value, least, unit in wanted]


def _without_truth(observations: Sequence[Observation]) -> list[Verdict]:
    checks: dict[str, tuple[tuple[str, str, Callable[[float], bool]], ...]] = {
        CT_PAIR: (
            ("noise, HU", "noise ≤ 8 HU", lambda v: v <= 8),
            ("MTF50, % of input's", "MTF50 ≥ 90 % of the input's", lambda v: v >= 90),
            ("disc less input's, HU", "|bias of the disc| ≤ 2 HU", lambda v: abs(v) <= 2),
        ),
        REAL: (
            ("noise, change %", "noise − 60 %", lambda v: v <= -60),
            ("structure, % of tissue", "residual structure in under 5 % of tissue", lambda v: v < 5),
        ),
    }
    found, seen = [], set()
    for o in observations:
        if o.method.kind != "ours" or not o.figures or o.case in seen:
            continue
        seen.add(o.case)
        for name, gate, holds in checks[o.case.table]:
            value = o.figures[name]
            if math.isnan(value):
                continue
            measured = f"{value:.3g}".replace("-", "−")
            found.append(Verdict(o.case.table, o.case.subject, gate, measured, holds(value)))
    return found


def _verdict(level: Level, gate: str, measured: str, holds: bool) -> Verdict:
    mark = " †" if all(row.marked for row in level.rows) else ""
    where = f"{level.label}{mark} {level.window}".strip()
    return Verdict(level.table, where, gate, measured.replace("-", "−"), holds)
