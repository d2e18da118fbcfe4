"""The figure of a result: before, after, difference and uncertainty in three planes, at one window and scale."""

from __future__ import annotations

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

PICTURES = (".png", ".pdf", ".svg", ".jpg")
DIFFERENCE, SPREAD = "RdBu_r", "cividis"  # told apart with any colour vision


def write_figure(
    path: str | Path,
    before: Volume,
    after: Volume,
    uncertainty: Volume | None = None,
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
        return write_movie(path, [before, after], overwrite=overwrite)
    figure = draw(before, after, uncertainty, title=title, unit=unit)
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


def draw(before: Volume, after: Volume, uncertainty: Volume | None = None, *, title: str = "", unit: str | None = None):
    """The matplotlib Figure. Difference and uncertainty have colour bars in the scan's unit."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    window = display_window(before)
    change = after.with_voxels(after.voxels.astype(np.float32) - before.voxels.astype(np.float32))
    unit = unit or ("HU" if before.modality == "CT" else "grey levels")
    limit = float(np.percentile(np.abs(change.voxels[::2, ::2, ::2]), 99.5)) or 1.0
    columns: list[tuple[str, Volume, dict]] = [
        ("before", before, {"cmap": "gray", "vmin": window[0], "vmax": window[1]}),
        ("after", after, {"cmap": "gray", "vmin": window[0], "vmax": window[1]}),
        ("difference", change, {"cmap": DIFFERENCE, "vmin": -limit, "vmax": limit}),
    ]
    if uncertainty is not None:
        top = float(np.percentile(uncertainty.voxels[::2, ::2, ::2], 99.5)) or 1.0
        columns.append(("uncertainty", uncertainty, {"cmap": SPREAD, "vmin": 0, "vmax": top}))

    rows = [plane_views(volume) for _, volume, _ in columns]
    heights = [view.image.shape[0] * view.pixel[0] / (view.image.shape[1] * view.pixel[1]) for view in rows[0]]
    width = 3.4
    figure = Figure(figsize=(width * len(columns) + 0.4, width * sum(heights) + 1.1), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(heights), len(columns), squeeze=False, gridspec_kw={"height_ratios": heights})
    for column, ((name, _, look), views) in enumerate(zip(columns, rows, strict=True)):
        for row, view in enumerate(views):
            shown = show(axes[row][column], view, look)
            if row == 0:
                axes[row][column].set_title(name, fontsize=13)
        if name in ("difference", "uncertainty"):
            bar = figure.colorbar(shown, ax=axes[:, column], location="bottom", shrink=0.8, pad=0.01)
            bar.set_label(f"{'after − before' if name == 'difference' else 'standard deviation'} ({unit})", fontsize=10)
    low, high = window
    figure.suptitle(f"{title}\n" if title else "", fontsize=12)
    figure.supxlabel(
        f"before and after at one window: {low:.4g} to {high:.4g} {unit}   ·   research only, not for clinical use",
        fontsize=9,
    )
    return figure


def show(axes: Axes, view: PlaneView, look: dict):
    """One slice with the letters of its edges, no ticks."""
    shown = axes.imshow(view.image, origin="lower", aspect=view.aspect, interpolation="nearest", **look)
    axes.set_xticks([])
    axes.set_yticks([])
    ink = {"color": "#ffd27f", "fontsize": 9, "transform": axes.transAxes}
    if look["cmap"] == DIFFERENCE:
        ink["color"] = "black"
    axes.text(0.015, 0.5, view.left, ha="left", va="center", **ink)
    axes.text(0.985, 0.5, view.right, ha="right", va="center", **ink)
    axes.text(0.5, 0.985, view.top, ha="center", va="top", **ink)
    return shown
