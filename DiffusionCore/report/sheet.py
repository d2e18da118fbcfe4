"""Many small images side by side in one picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..volume.atomic import atomic_file

GAP = 2  # pixels between images


def tiled(
    images: np.ndarray | Sequence[np.ndarray], window: tuple[float, float], columns: int | None = None
) -> np.ndarray:
    """uint8 (rows, columns) picture of `images`, each (J, I) or, of a volume (K, J, I), its middle slice.

    window    (black, white); columns   of the sheet; by default as square as it gets
    """
    flat = [image[len(image) // 2] if np.ndim(image) == 3 else np.asarray(image) for image in images]
    columns = columns or math.ceil(math.sqrt(len(flat)))
    rows = math.ceil(len(flat) / columns)
    height, width = (max(image.shape[axis] for image in flat) for axis in (0, 1))
    sheet = np.zeros((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP), np.uint8)
    low, high = window
    for n, image in enumerate(flat):
        top, left = n // columns * (height + GAP), n % columns * (width + GAP)
        grey = np.clip((np.asarray(image, np.float32) - low) / (high - low), 0, 1)
        sheet[top : top + image.shape[0], left : left + image.shape[1]] = np.rint(255 * grey)
    return sheet


def write_sheet(
    path: Path,
    images: np.ndarray | Sequence[np.ndarray],
    window: tuple[float, float],
    columns: int | None = None,
    overwrite: bool = False,
) -> Path:
    """Write `tiled(images, window, columns)` as PNG. Raises `OutputError` if it cannot be written."""
    from PIL import Image

    with atomic_file(path, overwrite=overwrite) as temporary:
        Image.fromarray(tiled(images, window, columns)).save(temporary, format="PNG")
    return path
