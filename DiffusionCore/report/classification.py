"""The figure of a classification: probabilities with their samples' range, and the saliency over the scan in three planes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..errors import UsageError
from ..volume import Volume
from ..volume.atomic import atomic_file
from ..volume.geometry import to_canonical_axes, to_ijk
from .figure import PICTURES
from .views import PlaneView, display_window, plane_views

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .markups import Box

# Okabe & Ito's colours, told apart with any colour vision; the map runs from black over orange to yellow.
SAID, OTHER, BOX, SALIENCY = "#0072B2", "#BBBBBB", "#56B4E9", "inferno"
LEAST_SHOWN, STRONGEST = 0.1, 0.7  # below the first the scan is seen bare; how much the map covers it at 1
PICTURE, BARS, FOOTER = 3.3, 0.42, 0.55


class Probability(Protocol):
    """A class with its probability and the range of its samples."""

    name: str
    probability: float
    low: float
    high: float


def check_picture(path: Path) -> None:
    """Raise `UsageError` for an ending that cannot be written."""
    if path.suffix.lower() not in PICTURES:
        raise UsageError(f"a figure of a classification is one of {', '.join(PICTURES)}, got {path.name!r}")


def write_classification(
    path: Path,
    scan: Volume,
    probabilities: Sequence[Probability],
    saliency: Volume | None,
    boxes: Sequence[Box] = (),
    *,
    answer: str = "",
    title: str = "",
    note: str = "",
    map_label: str = "saliency",
    overwrite: bool = False,
) -> Path:
    """Write the figure to `path`. Raises `UsageError` for another ending, `OutputError` if it cannot be written."""
    check_picture(path)
    said = {"answer": answer, "title": title, "note": note, "map_label": map_label}
    figure = draw_classification(scan, probabilities, saliency, boxes, **said)
    ending = path.suffix.lower()[1:].replace("jpg", "jpeg")
    with atomic_file(path, overwrite=overwrite) as temporary:
        figure.savefig(temporary, format=ending, dpi=120, facecolor="white")
    return path


def draw_classification(
    scan: Volume,
    probabilities: Sequence[Probability],
    saliency: Volume | None,
    boxes: Sequence[Box] = (),
    *,
    answer: str = "",
    title: str = "",
    note: str = "",
    map_label: str = "saliency",
) -> Figure:
    """The matplotlib Figure: bars above, below them three planes through the map's middle of mass, with the boxes.

    The bar of the `answer`, which need not be the longest, is coloured. Without probabilities `note` stands in the place of
    the bars. The map, 0 to 1, is always drawn on that scale, so that two scans can be compared; it is the stronger the
    higher it is.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    place = focus(scan, saliency)
    under = plane_views(scan, place)
    over = plane_views(saliency, place) if saliency is not None else [None] * len(under)
    heights = [PICTURE * v.image.shape[0] * v.pixel[0] / (v.image.shape[1] * v.pixel[1]) for v in under]
    scale = min(1.0, 4.5 / max(heights))
    widths = [PICTURE * scale] * len(under)
    tall = max(heights) * scale
    top = 0.45 + BARS * max(len(probabilities), 1) + 0.55
    page = (max(sum(widths) + 0.15 * (len(widths) + 1) + 1.1, 7.5), top + tall + FOOTER + 0.25)
    figure = Figure(figsize=page)
    FigureCanvasAgg(figure)

    def axes_at(left: float, above: float, width: float, height: float) -> Axes:
        return figure.add_axes((left / page[0], 1 - (above + height) / page[1], width / page[0], height / page[1]))

    if title:
        figure.text(0.5, 1 - 0.22 / page[1], title, ha="center", va="center", fontsize=13)
    bars = axes_at(1.9, 0.5, page[0] - 2.9, BARS * max(len(probabilities), 1))
    draw_bars(bars, probabilities, answer, note)
    window = (0.0, 1.0) if scan.modality == "LABEL" else display_window(scan)
    left, shown = 0.15, None
    for view, layer, width, height in zip(under, over, widths, (h * scale for h in heights), strict=True):
        axes = axes_at(left, top + (tall - height) / 2, width, height)
        shown = draw_plane(axes, view, layer, window) or shown
        draw_boxes(axes, scan, view, boxes, place)
        left += width + 0.15
    if shown is not None:
        bar = figure.colorbar(shown, cax=axes_at(left + 0.05, top + 0.1 * tall, 0.14, 0.8 * tall))
        bar.set_label(map_label, fontsize=10)
    words = "research only, not for clinical use"
    if probabilities:
        words += "   ·   whiskers: the range of nine in ten samples"
    figure.text(0.5, 0.28 / page[1], words, ha="center", fontsize=9)
    return figure


def draw_bars(axes: Axes, probabilities: Sequence[Probability], answer: str, note: str) -> None:
    """One bar a class with the range of its samples, its number at its end; or the note."""
    if not probabilities:
        axes.axis("off")
        axes.text(0.5, 0.5, note, ha="center", va="center", fontsize=10, wrap=True, transform=axes.transAxes)
        return
    for row, p in enumerate(probabilities):
        axes.barh(row, p.probability, color=SAID if p.name == answer else OTHER, height=0.62)
        reach = [[p.probability - p.low], [p.high - p.probability]]
        axes.errorbar(p.probability, row, xerr=reach, fmt="none", ecolor="black", capsize=4, linewidth=1.4)
        axes.text(1.02, row, f"{p.probability:.2f}", va="center", fontsize=11, transform=axes.get_yaxis_transform())
    axes.set_yticks(range(len(probabilities)), [p.name for p in probabilities], fontsize=11)
    axes.set_xlim(0, 1)
    axes.invert_yaxis()
    axes.tick_params(axis="x", labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def draw_plane(axes: Axes, view: PlaneView, layer: PlaneView | None, window: tuple[float, float]) -> object:
    """A slice with the map over it, the letters of its edges; gives what a colour bar is made from."""
    from matplotlib.patheffects import withStroke

    low, high = window
    axes.imshow(view.image, origin="lower", aspect="auto", interpolation="nearest", cmap="gray", vmin=low, vmax=high)
    shown = None
    if layer is not None:
        shown = axes.imshow(
            layer.image, origin="lower", aspect="auto", interpolation="nearest", cmap=SALIENCY, vmin=0, vmax=1,
            alpha=STRONGEST * np.clip((layer.image - LEAST_SHOWN) / (1 - LEAST_SHOWN), 0, 1),
        )  # fmt: skip
    axes.set_xticks([])
    axes.set_yticks([])
    ink = {"color": "white", "fontsize": 10, "fontweight": "bold", "transform": axes.transAxes}
    ink["path_effects"] = [withStroke(linewidth=2.5, foreground="black")]
    axes.text(0.02, 0.5, view.left, ha="left", va="center", **ink)
    axes.text(0.98, 0.5, view.right, ha="right", va="center", **ink)
    axes.text(0.5, 0.98, view.top, ha="center", va="top", **ink)
    return shown


def draw_boxes(axes: Axes, scan: Volume, view: PlaneView, boxes: Sequence[Box], place: tuple[int, int, int]) -> None:
    """The outline of each box that the plane cuts, along the canonical axes."""
    from matplotlib.patches import Rectangle

    grid = to_canonical_axes(scan)
    across = {"axial": (0, 1, 2), "coronal": (0, 2, 1), "sagittal": (1, 2, 0)}[view.name]  # i, j, k: right, up, through
    at = place[::-1]
    columns = view.image.shape[1]
    for number, box in enumerate(boxes):
        signs = np.array(np.meshgrid(*[(-0.5, 0.5)] * 3)).reshape(3, -1)
        corners = (np.array(box.centre)[:, None] + box.axes @ (np.array(box.size)[:, None] * signs)).T
        ijk = to_ijk(grid.ijk_to_ras, corners)
        low, high = ijk.min(axis=0), ijk.max(axis=0)
        right, up, through = across
        if not low[through] <= at[through] <= high[through]:
            continue
        begin = columns - 1 - high[right]  # planes are shown with i, or j, running to the left
        axes.add_patch(
            Rectangle(
                (begin, low[up]), high[right] - low[right], high[up] - low[up], fill=False, edgecolor=BOX,
                linewidth=2.0 if number == 0 else 1.0, linestyle="-" if number == 0 else (0, (4, 2)),
            )
        )  # fmt: skip


def focus(scan: Volume, saliency: Volume | None) -> tuple[int, int, int]:
    """(k, j, i) of the canonical grid through which the planes go: where the map is highest, or the scan's middle."""
    if saliency is None or saliency.voxels.max() <= saliency.voxels.min():
        return tuple(size // 2 for size in to_canonical_axes(scan).shape)
    values = to_canonical_axes(saliency).voxels
    return tuple(round(float(x)) for x in np.argwhere(values >= 0.995 * values.max()).mean(axis=0))
