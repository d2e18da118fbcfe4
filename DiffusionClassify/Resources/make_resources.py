"""Makes the module's icon.

    python DiffusionClassify/Resources/make_resources.py

A slice of the sample head under a patch of saliency, with two bars of probability.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from DiffusionCore import read_volume

HERE = Path(__file__).parent
HEAD = HERE.parents[1] / "DiffusionEnhance" / "Resources" / "SampleData" / "MRHeadReference.nrrd"
WHITE = 200.0
PATCH = (52, 62, 17)  # pixels: row, column, radius
BARS = ((0.85, (0, 114, 178)), (0.3, (187, 187, 187)))  # Okabe & Ito's blue, and grey


def main() -> None:
    """Write the file; the same bytes each time."""
    from matplotlib import colormaps
    from PIL import Image, ImageDraw

    voxels = read_volume(HEAD).voxels
    picture = Image.fromarray((np.clip(voxels[len(voxels) // 2] / WHITE, 0, 1) * 255).astype(np.uint8)[::-1, ::-1])
    picture.thumbnail((92, 92), Image.Resampling.LANCZOS)
    head = Image.new("L", (128, 128))
    head.paste(picture, ((128 - picture.width) // 2, 2))
    row, column = np.indices((128, 128))
    strength = np.exp(-((row - PATCH[0]) ** 2 + (column - PATCH[1]) ** 2) / (2 * (PATCH[2] / 2) ** 2))
    hot = colormaps["inferno"](0.35 + 0.6 * strength)[..., :3] * 255
    cover = (0.85 * (strength > 0.2) * np.clip(1.6 * strength, 0, 1))[..., None]
    shown = np.asarray(head)[..., None] * (1 - cover) + hot * cover
    canvas = Image.fromarray(shown.astype(np.uint8))
    draw = ImageDraw.Draw(canvas)
    for number, (share, colour) in enumerate(BARS):
        top = 98 + 14 * number
        draw.rectangle([10, top, 10 + round(108 * share), top + 9], fill=colour)
    canvas.save(HERE / "Icons" / "DiffusionClassify.png", optimize=True)


if __name__ == "__main__":
    main()
