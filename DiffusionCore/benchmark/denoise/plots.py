"""The plots of a denoising benchmark: figures against noise, against seconds, against steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from DiffusionCore.benchmark.denoise.results import Level, Summary
from DiffusionCore.benchmark.report_files import write_figure
from DiffusionCore.benchmark.rivals import Method

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCORES = {"psnr": "PSNR in tissue, dB", "ssim": "SSIM in tissue"}
WIDTHS = {"ours": 2.5, "learned": 1.5, "rival": 1.2}
STYLES = {"ours": "-", "learned": "--", "rival": "-"}
COLOURS = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#0072B2", "#D55E00")
"""Told apart with any colour vision (Okabe & Ito 2008); what shares a colour has another marker."""
MARKERS = "osD^vPX"


def write_plots(levels: Sequence[Level], folder: Path, name: str = "denoise") -> list[Path]:
    """For each table and window that has them: `noise`, `seconds` and `steps` plots as PNG in `folder`."""
    written = []
    groups: dict[tuple[str, str], list[Level]] = {}
    for level in levels:
        groups.setdefault((level.table, level.window), []).append(level)
    for (table, window), found in groups.items():
        title = ", ".join(part for part in (table, window) if part)
        stem = "".join(c if c.isalnum() else "-" for c in title.lower().replace(" hu", ""))
        stem = "-".join([name, *(part for part in stem.split("-") if part)])
        if len(found) > 1:
            written.append(_figure(folder / f"{stem}-noise.png", title, found, _against_noise))
        written.append(_figure(folder / f"{stem}-seconds.png", title, found, _against_seconds))
        if any(len(_stepped(level)) > 1 for level in found):
            written.append(_figure(folder / f"{stem}-steps.png", title, found, _against_steps))
    return written


Draw = Callable[["Axes", Sequence[Level], str], None]


def _figure(path: Path, title: str, levels: Sequence[Level], draw: Draw) -> Path:
    from matplotlib.figure import Figure  # no pyplot: it keeps figures in a global and asks for a screen

    figure = Figure(figsize=(13, 5), layout="constrained")
    for position, (name, label) in enumerate(SCORES.items(), start=1):
        axes = figure.add_subplot(1, 2, position)
        draw(axes, levels, name)
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside right upper", fontsize="small")
    figure.suptitle(title)
    return write_figure(path, figure)


def _look(position: int) -> dict[str, Any]:
    # two neighbours share a marker; by the second round of that a colour would meet its marker again
    marker = position // 2 + position // (2 * len(COLOURS))
    return {"color": COLOURS[position % len(COLOURS)], "marker": MARKERS[marker % len(MARKERS)]}


def _against_noise(axes: Axes, levels: Sequence[Level], name: str) -> None:
    """Each method less ours in one step: over the range that noise itself spans nothing could be told apart."""
    ours = next((s.method for s in levels[0].summaries if s.method.kind == "ours"), None)
    for position, method in enumerate(_compared(levels)):
        points = []
        for level in levels:
            found, zero = level.of(method.name), None if ours is None else level.of(ours.name)
            if found is not None and (zero is not None or ours is None):
                points.append((_noise(level), found.mean(name) - (0.0 if zero is None else zero.mean(name))))
        style = {"linewidth": WIDTHS[method.kind], "linestyle": STYLES[method.kind], "markersize": 5, **_look(position)}
        axes.plot(*zip(*sorted(points), strict=True), label=method.title, **style)
    if ours is not None:
        axes.set_title(f"less that of {ours.title}", fontsize="medium")
    axes.set_xlabel("added noise, HU" if levels[0].window else "added noise, % of the 99.5th percentile")


def _against_seconds(axes: Axes, levels: Sequence[Level], name: str) -> None:
    """A point for each method: the mean over the levels."""
    for position, method in enumerate(s.method for s in levels[0].summaries if s.method.name != "input"):
        found = [s for level in levels if (s := level.of(method.name)) is not None]
        if not found:
            continue
        look = _look(position)
        face = "none" if any(s.disturbed for s in found) else look["color"]
        marker, size = ("*", 150) if method.kind == "ours" else (look["marker"], 40)
        axes.scatter(
            fmean(s.seconds for s in found),
            fmean(s.mean(name) for s in found),
            s=size,
            marker=marker,
            edgecolors=look["color"],
            facecolors=face,
            label=method.title,
        )
    axes.set_xscale("log")
    axes.set_xlabel("seconds a scan (hollow: beside other work)")


def _against_steps(axes: Axes, levels: Sequence[Level], name: str) -> None:
    for position, level in enumerate(levels):
        points = sorted((s.method.steps or 0, s.mean(name)) for s in _stepped(level))
        if points:
            axes.plot(*zip(*points, strict=True), label=level.label, **_look(position))
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("sampling steps, ours, one sample")


def _stepped(level: Level) -> list[Summary]:
    """The first of our models, in all its numbers of steps."""
    ours = [s for s in level.summaries if s.method.steps and s.method.kind == "ours" and s.psnr is not None]
    return [s for s in ours if _model(s.method) == _model(ours[0].method)]


def _model(method: Method) -> str:
    return method.name.removesuffix(f"-{method.steps}")


def _compared(levels: Sequence[Level]) -> list[Method]:
    """All but the input and ours in several steps, which have plots of their own; the highest at the last level first."""
    last = [s for s in levels[-1].summaries if s.psnr is not None and s.method.name != "input"]
    chosen = [s for s in last if s.method.kind != "ours" or s.method.steps in (None, 1)]
    return [s.method for s in sorted(chosen, key=lambda s: -s.mean("psnr"))]


def _noise(level: Level) -> float:
    return fmean(row.sigma for row in level.rows)
