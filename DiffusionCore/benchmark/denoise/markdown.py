"""The tables of a denoising benchmark as Markdown and CSV."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path

from DiffusionCore.benchmark.denoise.cases import REAL
from DiffusionCore.benchmark.denoise.gates import Verdict
from DiffusionCore.benchmark.denoise.results import Level, Row, Summary
from DiffusionCore.benchmark.denoise.without_truth import Observation
from DiffusionCore.benchmark.markdown_table import markdown_table
from DiffusionCore.benchmark.report_files import write_csv

CSV_COLUMNS = (
    "table", "level", "window", "subject", "method", "sigma", "own_noise", "marked", "psnr_ceiling",
    "psnr", "ssim", "snr_db", "mean_shift", "spectrum_error", "seconds", "disturbed", "reason",
)  # fmt: skip

EXPLAINED = """\
Inside tissue (MR: over 5 % of the target's 99.5th percentile, which is also PSNR's data range; CT: in the body, in
the window named, whose width is the data range). Every method was given the same crop, the same noise and the noise's
standard deviation; in CT also its power spectrum. {tuned} Brackets are 95 % intervals of the mean: under six subjects
by a block bootstrap *within these subjects*, from six on over subjects. *Gain* is the first of our methods less the
row's, paired. Seconds are the whole call on the machine that ran it, in round brackets where other work ran beside
it. † The added noise is under three times the target's own: about the best PSNR that this own noise allows is named
under the table. Mean shift is in HU (CT) or percent of the 99.5th percentile (MR). *Spectrum* is how far the radial
power spectrum is from the target's: the mean of |ratio − 1| over frequencies."""


REAL_NOISE = """\
*Noise* is the median deviation in the 5 % of small windows over which the scan, coarsely smoothed, changes least, the same
windows before and after; anatomy that is left in them counts, so that a strong reduction is understated. *Structure* is
the share of tissue where more than noise was taken out or put in (an alarm from 5 %). In MR the networks are told also how
alike the noise of neighbours is, as `enhance` measures it; the other methods have no use for it."""

TUNED = "Rivals' parameters were chosen on validation subjects (tuned.yaml)."
UNTUNED = "**Rivals ran with their default parameters: none was tuned.**"


def markdown(
    levels: Sequence[Level],
    observations: Sequence[Observation],
    gates: Sequence[Verdict],
    tuned: bool = False,
    plots: Sequence[Path] = (),
) -> str:
    """The whole report; `tuned` says whether the rivals' parameters were, `plots` lie beside it."""
    explained = textwrap.fill(EXPLAINED.format(tuned=TUNED if tuned else UNTUNED), 120, break_on_hyphens=False)
    parts = ["# Denoising, ours and theirs", explained]
    if gates:
        parts += ["## Gates", markdown_table(("table", "level", "gate", "measured", "holds"), map(_gate_cells, gates))]
    seen = ""
    for level in levels:
        if level.table != seen:
            seen = level.table
            parts.append(f"## {seen}")
        parts += _level(level)
    for name in dict.fromkeys(o.case.table for o in observations):
        parts += [f"## {name}", *([REAL_NOISE] if name == REAL else [])]
        chosen = [o for o in observations if o.case.table == name]
        for subject in dict.fromkeys(o.case.subject for o in chosen):
            parts += [f"### {subject}", _observations([o for o in chosen if o.case.subject == subject])]
    if plots:
        parts += ["## Plots", *(f"![{path.stem.replace('-', ' ')}]({path.name})" for path in plots)]
    return "\n\n".join(parts) + "\n"


def _level(level: Level) -> list[str]:
    first = level.rows
    mark = " †" if all(row.marked for row in first) else ""
    title = ", ".join(part for part in (level.label, level.window) if part)
    many = len(first) > 1
    subjects = [f"{row.case.subject}{' †' if row.marked and not mark else ''}" for row in first] if many else []
    interval = next((s.psnr.label for s in level.summaries if s.psnr is not None), "")
    header = (
        "method",
        f"PSNR, dB, {interval}",
        *subjects,
        "SSIM",
        "SNR, dB",
        "mean shift",
        "spectrum, %",
        "gain, dB",
        "s",
    )
    parts = [f"### {title}{mark}", markdown_table(header, (_summary_cells(s, len(subjects)) for s in level.summaries))]
    limits = [f"{row.case.subject} {row.ceiling:.1f} dB" for row in first if row.marked]
    return [*parts, f"† About the best PSNR there can be: {', '.join(limits)}."] if limits else parts


def _summary_cells(summary: Summary, subjects: int) -> list[str]:
    title = f"**{summary.method.title}**" if summary.method.kind == "ours" else summary.method.title
    if summary.psnr is None:
        reasons = " / ".join(dict.fromkeys(row.reason for row in summary.rows if row.reason))
        return [title, reasons, *[""] * (subjects + 6)]
    p, gain = summary.psnr, summary.gain
    return [
        title,
        f"{p.estimate:.2f} [{p.low:.2f}, {p.high:.2f}]",
        *[f"{row.scores.psnr:.2f}" for row in summary.rows][:subjects],
        f"{summary.mean('ssim'):.4f}",
        f"{summary.mean('snr_db'):.2f}",
        _signed(summary.mean("shift")),
        _number(summary.mean("spectrum")),
        "" if gain is None else f"{_signed(gain.estimate)} [{_signed(gain.low)}, {_signed(gain.high)}]",
        "" if summary.method.name == "input" else _seconds(summary.seconds, summary.disturbed),
    ]


def _observations(observations: Sequence[Observation]) -> str:
    names = next((list(o.figures) for o in observations if o.figures), [])
    rows = []
    for o in observations:
        title = f"**{o.method.title}**" if o.method.kind == "ours" else o.method.title
        cells = [_number(o.figures[n]) for n in names] if o.figures else [o.reason, *[""] * (len(names) - 1)]
        timed = o.seconds is not None and o.method.name != "input"
        rows.append([title, *cells, _seconds(o.seconds, o.disturbed) if timed else ""])
    return markdown_table(("method", *names, "s"), rows)


def _gate_cells(gate: Verdict) -> list[str]:
    return [gate.table, gate.level, gate.gate, gate.measured, "yes" if gate.holds else "**no**"]


def _seconds(value: float, disturbed: bool) -> str:
    return f"({value:.3g})" if disturbed else f"{value:.3g}"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3g}".replace("-", "−")


def write_rows(rows: Sequence[Row], path: Path) -> Path:
    """Every row with a truth, as CSV; what is not known is empty."""
    return write_csv(path, CSV_COLUMNS, map(_csv_cells, rows))


def _csv_cells(row: Row) -> list[object]:
    s = row.scores
    measured = [""] * 5 if s is None else [_rounded(v) for v in (s.psnr, s.ssim, s.snr_db, s.shift, s.spectrum)]
    described = [row.case.table, row.case.label, row.window, row.case.subject, row.method.name]
    noise = [_rounded(row.sigma), _rounded(row.own), int(row.marked), _rounded(row.ceiling)]
    seconds = "" if row.seconds is None else round(row.seconds, 3)
    return [*described, *noise, *measured, seconds, int(row.disturbed), row.reason]


def _rounded(value: float) -> float:
    return round(value, 4)


def write_observations(observations: Sequence[Observation], path: Path) -> Path:
    """Every figure without truth, one a line, as CSV."""
    rows = []
    for o in observations:
        seconds = "" if o.seconds is None else round(o.seconds, 3)
        for name, value in o.figures.items() or [("", "")]:
            cells = (name, _rounded(value) if name else "", seconds, o.reason)
            rows.append((o.case.table, o.case.subject, o.method.name, *cells))
    return write_csv(path, ("table", "subject", "method", "figure", "value", "seconds", "reason"), rows)
