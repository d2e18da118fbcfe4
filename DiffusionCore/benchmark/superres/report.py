"""The tables of a super-resolution benchmark as Markdown and CSV."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np

from DiffusionCore.benchmark.denoise.gates import Verdict
from DiffusionCore.benchmark.superres.cases import picture_name
from DiffusionCore.benchmark.superres.goal import SpeedRow
from DiffusionCore.benchmark.superres.scores import Row

EXPLAINED = """\
Test subjects only, whole scans. MR ×2 and ×4: k-space is truncated and cropped as a scanner would, and the magnitude
taken; through the plane: thick slices of a Gaussian profile that touch; CT: voxels are Gaussian means of about their
own width; spline pairs (S2): a cubic spline read at the coarse voxels, so that they hold aliasing. No noise was added; the
targets hold their own, which nobody can foretell. PSNR and SSIM in tissue (MR: over 5 % of the 99.5th percentile, which is
the data range; CT: in the body, in the window named). *Rise* is the distance over which edges of the truth rise from 10 to
90 % in the result, in planes that hold the axis that was coarse. *Consistency* is the RMS of (the result made coarse again −
the coarse scan) over the scan's 99.5th percentile. "B-spline 3, made consistent" is the interpolation with our projection
after it: what data consistency alone gives. Under six subjects every subject is shown; seconds are of the machine that ran
it, in brackets where it did other work too (`--retime` runs those again)."""


def write_report(
    folder: Path, name: str, rows: Sequence[Row], gates: Sequence[Verdict], speed: SpeedRow | None = None
) -> list[Path]:
    """`NAME.md` and `NAME.csv` in `folder`."""
    page, table = folder / f"{name}.md", folder / f"{name}.csv"
    page.write_text(markdown(rows, gates, speed), encoding="utf-8")
    names = [field.name for field in fields(Row) if field.name not in ("case", "title")]
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["table", "subject", *names])
        for row in rows:
            writer.writerow([row.case.table, row.case.subject, *(_plain(getattr(row, name)) for name in names)])
    return [page, table]


def markdown(rows: Sequence[Row], gates: Sequence[Verdict], speed: SpeedRow | None = None) -> str:
    """The whole report."""
    parts = ["# Super-resolution, ours and theirs", EXPLAINED]
    if gates:
        cells = ((g.table, g.level, g.gate, g.measured, "yes" if g.holds else "**no**") for g in gates)
        parts += ["## Gates", grid(("table", "window", "gate", "measured", "holds"), cells)]
    if speed is not None:
        parts += ["## Seconds of the command", speed.in_words]
    for table in dict.fromkeys(row.case.table for row in rows):
        here = [row for row in rows if row.case.table == table]
        names = dict.fromkeys(picture_name(row.case) for row in here)
        parts += [f"## {table}", *(f"![{table}]({name})" for name in names)]
        for window in dict.fromkeys(row.window for row in here):
            chosen = [row for row in here if row.window == window]
            parts += [f"### {window}"] if window else []
            parts.append(_table(chosen))
    return "\n\n".join(parts) + "\n"


def _table(rows: Sequence[Row]) -> str:
    subjects = list(dict.fromkeys(row.case.subject for row in rows))
    known = any(math.isfinite(row.psnr) for row in rows)
    scores = [f"{name}, PSNR / SSIM" for name in subjects] if known else []
    head = ["method", *scores, *(["mean PSNR", "rise, mm"] if known else []), "consistency, %", "seconds"]
    lines = []
    for method in dict.fromkeys(row.method for row in rows):
        own = [row for row in rows if row.method == method]
        by_subject = {row.case.subject: row for row in own}
        cells: list[str] = [own[0].title]
        if known:
            cells += [_pair(by_subject.get(name)) for name in subjects]
            cells += [f"{np.mean([row.psnr for row in own]):.2f}", f"{np.nanmean([row.rise_mm for row in own]):.2f}"]
        cells += [f"{100 * np.mean([r.consistency for r in own]):.2f}", _seconds(own)]
        lines.append(cells)
    return grid(head, lines)


def _seconds(rows: Sequence[Row]) -> str:
    """The mean; in brackets where other work was done beside it."""
    mean = f"{np.mean([row.seconds for row in rows]):.1f}"
    return f"({mean})" if any(row.disturbed for row in rows) else mean


def _pair(row: Row | None) -> str:
    return "" if row is None else f"{row.psnr:.2f} / {row.ssim:.4f}"


def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _plain(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.5g}" if math.isfinite(value) else ""
    return value
