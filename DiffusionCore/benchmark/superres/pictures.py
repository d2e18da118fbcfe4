"""What the methods made of one slice, side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from DiffusionCore.benchmark.superres.cases import Given
from DiffusionCore.volume import Volume
from DiffusionCore.volume.geometry import to_canonical_axes

CT_WINDOW = (-160.0, 240.0)
SIDE_MM = 90.0
COLUMNS = 4


@dataclass(frozen=True, eq=False)
class Panel:
    """A part of a slice: image (rows, columns), the height of a pixel over its width, and what is black and white."""

    image: npt.NDArray[np.float32]
    aspect: float
    low: float
    high: float


def panel_of(scan: Given, voxels: npt.NDArray[np.float32]) -> Panel:
    """The middle of a result on the fine grid: axial where the plane was coarse, coronal where only the slices were thick;
    the patient's right is on the left."""
    axis = 1 if scan.case.factors[1] == 1 else 2
    image, aspect = _slice(Volume(voxels, _fine_matrix(scan), scan.case.modality), axis)
    return Panel(image, aspect, *_window(scan))


def write_picture(path: Path, scan: Given, results: Mapping[str, Panel]) -> Path:
    """Every result, by its title, beside the truth, above their errors, `COLUMNS` in a row."""
    # No pyplot: it keeps figures in a global and asks for a screen.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    truth = None if scan.truth is None else panel_of(scan, scan.truth.voxels)
    panels = {**({} if truth is None else {"truth": truth}), **results}
    high = 1 if truth is None else 2
    columns, rows = min(COLUMNS, len(panels)), high * math.ceil(len(panels) / COLUMNS)
    figure = Figure(figsize=(2.6 * columns, 2.9 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    for number, (title, panel) in enumerate(panels.items()):
        look = {"origin": "lower", "aspect": panel.aspect, "interpolation": "nearest"}
        band, column = divmod(number, columns)
        place = band * high * columns + column + 1
        axes = figure.add_subplot(rows, columns, place)
        axes.imshow(panel.image, cmap="gray", vmin=panel.low, vmax=panel.high, **look)
        axes.set_title(title, fontsize=8)
        axes.set_axis_off()
        if truth is not None and panel is not truth:
            axes = figure.add_subplot(rows, columns, place + columns)
            span = _span(truth)
            axes.imshow(panel.image - truth.image, cmap="RdBu_r", vmin=-span, vmax=span, **look)
            axes.set_axis_off()
    below = "" if truth is None else f"; below: error, ±{_span(truth):.3g}"
    figure.suptitle(f"{scan.case.table}: {scan.case.subject}{below}", fontsize=9)
    figure.savefig(path, dpi=110)
    return path


def _span(truth: Panel) -> float:
    """The error that is shown in full colour."""
    return 0.25 * (truth.high - truth.low)


def _fine_matrix(scan: Given) -> np.ndarray:
    factors = np.array(scan.case.factors, float)
    matrix = scan.coarse.ijk_to_ras.copy()
    matrix[:3, 3] += matrix[:3, :3] @ (0.5 / factors - 0.5)[::-1]
    matrix[:3, :3] /= factors[::-1]
    return matrix


def _slice(volume: Volume, axis: int) -> tuple[np.ndarray, float]:
    """(image, height of a pixel over its width): the middle coronal (axis 1) or axial (axis 2) slice, cut to `SIDE_MM`."""
    turned = to_canonical_axes(volume)
    k, j = turned.shape[0] // 2, turned.shape[1] // 2
    image = turned.voxels[:, j, ::-1] if axis == 1 else turned.voxels[k, :, ::-1]
    spacing = (turned.spacing[0] if axis == 1 else turned.spacing[1], turned.spacing[2])
    region = []
    for length, mm in zip(image.shape, spacing, strict=True):
        half = min(length // 2, round(SIDE_MM / 2 / mm))
        region.append(slice(length // 2 - half, length // 2 + half))
    return image[tuple(region)].astype(np.float32), spacing[0] / spacing[1]


def _window(scan: Given) -> tuple[float, float]:
    if scan.case.modality == "CT":
        return CT_WINDOW
    voxels = scan.coarse.voxels
    return 0.0, float(np.percentile(voxels[voxels > 0], 99.5))
