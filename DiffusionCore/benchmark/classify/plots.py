"""The comparison's pictures: figures with intervals, reliability, noise, steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from DiffusionCore.benchmark.classify.arms import MAJORITY, OURS
from DiffusionCore.benchmark.classify.datasets import Dataset
from DiffusionCore.benchmark.classify.label_diffusion import StepPoint
from DiffusionCore.benchmark.classify.results import ArmResult
from DiffusionCore.benchmark.classify.spoiling import LEVELS, WORDS
from DiffusionCore.metrics.bootstrap import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's colours, told apart with any colour vision; the marks differ too.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000", "#999999", "#F0E442")
MARKS = "osD^vP*Xh"
SHOWN = ("AUC", "balanced accuracy", "accuracy")


def write_plots(
    folder: Path, stem: str, data: Dataset, results: Sequence[ArmResult], curve: Sequence[StepPoint]
) -> list[Path]:
    """`STEM-figures.png`, `-reliability.png`, `-noise.png` and `-steps.png` in `folder`."""
    made = (
        ("figures", (13, 0.9 + 0.42 * len(results)), 1, len(SHOWN), lambda axes: draw_points(axes, results)),
        ("reliability", (6.2, 5.6), 1, 1, lambda axes: draw_reliability(axes[0], results)),
        ("noise", (8.6, 4.8), 1, 1, lambda axes: draw_noise(axes[0], results, data)),
        ("steps", (10, 4.2), 1, 2, lambda axes: draw_steps(axes, curve)),
    )
    return [picture(folder / f"{stem}-{name}.png", *how) for name, *how in made]


def picture(path: Path, size: tuple[float, float], rows: int, columns: int, draw: Callable[[list[Axes]], None]) -> Path:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as NewFigure

    figure: Figure = NewFigure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    draw(list(figure.subplots(rows, columns, squeeze=False).ravel()))
    figure.savefig(path, dpi=110, facecolor="white")
    return path


def reach(found: Sequence[Interval]) -> tuple[list[float], list[float]]:
    """How far intervals reach down and up from their estimates; 0 where a percentile lies on the other side."""
    return [max(f.estimate - f.low, 0) for f in found], [max(f.high - f.estimate, 0) for f in found]


def draw_points(axes: list[Axes], results: Sequence[ArmResult]) -> None:
    """Every arm's figures with intervals, ours on top; a line where ours ends."""
    for place, (one, name) in enumerate(zip(axes, SHOWN, strict=True)):
        ours = next(r for r in results if r.arm.name == OURS).figures[name].estimate
        for row, result in enumerate(results):
            found = result.figures[name]
            colour = COLOURS[0] if result.arm.name == OURS else "#999999" if result.arm.kind == "simple" else "#5A8FB5"
            one.errorbar(found.estimate, row, xerr=reach([found]), fmt="o", color=colour, capsize=3)
            one.text(1.03, row, f"{found.estimate:.3f}", va="center", fontsize=9, transform=one.get_yaxis_transform())
        one.axvline(ours, color=COLOURS[0], linewidth=1, linestyle="--")
        one.set_xlim(0.4, 1.01)
        one.set_title(name, fontsize=11)
        one.set_yticks(range(len(results)), [r.arm.title for r in results] if place == 0 else [""] * len(results))
        one.invert_yaxis()
        for side in ("top", "right"):
            one.spines[side].set_visible(False)


def draw_reliability(axes: Axes, results: Sequence[ArmResult]) -> None:
    """How often what was said came true, by bins of what was said; on the diagonal it is honest."""
    axes.plot([0, 1], [0, 1], color="#777777", linewidth=1, linestyle=":")
    shown = [r for r in results if r.arm.kind in ("ours", "guidance", "bundled", "cnn") or r.arm.name == "logistic"]
    for place, result in enumerate(shown):
        bins = [b for b in result.reliability if b.cases >= 5]
        said = [b.said for b in bins]
        true = [b.came_true for b in bins]
        style = {"color": COLOURS[place], "marker": MARKS[place], "markersize": 5, "capsize": 2}
        style |= {"linewidth": 2.2 if result.arm.name == OURS else 1.0, "elinewidth": 0.7}
        # a little apart, so that bars of one bin do not hide each other
        moved = [x + 0.006 * (place - len(shown) / 2) for x in said]
        axes.errorbar(moved, [t.estimate for t in true], yerr=reach(true), label=result.arm.title, **style)
    axes.set(
        xlim=(0, 1),
        ylim=(0, 1),
        xlabel="probability that was said (calibrated, first seed)",
        ylabel="share that came true",
    )
    axes.legend(fontsize=8, loc="upper left")
    axes.grid(alpha=0.3)


def draw_noise(axes: Axes, results: Sequence[ArmResult], data: Dataset) -> None:
    """AUC against noise, from none on the left."""
    levels = LEVELS[data.source.kind]
    places = range(len(levels) + 1)
    shown = [r for r in results if r.arm.kind != "ablation" and r.arm.name != MAJORITY]
    for place, result in enumerate(shown):
        found = [result.figures["AUC"], *result.noisy]
        style = {"color": COLOURS[place], "marker": MARKS[place], "markersize": 5, "capsize": 2}
        style |= {"linewidth": 2.2 if result.arm.name == OURS else 1.0, "elinewidth": 0.7}
        moved = [x + 0.05 * (place - len(shown) / 2) for x in places]
        axes.errorbar(moved, [f.estimate for f in found], yerr=reach(found), label=result.arm.title, **style)
    axes.axhline(0.5, color="#777777", linewidth=1, linestyle=":")
    axes.set_xticks(list(places), ["none", *(f"{level:g}" for level in levels)])
    axes.set(xlabel=WORDS[data.source.kind], ylabel="AUC, test cases")
    axes.legend(fontsize=8, loc="lower left")
    axes.grid(alpha=0.3)


def draw_steps(axes: list[Axes], curve: Sequence[StepPoint]) -> None:
    """AUC and Brier score against sampling steps, with one timestep for all points and with one for each."""
    for one, name, label in zip(axes, ("auc", "brier"), ("AUC, validation cases", "Brier score"), strict=True):
        for place, spread in enumerate(sorted({p.spread for p in curve})):
            points = [p for p in curve if p.spread == spread]
            words = "one timestep for all points" if spread == 0 else f"a timestep a point (spread {spread:g})"
            style = {"color": COLOURS[place], "marker": MARKS[place], "label": words}
            one.plot([p.steps for p in points], [getattr(p, name) for p in points], **style)
        one.set_xscale("log")
        ticks = sorted({p.steps for p in curve})
        one.set_xticks(ticks, [str(t) for t in ticks])
        one.minorticks_off()
        one.set(xlabel="sampling steps", ylabel=label)
        one.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
