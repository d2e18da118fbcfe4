"""What a scan looks like in a few numbers, to be compared with what a model was trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from DiffusionCore.metrics.flat_tissue import SIGNAL, grid_sample
from DiffusionCore.metrics.masks import CT_BODY_HU
from DiffusionCore.volume import Volume

QUANTILES = (10, 50, 90)
METAL_HU = 3000.0
LEAST_METAL_MM3 = 50.0
FEWEST = 1000


@dataclass(frozen=True)
class Appearance:
    """Field of view and histogram.

    extent_mm  the scan's longest side
    quantiles  of its tissue, normalised as a model sees it, by `QUANTILES` ("p10", ...); empty with hardly any tissue
    metal_mm3  volume above 3000 HU; 0 in MR
    """

    extent_mm: float
    quantiles: dict[str, float]
    metal_mm3: float


def appearance(volume: Volume, offset: float, scale: float, sigma: float = 0.0) -> Appearance:
    """`offset` and `scale` normalise the scan, as `volume.intensity.Normalisation` does; `sigma` is its noise.

    Tissue is above -500 HU in CT; in MR above a tenth of `scale` and three sigma, so that noisy air is none.
    """
    extent = max(n * mm for n, mm in zip(volume.shape, volume.spacing, strict=True))
    sample = grid_sample(volume.voxels)
    metal = 0.0
    if volume.modality == "CT":
        inside = sample[sample > CT_BODY_HU]
        dense = np.count_nonzero(volume.voxels > METAL_HU)
        metal = float(dense * np.prod(volume.spacing))
    else:
        inside = sample[sample > max(SIGNAL * scale, 3 * sigma)]
    quantiles = {}
    if inside.size >= FEWEST:
        found = (np.percentile(inside, QUANTILES) - offset) / scale
        quantiles = {f"p{q}": float(value) for q, value in zip(QUANTILES, found, strict=True)}
    return Appearance(float(extent), quantiles, metal)
