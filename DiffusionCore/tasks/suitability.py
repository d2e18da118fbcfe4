"""Whether a scan is what a model was made for: warnings with the reason, or a refusal where the card says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import Refused
from ..metrics import NoiseEstimate
from ..volume import Volume

if TYPE_CHECKING:
    from ..models import Card


def check_suitable(
    volume: Volume, modality: str, noise: NoiseEstimate, sigma_normalised: float, card: Card, *, force: bool
) -> tuple[str, ...]:
    """Warnings, as sentences. Raises `Refused` for what the card refuses, unless `force`."""
    concerns: list[tuple[str, str]] = []
    unit = "HU" if modality == "CT" else "grey levels"
    if modality != card.modality:
        concerns.append(("modality", f"this is a {modality} scan, the model {card.name!r} is for {card.modality}"))
    if min(volume.shape) < card.valid.min_slices:
        concerns.append(
            (
                "slices",
                f"the scan is {'×'.join(map(str, volume.shape))} voxels, the 3D model {card.name!r} needs at least "
                f"{card.valid.min_slices} along each axis",
            )
        )
    *in_plane, through = sorted(volume.spacing)
    for quantity, value, valid in (
        ("spacing", in_plane[0], card.valid.spacing_mm),
        ("slice spacing", through, card.valid.slice_spacing_mm),
    ):
        if not valid.holds(value):
            concerns.append(
                (
                    "spacing",
                    f"{quantity} is {value:.2g} mm, the model was trained on {valid.low:g} to {valid.high:g} mm",
                )
            )
    if not card.valid.sigma_normalised.holds(sigma_normalised):
        scale = noise.sigma / sigma_normalised if sigma_normalised else 1.0
        low, high = (bound * scale for bound in (card.valid.sigma_normalised.low, card.valid.sigma_normalised.high))
        concerns.append(
            (
                "sigma",
                f"the noise is {noise.sigma:.3g} {unit}, the model was trained on {low:.3g} to {high:.3g} {unit}",
            )
        )
    refused = [what for quantity, what in concerns if quantity in card.valid.refuse]
    if refused and not force:
        raise Refused(f"{refused[0]}; --force to go on")
    warnings = [what for _, what in concerns]
    if not noise.reliable:
        warnings.append(f"the measured noise may be wrong: {noise.reason}; --sigma sets it")
    if noise.correlated:
        warnings.append("the noise is correlated between neighbouring voxels, so that part of it may remain")
    return tuple(warnings)
