"""The slices of a scan as pictures: one PNG or TIFF file each."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..volume import Volume
from ..volume.atomic import atomic_folder
from .movie import as_grey
from .views import display_window, plane_images


def write_slices(
    folder: Path,
    volume: Volume,
    kind: str,
    *,
    plane: str = "axial",
    window: tuple[float, float] | None = None,
    overwrite: bool = False,
) -> int:
    """Write every slice of a plane to the new folder as `axial_0000.png` or `.tiff`; returns how many.

    Pixels are the scan's voxels, not made square. PNG is 8 bits in `window` (default: the display window). TIFF has the
    values themselves as 32-bit floats, unless a window is given. The folder appears whole or not at all.
    With `overwrite` it replaces a folder of nothing but such pictures. Raises `OutputError`.
    """
    from PIL import Image

    shown = window or (display_window(volume) if kind == "png" else None)
    images, _ = plane_images(volume, plane)
    count = 0
    with atomic_folder(folder, overwrite, holds=f"{plane}_[0-9]*.{kind}") as temporary:
        for image in images:
            pixels = image.astype(np.float32) if shown is None else as_grey(image, shown)
            name = f"{plane}_{count:04d}.{kind}"
            Image.fromarray(np.ascontiguousarray(pixels)).save(temporary / name, format=kind.upper())
            count += 1
    return count
