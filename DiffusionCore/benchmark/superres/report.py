"""The tables of a super-resolution benchmark as Markdown and CSV."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from DiffusionCore.benchmark.denoise.gates import Verdict
from DiffusionCore.benchmark.markdown_table import markdown_table
from DiffusionCore.benchmark.superres.cases import picture_name
from DiffusionCore.benchmark.superres.gates import signed
from DiffusionCore.benchmark.superres.goal import SpeedRow
from DiffusionCore.benchmark.superres.results import Summary, Table
from DiffusionCore.benchmark.superres.scores import Row
from DiffusionCore.metrics.bootstrap import FEWEST_SUBJECTS

EXPLAINED = """\
Test subjects only, whole scans. MR ×2 and ×4: k-space is truncated and cropped as a scanner would, and the magnitude
taken, in the plane alone for the stacks of slices; through the plane: thick slices of a Gaussian profile that touch; CT:
voxels are Gaussian means of about their own width; spline pairs (S2): a cubic spline read at the coarse voxels, so that
they hold aliasing. No noise was added; the targets hold their own, which nobody can foretell. PSNR and SSIM in tissue (MR:
over 5 % of the 99.5th percentile, which is the data range; CT: in the body, in the window named). Brackets are 95 %
intervals of the mean: under six subjects, of whom every scan is shown, by a block bootstrap *within these subjects*, from
six on over subjects. *Gain* is the first of our methods less the row's, paired. *Rise* is the distance over which edges of
the truth rise from 10 to 90 % in the result, in planes that hold the axis that was coarse. *Consistency* is the RMS of (the
result made coarse again − the coarse scan) over the scan's 99.5th percentile. "B-spline 3, made consistent" is the
interpolation with our projection after it: what data consistency alone gives. Seconds are of the machine that ran it, in
round brackets where it did other work too (`--retime` runs those again); hours are of training, by the wall or, where a model's
card says so, the processor."""


def write_report(
    folder: Path, name: str, tables: Sequence[Table], gates: Sequence[Verdict], speed: SpeedRow | None = None
) -> list[Path]:
    """`NAME.md` and `NAME.csv` in `folder`."""
    page, table = folder / f"{name}.md", folder / f"{name}.csv"
    page.write_text(markdown(tables, gates, speed), encoding="utf-8")
    names = [field.name for field in fields(Row) if field.name not in ("case", "title", "errors")]
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["table", "subject", *names])
        for row in (row for each in tables for summary in each.summaries for row in summary.rows):
            writer.writerow([row.case.table, row.case.subject, *(_plain(getattr(row, name)) for name in names)])
    return [page, table]


def markdown(tables: Sequence[Table], gates: Sequence[Verdict], speed: SpeedRow | None = None) -> str:
    """The whole report."""
    parts = ["# Super-resolution, ours and theirs", EXPLAINED]
    if gates:
        cells = ((g.table, g.level, g.gate, g.measured, "yes" if g.holds else "**no**") for g in gates)
        parts += ["## Gates", markdown_table(("table", "window", "gate", "measured", "holds"), cells)]
    if speed is not None:
        parts += ["## Seconds of the command", speed.in_words]
    for name in dict.fromkeys(table.name for table in tables):
        here = [table for table in tables if table.name == name]
        pictures = dict.fromkeys(picture_name(row.case) for row in here[0].rows)
        parts += [f"## {name}", *(f"![{name}]({picture})" for picture in pictures)]
        for table in here:
            parts += [f"### {table.window}"] if table.window else []
            parts.append(_table_of(table))
    return "\n\n".join(parts) + "\n"


def _table_of(table: Table) -> str:
    label = next((s.psnr.label for s in table.summaries if s.psnr is not None), None)
    each = len(table.rows) < FEWEST_SUBJECTS
    scans = [f"{row.case.subject}, PSNR / SSIM" for row in table.rows] if each and label else []
    known = [f"PSNR, dB, {label}", *scans, "SSIM", "gain, dB", "rise, mm"] if label else []
    lines = [_cells(summary, each) for summary in table.summaries]
    return markdown_table(["method", *known, "consistency, %", "seconds", "hours"], lines)


def _cells(summary: Summary, each: bool) -> list[str]:
    """A method's line; `each`: with the figures of every scan."""
    title = summary.rows[0].title
    cells = [f"**{title}**" if summary.kind == "ours" else title]
    if (psnr := summary.psnr) is not None:
        gain = summary.gain
        cells.append(f"{psnr.estimate:.2f} [{psnr.low:.2f}, {psnr.high:.2f}]")
        cells += [f"{row.psnr:.2f} / {row.ssim:.4f}" for row in summary.rows] if each else []
        cells.append(f"{summary.mean('ssim'):.4f}")
        cells.append("" if gain is None else signed(f"{gain.estimate:+.2f} [{gain.low:+.2f}, {gain.high:+.2f}]"))
        cells.append(f"{summary.mean('rise_mm'):.2f}")
    hours = summary.rows[0].hours
    return [
        *cells,
        f"{100 * summary.mean('consistency'):.2f}",
        _seconds(summary),
        "" if hours is None else f"{hours:.1f}",
    ]


def _seconds(summary: Summary) -> str:
    """The mean; in brackets where other work was done beside it."""
    mean = f"{summary.mean('seconds'):.1f}"
    return f"({mean})" if any(row.disturbed for row in summary.rows) else mean


def _plain(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.5g}" if math.isfinite(value) else ""
    return value
