"""The real images that synthetic ones are judged by: axial slices on the models' canvas, by subject."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from DiffusionCore.errors import InputError
from DiffusionCore.volume import read_volume
from DiffusionCore.volume.intensity import normalisation_for

FOLDER, NAME, HEIGHT = "mr/slices2d", "brain_t1_axial2d", "z_fraction"


@dataclass(frozen=True, eq=False)
class RealImages:
    """Slices of some subjects: images (n, J, I) float32 normalised as in training; heights (n,); subjects (n,)."""

    images: npt.NDArray[np.float32]
    heights: npt.NDArray[np.float64]
    subjects: tuple[str, ...]

    def every(self, step: int, first: int = 0) -> RealImages:
        """Every `step`-th image from `first` on."""
        return RealImages(self.images[first::step], self.heights[first::step], self.subjects[first::step])


def read_real(root: Path, split: str, canvas: tuple[int, int]) -> RealImages:
    """The stack of a split ("train", "val", "test") in the middle of the canvas. Raises `InputError` if it is not there."""
    stack = f"{NAME}_{split}.nii.gz"
    path, table = root / FOLDER / stack, root / FOLDER / f"{NAME}.csv"
    for needed in (path, table):
        if not needed.is_file():
            raise InputError(f"{needed.name} is not in the data folder; the synthesis benchmark needs its 2D slices")
    volume = read_volume(path, modality="MR")
    slices = normalisation_for(volume, "p99.5").apply(volume.voxels)
    before = [(c - n) // 2 for c, n in zip(canvas, slices.shape[1:], strict=True)]
    if min(before) < 0:
        raise InputError(f"the real slices {slices.shape[1:]} do not fit on the models' canvas {canvas}")
    images = np.zeros((len(slices), *canvas), np.float32)
    images[:, before[0] : before[0] + slices.shape[1], before[1] : before[1] + slices.shape[2]] = slices
    with table.open(encoding="utf-8", newline="") as file:
        rows = sorted((int(row["index"]), row) for row in csv.DictReader(file) if row["stack"] == stack)
    heights = np.array([float(row[HEIGHT]) for _, row in rows])
    return RealImages(images, heights, tuple(row["subject"] for _, row in rows))
