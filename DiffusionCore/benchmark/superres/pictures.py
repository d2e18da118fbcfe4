"""What the methods made of one slice, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from DiffusionCore.benchmark.superres.cases import Given
from DiffusionCore.benchmark.superres.report import stem
from DiffusionCore.volume import Volume
from DiffusionCore.volume.geometry import to_canonical_axes

CT_WINDOW = (-160.0, 240.0)
SIDE_MM = 90.0


def write_picture(folder: Path, scan: Given, results: Mapping[str, npt.NDArray[np.float32]]) -> Path:
    """`superres-TABLE.png`: a part of the middle slice of every result and of the truth, above their errors.

    Axial where the plane was coarse, coronal where only the slices were thick; the patient's right is on the left.
    """
    # No pyplot: it keeps figures in a global and asks for a screen.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    axis = 1 if scan.case.factors[1] == 1 else 2
    matrix = _fine_matrix(scan)
    images = {title: _slice(Volume(voxels, matrix, scan.case.modality), axis) for title, voxels in results.items()}
    truth = None if scan.truth is None else _slice(scan.truth, axis)
    low, high = _window(scan)
    panels = {**({"truth": truth} if truth is not None else {}), **images}
    rows = 1 if truth is None else 2
    figure = Figure(figsize=(2.6 * len(panels), 2.9 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    for column, (title, (image, aspect)) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(rows, len(panels), column)
        axes.imshow(image, cmap="gray", vmin=low, vmax=high, origin="lower", aspect=aspect, interpolation="nearest")
        axes.set_title(title, fontsize=8)
        axes.set_axis_off()
        if truth is not None and title != "truth":
            axes = figure.add_subplot(rows, len(panels), len(panels) + column)
            span = 0.25 * (high - low)
            error = image - truth[0]
            axes.imshow(error, cmap="RdBu_r", vmin=-span, vmax=span, origin="lower", aspect=aspect)
            axes.set_axis_off()
    figure.suptitle(f"{scan.case.table}: {scan.case.subject}; below: error, ±{0.25 * (high - low):.3g}", fontsize=9)
    path = folder / f"superres-{stem(scan.case.table)}.png"
    figure.savefig(path, dpi=110)
    return path


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
