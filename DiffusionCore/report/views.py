"""What a figure shows of a volume: display window, three planes as a radiologist expects them, and their labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..volume import Volume
from ..volume.geometry import to_canonical_axes

PLANES = ("axial", "coronal", "sagittal")
NARROWEST = 0.12  # short over long side of a picture that can still be read
# (level, width) in HU: soft tissue, unless the scan is mostly lung.
CT_SOFT, CT_LUNG = (40.0, 400.0), (-500.0, 1500.0)


@dataclass(frozen=True, eq=False)
class PlaneView:
    """One slice ready for `imshow(origin="lower")`: its image, the size of a pixel (mm), and what its four edges are.

    `left` is the letter at the picture's left edge: in axial and coronal pictures the patient's right, by convention.
    """

    name: str
    image: np.ndarray
    pixel: tuple[float, float]
    left: str
    right: str
    bottom: str
    top: str

    @property
    def narrowness(self) -> float:
        """The short side over the long side, in mm; 0 for a single row or column."""
        sides = [size * mm for size, mm in zip(self.image.shape, self.pixel, strict=True)]
        return min(sides) / max(sides) if min(self.image.shape) > 1 else 0.0


def display_window(volume: Volume, modality: str | None = None) -> tuple[float, float]:
    """(low, high) to show a scan with: percentiles in MR, a soft-tissue or lung window in CT."""
    sample = volume.voxels[:: max(volume.shape[0] // 32, 1), ::2, ::2].astype(np.float32)
    if (modality or volume.modality) == "CT":
        body = sample[sample > -950]
        lung = body.size and np.mean((body > -950) & (body < -500)) > 0.45
        level, width = CT_LUNG if lung else CT_SOFT
        return level - width / 2, level + width / 2
    tissue = sample[sample > 0] if (sample > 0).any() else sample
    high = float(np.percentile(tissue, 99.5))
    low = float(min(sample.min(), 0.0)) if sample.min() < 0 else 0.0
    return low, high if high > low else low + 1.0


def plane_images(volume: Volume, plane: str) -> tuple[Iterator[np.ndarray], tuple[float, float]]:
    """Every slice of a plane as an image whose row 0 is on top, and the size of its pixels (mm, down and across).

    Axial slices go from inferior to superior with the patient's right at the left, coronal ones from posterior to
    anterior, sagittal ones from left to right of the patient with anterior at the left.
    """
    turned = to_canonical_axes(volume)
    dk, dj, di = turned.spacing
    voxels = turned.voxels[::-1, ::-1, ::-1]  # from superior, anterior and right
    if plane == "axial":
        return (voxels[k] for k in reversed(range(len(voxels)))), (dj, di)
    if plane == "coronal":
        return (voxels[:, j] for j in reversed(range(voxels.shape[1]))), (dk, di)
    return (voxels[:, :, i] for i in reversed(range(voxels.shape[2]))), (dk, dj)


def plane_views(volume: Volume, centre: tuple[int, int, int] | None = None) -> list[PlaneView]:
    """Axial, coronal and sagittal slices through `centre` (k, j, i of the canonical grid; default: the middle).

    Planes that are narrow bands, as of a single slice, are left out.
    """
    turned = to_canonical_axes(volume)
    k, j, i = centre or tuple(size // 2 for size in turned.shape)
    dk, dj, di = turned.spacing
    voxels = turned.voxels
    views = [
        PlaneView("axial", voxels[k, :, ::-1], (dj, di), "R", "L", "P", "A"),
        PlaneView("coronal", voxels[:, j, ::-1], (dk, di), "R", "L", "I", "S"),
        PlaneView("sagittal", voxels[:, ::-1, i], (dk, dj), "A", "P", "I", "S"),
    ]
    best = max(views, key=lambda view: view.narrowness)
    return [view for view in views if view is best or view.narrowness > NARROWEST]
