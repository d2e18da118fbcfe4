"""Data consistency: made coarse again, a super-resolved scan must be the scan that it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...metrics import NoiseEstimate, tissue_mask
from ...volume.intensity import Normalisation

if TYPE_CHECKING:
    from ...degradation import AxisLowering

# A result is never left further from its scan than this, whatever the noise is thought to be: estimates hold anatomy.
MOST_NOISE = 0.005


@dataclass(frozen=True)
class Consistency:
    """Root mean square, in tissue, of (the result made coarse again - the scan) over the scan's 99.5th percentile there.

    before, after  the projection
    noise          the scan's own, in the same unit; None where it could not be measured reliably
    """

    before: float
    after: float
    noise: float | None

    def as_dict(self) -> dict[str, float]:
        """In percent, for tables and JSON."""
        named = {"before": self.before, "after": self.after, "noise": self.noise}
        return {f"{name}, % of p99.5": 100 * value for name, value in named.items() if value is not None}


def make_consistent(
    x: np.ndarray,
    y: np.ndarray,
    lowering: Sequence[AxisLowering | None],
    normalisation: Normalisation,
    noise: NoiseEstimate,
    modality: str,
    weight: float,
) -> tuple[np.ndarray, Consistency]:
    """(x moved towards agreement with y by `weight`, how well both agree); x on the fine grid, y on the scan's, normalised.

    Agreement goes to within the noise and no further: what a model took for noise and left out is not put back
    (Morozov's discrepancy principle). The noise is what the scan has at least, where that is known reliably, and at
    most `MOST_NOISE`.
    """
    from ...degradation import least_change, lowered

    hu = 1000.0 if modality == "CT" else 1.0
    tissue = tissue_mask(y * np.float32(hu), modality)
    if not tissue.any():
        tissue = np.ones(y.shape, bool)
    top = float(np.percentile(y[tissue], 99.5))
    unit = top if top > 0 else float(np.abs(y[tissue]).max()) or 1.0

    def size(difference: np.ndarray) -> float:
        return float(np.sqrt(np.mean(np.square(difference[tissue], dtype=np.float64)))) / unit

    difference = y - lowered(x, lowering)
    before = size(difference)
    own = noise.least / normalisation.scale / unit if noise.reliable else None
    left = min(own or 0.0, before, MOST_NOISE)
    share = weight * (1 - left / before) if before > 0 else 0.0
    if share == 0:
        return x, Consistency(before, before, own)
    change = least_change(difference, lowering)
    change *= np.float32(share)
    change += x
    return change, Consistency(before, size(y - lowered(change, lowering)), own)
