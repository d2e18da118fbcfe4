"""The plots of a denoising benchmark: figures against noise, against seconds, against steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from DiffusionCore.benchmark.denoise.results import Level, Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SCORES = {"psnr": "PSNR in tissue, dB", "ssim": "SSIM in tissue"}
WIDTHS = {"ours": 2.5, "learned": 1.5, "rival": 1.2}
STYLES = {"ours": "-", "learned": "--", "rival": "-"}


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
    # No pyplot: it keeps figures in a global and asks for a screen.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as NewFigure

    figure: Figure = NewFigure(figsize=(13, 5), layout="constrained")
    FigureCanvasAgg(figure)
    for position, (name, label) in enumerate(SCORES.items(), start=1):
        axes = figure.add_subplot(1, 2, position)
        draw(axes, levels, name)
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside right upper", fontsize="small")
    figure.suptitle(title)
    figure.savefig(path, dpi=110)
    return path


def _colour(position: int) -> tuple[float, ...]:
    import matplotlib

    return matplotlib.colormaps["tab20"](position % 20)


def _against_noise(axes: Axes, levels: Sequence[Level], name: str) -> None:
    for position, method in enumerate(s.method for s in levels[0].summaries):
        points = [(_noise(level), s.mean(name)) for level in levels if (s := level.of(method.name)) is not None]
        if points:
            style = {"linewidth": WIDTHS[method.kind], "linestyle": STYLES[method.kind], "marker": "o", "markersize": 4}
            axes.plot(*zip(*sorted(points), strict=True), color=_colour(position), label=method.title, **style)
    axes.set_xlabel("added noise, HU" if levels[0].window else "added noise, % of the 99.5th percentile")


def _against_seconds(axes: Axes, levels: Sequence[Level], name: str) -> None:
    for position, method in enumerate(s.method for s in levels[0].summaries):
        if method.name == "input":
            continue
        found = [s for level in levels if (s := level.of(method.name)) is not None]
        if found:
            marker = "*" if method.kind == "ours" else "o"
            size = 140 if method.kind == "ours" else 36
            colour = _colour(position)
            axes.scatter(
                [s.seconds for s in found],
                [s.mean(name) for s in found],
                s=size,
                marker=marker,
                edgecolors=[colour],
                facecolors=["none" if s.disturbed else colour for s in found],
                label=method.title,
            )
    axes.set_xscale("log")
    axes.set_xlabel("seconds a scan (a point for each noise level; hollow: beside other work)")


def _against_steps(axes: Axes, levels: Sequence[Level], name: str) -> None:
    for position, level in enumerate(levels):
        points = sorted((s.method.steps or 0, s.mean(name)) for s in _stepped(level))
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", color=_colour(2 * position), label=level.label)
    axes.set_xscale("log", base=2)
    axes.set_xlabel("sampling steps, ours, one sample")


def _stepped(level: Level) -> list[Summary]:
    return [s for s in level.summaries if s.method.steps and s.method.kind == "ours" and s.psnr is not None]


def _noise(level: Level) -> float:
    return sum(row.sigma for row in level.rows) / len(level.rows)
