"""The figure of a result: before, after, difference and uncertainty in three planes, at one window and scale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UsageError
from ..volume import Volume
from ..volume.atomic import atomic_file
from .movie import MOVIES, check_movie, write_movie
from .views import PlaneView, display_window, plane_views

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

PICTURES = (".png", ".pdf", ".svg", ".jpg")
DIFFERENCE, SPREAD = "RdBu_r", "cividis"  # told apart with any colour vision
STRUCTURE_LIMIT = 8.0  # standard scores: twice what is flagged
# Inches: a picture, what is between pictures, a line of title, a colour bar with its label, the last line.
WIDTH, GAP, TITLE, BAR, FOOTER = 3.4, 0.1, 0.35, 0.65, 0.3


def write_figure(
    path: str | Path,
    before: Volume,
    after: Volume,
    uncertainty: Volume | None = None,
    structure: Volume | None = None,
    *,
    title: str = "",
    unit: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a figure to `path`: a picture by its ending, or (.gif, .mp4) before and after scrolling side by side.

    Raises `UsageError` for another ending, `OutputError` if it cannot be written.
    """
    path = Path(path)
    check_figure(path)
    ending = path.suffix.lower()
    if ending in MOVIES:
        return write_movie(path, [before, after], names=["before", "after"], overwrite=overwrite)
    figure = draw(before, after, uncertainty, structure, title=title, unit=unit)
    with atomic_file(path, overwrite=overwrite) as temporary:
        figure.savefig(temporary, format=ending[1:].replace("jpg", "jpeg"), dpi=110, facecolor="white")
    return path


def check_figure(path: Path) -> None:
    """Raise `UsageError` for an ending that cannot be written, or a film without what writes films."""
    ending = path.suffix.lower()
    if ending not in PICTURES + MOVIES:
        raise UsageError(f"a figure is one of {', '.join(PICTURES + MOVIES)}, got {path.name!r}")
    if ending in MOVIES:
        check_movie(path)


def draw(
    before: Volume,
    after: Volume,
    uncertainty: Volume | None = None,
    structure: Volume | None = None,
    *,
    title: str = "",
    unit: str | None = None,
) -> Figure:
    """The matplotlib Figure: a column for each of before, after, difference, uncertainty and residual structure, a row
    for each plane.

    Before and after are shown at one window; difference and uncertainty have colour bars in the scan's unit, residual
    structure (`metrics.trust`) in standard deviations of the noise.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    unit = unit or ("HU" if before.modality == "CT" else "grey levels")
    window = display_window(before)
    columns = columns_of(before, after, uncertainty, window, unit, structure)
    rows = columns[0].views
    heights = [WIDTH * view.image.shape[0] * view.pixel[0] / (view.image.shape[1] * view.pixel[1]) for view in rows]
    head = TITLE + (TITLE if title else 0)
    page = (
        len(columns) * (WIDTH + GAP) + GAP,
        head + sum(heights) + GAP * (len(rows) - 1) + BAR + FOOTER,
    )
    figure = Figure(figsize=page)
    FigureCanvasAgg(figure)

    def place(left: float, top: float, width: float, height: float) -> Axes:
        return figure.add_axes((left / page[0], 1 - (top + height) / page[1], width / page[0], height / page[1]))

    for number, column in enumerate(columns):
        left, top = GAP + number * (WIDTH + GAP), head
        for view, height in zip(column.views, heights, strict=True):
            axes = place(left, top, WIDTH, height)
            shown = show(axes, view, column, height)
            if top == head:
                axes.set_title(column.name, fontsize=13)
            top += height + GAP
        if column.bar:
            bar = figure.colorbar(
                shown, cax=place(left + 0.1 * WIDTH, top, 0.8 * WIDTH, 0.14), orientation="horizontal"
            )
            bar.set_label(column.bar, fontsize=10)
    if title:
        figure.text(0.5, 1 - 0.5 * TITLE / page[1], title, ha="center", va="center", fontsize=14)
    figure.text(
        0.5,
        0.35 * FOOTER / page[1],
        f"before and after at one window: {window[0]:.4g} to {window[1]:.4g} {unit}"
        "   ·   research only, not for clinical use",
        ha="center",
        va="center",
        fontsize=9,
    )
    return figure


@dataclass(frozen=True)
class Column:
    """What is shown from top to bottom: its name, its slices, its colours and their limits, the colour bar's label."""

    name: str
    views: list[PlaneView]
    colours: str
    limits: tuple[float, float]
    bar: str = ""


def columns_of(
    before: Volume,
    after: Volume,
    uncertainty: Volume | None,
    window: tuple[float, float],
    unit: str,
    structure: Volume | None = None,
) -> list[Column]:
    """The columns of the figure. The difference is taken, and its scale chosen, on the slices that are shown."""
    first, second = plane_views(before), plane_views(after)
    changes = [
        replace(b, image=b.image.astype(np.float32) - a.image.astype(np.float32))
        for a, b in zip(first, second, strict=True)
    ]
    largest = scale_of(changes)
    columns = [
        Column("before", first, "gray", window),
        Column("after", second, "gray", window),
        Column("difference", changes, DIFFERENCE, (-largest, largest), f"after − before ({unit})"),
    ]
    if uncertainty is not None:
        spreads = plane_views(uncertainty)
        limits = (0.0, scale_of(spreads))
        columns.append(Column("uncertainty", spreads, SPREAD, limits, f"standard deviation ({unit})"))
    if structure is not None:
        label = "after − before, in the noise's deviations"
        limits = (-STRUCTURE_LIMIT, STRUCTURE_LIMIT)
        columns.append(Column("more than noise", plane_views(structure), DIFFERENCE, limits, label))
    return columns


def scale_of(views: list[PlaneView]) -> float:
    """The magnitude that all but the largest half percent of the pixels stay below."""
    pixels = np.concatenate([np.abs(view.image).ravel() for view in views])
    return float(np.percentile(pixels, 99.5)) or 1.0


def show(axes: Axes, view: PlaneView, column: Column, height: float) -> AxesImage:
    """One slice with the letters of its edges, outlined so that they can be read on anything; no ticks."""
    from matplotlib.patheffects import withStroke

    low, high = column.limits
    shown = axes.imshow(
        view.image, origin="lower", aspect="auto", interpolation="nearest", cmap=column.colours, vmin=low, vmax=high
    )
    axes.set_xticks([])
    axes.set_yticks([])
    ink = {
        "color": "#ffd27f",
        "fontsize": 10,
        "fontweight": "bold",
        "transform": axes.transAxes,
        "path_effects": [withStroke(linewidth=2.5, foreground="black")],
    }
    axes.text(0.015, 0.5, view.left, ha="left", va="center", **ink)
    axes.text(0.985, 0.5, view.right, ha="right", va="center", **ink)
    if height > 4 * TITLE:
        axes.text(0.5, 1 - 0.06 / height, view.top, ha="center", va="top", **ink)
    return shown
