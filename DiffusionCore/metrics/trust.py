"""Trust: whether what was removed was noise, whether volumes and means were kept, how sure the result is, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from DiffusionCore.errors import UsageError
from DiffusionCore.metrics.noise_estimate import NoiseEstimate
from DiffusionCore.metrics.noise_level import estimate_sigma
from DiffusionCore.metrics.trust_bias import Bias, volume_bias
from DiffusionCore.metrics.trust_places import Place, find_places
from DiffusionCore.metrics.trust_structure import Structure, residual_structure
from DiffusionCore.metrics.trust_uncertainty import Sureness, sureness
from DiffusionCore.metrics.trust_words import (
    Finding,
    bias_findings,
    range_findings,
    structure_findings,
    uncertainty_findings,
)
from DiffusionCore.volume import Volume

LEAST_STRENGTH = 0.05
"""Below this what was removed is lost in the rounding to the scan's voxel type, and is not looked at."""


@dataclass(frozen=True, eq=False)
class Trust:
    """What speaks for and against a result.

    structure    standard scores on the scan's grid, float32: positive where the result is brighter than the scan; 0
                 outside tissue, and where too little was removed to judge
    share        part of the tissue that is flagged, 0 to 1: the one number (alarm from 0.05)
    excess       what was removed over what noise would be, at coarse scales; 1 or less in a good result
    places       the strongest flagged places, first the strongest
    bias         mean and volumes before and after
    uncertainty  how sure the result is in tissue, None for a single sample
    findings     everything in words
    """

    structure: Volume
    share: float
    excess: float
    places: tuple[Place, ...]
    bias: Bias
    uncertainty: Sureness | None
    findings: tuple[Finding, ...]

    @property
    def alarm(self) -> bool:
        """Whether a person should look before using the result."""
        return any(finding.alarm for finding in self.findings)

    @property
    def words(self) -> tuple[str, ...]:
        """One sentence for each finding."""
        return tuple(finding.sentence for finding in self.findings)

    @property
    def alarms(self) -> tuple[str, ...]:
        """The sentences that a person should look into."""
        return tuple(finding.sentence for finding in self.findings if finding.alarm)

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON; without the map."""
        return {
            "alarm": self.alarm,
            "words": list(self.words),
            "alarms": list(self.alarms),
            "residual_structure": {
                "flagged_share": self.share,
                "excess": self.excess,
                "places": [asdict(place) for place in self.places],
            },
            "bias": {
                "mean": asdict(self.bias.mean),
                "volumes": [asdict(amount) for amount in self.bias.volumes],
            },
            "uncertainty": None if self.uncertainty is None else asdict(self.uncertainty),
        }


def trust(
    original: Volume,
    enhanced: Volume,
    noise: NoiseEstimate,
    *,
    sigma: npt.NDArray[np.float32] | None = None,
    uncertainty: npt.NDArray[np.float32] | None = None,
    calibrated: bool = False,
    strength: float = 1.0,
    mask: npt.NDArray[np.bool_] | None = None,
    out_of_range: Sequence[str] | None = None,
) -> Trust:
    """Judge an enhanced scan by what it did to its original, on one grid. The same input gives the same bytes.

    noise         of the original; where its spectrum is missing in CT, it is measured here
    sigma         the noise at every voxel (K, J, I), where it varies
    uncertainty   (K, J, I) standard deviation in the scan's units; `calibrated` if a card's factor is in it
    strength      with which the result was blended: what was removed counts as if it had been 1
    mask          (K, J, I) bool: only there anything was changed
    out_of_range  sentences about what the model was not trained on; None where that was not looked at

    Raises `UsageError` if the grids differ.
    """
    if original.shape != enhanced.shape:
        raise UsageError(f"the original is {original.shape} and the enhanced scan {enhanced.shape} voxels")
    structure = None
    if strength >= LEAST_STRENGTH and noise.sigma > 0:
        if original.modality == "CT" and noise.spectrum is None:
            measured = estimate_sigma(original.voxels, "CT", original.spacing)
            noise = replace(noise, spectrum=measured.spectrum, correlation=measured.correlation)
        full = enhanced if strength == 1 else _at_full_strength(original, enhanced, strength)
        structure = residual_structure(original, full, noise, sigma=sigma, mask=mask)
    bias = volume_bias(original, enhanced, noise, strength=strength, mask=mask)
    tissue = np.asarray(original.voxels) != 0 if structure is None else structure.tissue
    sure = None if uncertainty is None else sureness(uncertainty, tissue, calibrated=calibrated)
    places = () if structure is None else find_places(structure, original, full)
    unit = "HU" if original.modality == "CT" else "grey levels"
    return Trust(
        structure=_as_map(original, structure),
        share=0.0 if structure is None else structure.share,
        excess=0.0 if structure is None else structure.excess,
        places=places,
        bias=bias,
        uncertainty=sure,
        findings=(
            *_structure_words(structure, places, unit),
            *bias_findings(bias),
            *uncertainty_findings(sure, unit),
            *(() if out_of_range is None else range_findings(out_of_range)),
        ),
    )


def _structure_words(structure: Structure | None, places: Sequence[Place], unit: str) -> list[Finding]:
    if structure is None:
        return [Finding("structure", False, "too little was removed to judge what it was")]
    return structure_findings(structure.share, structure.excess, structure.known, places, unit)


def _at_full_strength(original: Volume, enhanced: Volume, strength: float) -> Volume:
    y = original.voxels.astype(np.float32)
    return enhanced.with_voxels(y + (enhanced.voxels.astype(np.float32) - y) / np.float32(strength))


def _as_map(volume: Volume, structure: Structure | None) -> Volume:
    scores = np.zeros(volume.shape, np.float32) if structure is None else structure.z
    return replace(volume, voxels=scores, modality="OTHER")
