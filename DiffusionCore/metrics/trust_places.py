"""The places where what was removed is not noise: where, how large, and what scan and result show there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.metrics.trust_structure import FLAGGED, Structure
from DiffusionCore.volume import Volume

PLACE_SCORE = 6.0
"""Standard score from which a single place is named: no place of the validation scans' good results reaches it."""
MOST = 50
RING = 3
"""Voxels around a place that its contrast is taken against."""


@dataclass(frozen=True)
class Place:
    """A spot where what was removed is not noise.

    score           peak standard score; above 0 where the result is brighter than the scan
    volume_mm3      of the flagged voxels
    ras             mm, right, anterior, superior, of the peak
    scan, result    how much brighter the spot is than what is around it, in each, in the scan's units
    """

    score: float
    volume_mm3: float
    ras: tuple[float, float, float]
    scan: float
    result: float

    @property
    def invented(self) -> bool:
        """Whether the result shows more there than the scan, rather than less."""
        return abs(self.result) > abs(self.scan)


def find_places(
    structure: Structure, original: Volume, enhanced: Volume, least: float = PLACE_SCORE
) -> tuple[Place, ...]:
    """Connected flagged regions whose peak is `least` or more, the strongest first, at most `MOST`."""
    from scipy.ndimage import binary_dilation, find_objects, label, maximum

    found = []
    size = np.abs(structure.z)
    regions, count = label(size > FLAGGED)
    if not count:
        return ()
    peaks = np.atleast_1d(maximum(size, regions, np.arange(1, count + 1)))
    strongest = [n for n in np.argsort(-peaks, kind="stable")[:MOST] if peaks[n] >= least]
    boxes = find_objects(regions)
    mm3 = float(np.prod(original.spacing))
    for number in strongest:
        box = boxes[number]
        scores = np.where(regions[box] == number + 1, size[box], 0)
        peak = np.unravel_index(int(np.argmax(scores)), scores.shape)
        k, j, i = (int(p + s.start) for p, s in zip(peak, box, strict=True))
        wide = tuple(slice(max(s.start - RING, 0), s.stop + RING) for s in box)
        # What is brightest or darkest of the region: an edge has both sides in it.
        sign = np.sign(structure.z[k, j, i])
        own = (regions[wide] == number + 1) & (structure.z[wide] * sign > scores[peak] / 2)
        ring = binary_dilation(own, iterations=RING) & ~binary_dilation(own) & structure.tissue[wide]
        r, a, s = (original.ijk_to_ras @ (i, j, k, 1))[:3]
        found.append(
            Place(
                score=round(float(structure.z[k, j, i]), 2),
                volume_mm3=round(float(np.count_nonzero(scores)) * mm3, 3),
                ras=(round(float(r), 1), round(float(a), 1), round(float(s), 1)),
                scan=_contrast(original.voxels[wide], own, ring),
                result=_contrast(enhanced.voxels[wide], own, ring),
            )
        )
    return tuple(found)


def _contrast(voxels: npt.NDArray, own: npt.NDArray[np.bool_], ring: npt.NDArray[np.bool_]) -> float:
    around = float(np.median(voxels[ring])) if ring.any() else 0.0
    return float(f"{float(voxels[own].mean(dtype=np.float64)) - around:.4g}")
