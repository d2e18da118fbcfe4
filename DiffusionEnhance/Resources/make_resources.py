"""Makes what the module ships beside its code: the sample scan with its reference, their pictures, and the icon.

    python DiffusionEnhance/Resources/make_resources.py

The head is nilearn's MNI152 T1 average (smooth: an easy case), cropped, with seeded Rician noise of 7 %.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from DiffusionCore import Volume, write_volume
from DiffusionCore.commands.demo import mni_head
from DiffusionCore.degradation.noise import rician
from DiffusionCore.volume.geometry import crop

HERE = Path(__file__).parent
NOISE, SEED = 0.07, 20
WHITE = 200.0  # grey level of p99.5: few levels, as noise does not compress
PART = (slice(56, 120), slice(36, 204), slice(26, 170))  # k, j, i: ventricles, basal ganglia, cortex, and air around
THUMBNAIL = (260, 280)


def main() -> None:
    """Write the files; the same bytes each time."""
    head = crop(mni_head(), PART)
    scale = WHITE / float(np.percentile(head.voxels[head.voxels > 0], 99.5))
    clean = np.rint(head.voxels * scale).astype(np.int16)
    noisy = np.rint(rician(clean.astype(np.float32), np.random.default_rng(SEED), NOISE * WHITE).voxels)
    for name, voxels in (("MRHeadNoisy", noisy.astype(np.int16)), ("MRHeadReference", clean)):
        write_volume(Volume(voxels, head.ijk_to_ras, "MR"), HERE / "SampleData" / f"{name}.nrrd", overwrite=True)
        thumbnail(voxels, HERE / "Icons" / f"{name}.png")
    icon(noisy, clean, HERE / "Icons" / "DiffusionEnhance.png")


def thumbnail(voxels: np.ndarray, path: Path) -> None:
    """The middle axial slice, as the sample data's button shows it."""
    from PIL import Image

    image = Image.fromarray(grey(voxels[len(voxels) // 2]))
    image.thumbnail((THUMBNAIL[0] - 20, THUMBNAIL[1] - 20))
    canvas = Image.new("L", THUMBNAIL)
    canvas.paste(image, ((THUMBNAIL[0] - image.width) // 2, (THUMBNAIL[1] - image.height) // 2))
    canvas.save(path, optimize=True)


def icon(noisy: np.ndarray, clean: np.ndarray, path: Path) -> None:
    """128×128: noisy at the left, enhanced at the right of a line."""
    from PIL import Image, ImageDraw

    k = len(noisy) // 2
    before, after = grey(noisy[k]), grey(clean[k])
    half = before.shape[1] // 2
    image = Image.fromarray(np.hstack([before[:, :half], after[:, half:]])).convert("RGB")
    image.thumbnail((124, 124), Image.Resampling.LANCZOS)
    canvas = Image.new("RGB", (128, 128))
    canvas.paste(image, ((128 - image.width) // 2, (128 - image.height) // 2))
    ImageDraw.Draw(canvas).line([(64, 4), (64, 123)], fill=(255, 190, 80), width=2)
    canvas.save(path, optimize=True)


def grey(image: np.ndarray) -> np.ndarray:
    """8 bits, the head's nose up and its right at the left."""
    shown = np.clip(image.astype(np.float32) / WHITE, 0, 1) * 255
    return shown.astype(np.uint8)[::-1, ::-1]


if __name__ == "__main__":
    main()
