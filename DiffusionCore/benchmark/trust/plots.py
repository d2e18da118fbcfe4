"""The plots of `benchmark trust`: reliability of intervals, and contrast-detail curves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from DiffusionCore.benchmark.report_files import write_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from DiffusionCore.benchmark.trust.report import TrustFigures

COLOURS = {"MR": "#0072b2", "CT": "#d55e00"}  # told apart with any colour vision


def write_plots(figures: TrustFigures, folder: Path, stem: str) -> list[Path]:
    """`reliability` and `detail` as PNG, where there are figures for them."""
    written = []
    if figures.covered:
        written.append(write_figure(folder / f"{stem}-reliability.png", reliability(figures)))
    if figures.cells:
        written.append(write_figure(folder / f"{stem}-detail.png", detail(figures)))
    return written


def reliability(figures: TrustFigures) -> Figure:
    """Observed against nominal coverage, a line a scan."""
    figure = _figure(6, 5.5)
    axes = figure.add_subplot()
    axes.plot([0.45, 1], [0.45, 1], color="grey", linewidth=1, linestyle=":", label="exact")
    named: set[str] = set()
    for one in figures.covered:
        label = one.modality if one.modality not in named else None
        named.add(one.modality)
        axes.plot(*zip(*one.curve, strict=True), color=COLOURS[one.modality], alpha=0.6, marker="o", ms=3, label=label)
    axes.set_xlabel("nominal coverage")
    axes.set_ylabel("share of tissue voxels covered")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def detail(figures: TrustFigures) -> Figure:
    """AUC of the observer against contrast in scan (dashed) and result, a panel a modality and noise level."""
    cells = figures.at_full_strength
    panels = list(dict.fromkeys((c.modality, c.label) for c in cells))
    figure = _figure(5.5 * len(panels), 4.5)
    for place, panel in enumerate(panels, start=1):
        axes = figure.add_subplot(1, len(panels), place)
        own = [c for c in cells if (c.modality, c.label) == panel]
        for number, radius in enumerate(dict.fromkeys(c.radius for c in own)):
            row = [c for c in own if c.radius == radius]
            contrasts = [c.contrast for c in row]
            for name, style in (("scan", "--"), ("result", "-")):
                values = [getattr(c, name) for c in row]
                spread = [[v.estimate - v.low for v in values], [v.high - v.estimate for v in values]]
                label = f"radius {radius:g}, {name}"
                middle = [v.estimate for v in values]
                axes.errorbar(contrasts, middle, spread, linestyle=style, color=f"C{number}", capsize=3, label=label)
        axes.set_title(f"{panel[0]}, {panel[1]}")
        axes.set_xlabel("contrast, standard deviations of the noise")
        axes.set_ylabel("AUC of the observer")
        axes.set_ylim(0.4, 1.02)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    return figure


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure  # no pyplot: it keeps figures in a global and asks for a screen

    return Figure(figsize=(width, height), layout="constrained")
