"""Whether a scan is what a model was made for: warnings with the reason, or a refusal where the card says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import InputError, Refused
from ..metrics import NoiseEstimate
from ..metrics.trust_range import LEAST_METAL_MM3, METAL_HU, appearance
from ..volume import Volume
from ..volume.intensity import looks_like_hu, normalisation_for

if TYPE_CHECKING:
    from ..models import Card

# What no card needs to name: with these a result would mean nothing.
ALWAYS_REFUSED = ("units", "single slice")


def check_suitable(
    volume: Volume, noise: NoiseEstimate, sigma_normalised: float, card: Card, *, force: bool
) -> tuple[str, ...]:
    """Warnings, as sentences. Raises `Refused` for what the card refuses, unless `force`."""
    found = concerns(volume, noise, sigma_normalised, card)
    refused = [what for quantity, what in found if quantity in (*ALWAYS_REFUSED, *card.valid.refuse)]
    if refused and not force:
        raise Refused(f"{refused[0]}; --force to go on")
    warnings = [what for _, what in found]
    if not noise.reliable:
        warnings.append(f"the measured noise may be wrong: {noise.reason}; --sigma sets it")
    if noise.correlated and not card.valid.correlated_noise:
        warnings.append("the noise is correlated between neighbouring voxels, so that part of it may remain")
    return tuple(warnings)


def concerns(volume: Volume, noise: NoiseEstimate, sigma_normalised: float, card: Card) -> list[tuple[str, str]]:
    """(quantity, sentence) of everything about the scan that the model was not trained on."""
    found = [*kind_concerns(volume, card), *size_concerns(volume, card), *spacing_concerns(volume, card)]
    valid = card.valid.sigma_normalised
    if not valid.holds(sigma_normalised):
        unit = "HU" if volume.modality == "CT" else "grey levels"
        scale = noise.sigma / sigma_normalised if sigma_normalised else 1.0
        trained = f"the model was trained on {valid.low * scale:.4g} to {valid.high * scale:.4g} {unit}"
        found.append(("sigma", f"the noise is {noise.sigma:.4g} {unit}, {trained}"))
    return found + look_concerns(volume, noise, card)


def kind_concerns(volume: Volume, card: Card) -> list[tuple[str, str]]:
    """Another modality than the model's; a CT whose values are no HU, an MR whose values are."""
    found: list[tuple[str, str]] = []
    if volume.modality != card.modality:
        found.append(("modality", f"this scan is {volume.modality}, the model {card.name!r} is for {card.modality}"))
    if volume.modality == "CT" and (lowest := float(volume.voxels.min())) >= 0:
        values = f"{lowest:g} to {float(volume.voxels.max()):g}"
        found.append(("units", f"the values of this CT, {values}, are no HU; rescale them first"))
    if volume.modality == "MR" and looks_like_hu(volume.voxels):
        found.append(("units", "the values of this MR are HU, with air near -1000; is it a CT?"))
    return found


def spacing_concerns(volume: Volume, card: Card) -> list[tuple[str, str]]:
    """What of the scan's spacing the model was not trained on."""
    *in_plane, through = sorted(volume.spacing)
    found = []
    for quantity, value, valid in (
        ("spacing", in_plane[0], card.valid.spacing_mm),
        ("slice spacing", through, card.valid.slice_spacing_mm),
    ):
        if not valid.holds(value):
            trained = f"the model was trained on {valid.low:g} to {valid.high:g} mm"
            found.append(("spacing", f"{quantity} is {value:.4g} mm, {trained}"))
    return found


def look_concerns(volume: Volume, noise: NoiseEstimate, card: Card) -> list[tuple[str, str]]:
    """Field of view, histogram and metal, against what the card says of the training scans."""
    if volume.modality != card.modality or card.normalisation == "unit":
        return []
    try:
        normalisation = normalisation_for(volume, card.normalisation)
    except InputError:
        return []
    seen, valid = appearance(volume, normalisation.offset, normalisation.scale, noise.sigma), card.valid
    found: list[tuple[str, str]] = []
    if valid.extent_mm is not None and not valid.extent_mm.holds(seen.extent_mm):
        trained = f"the model was trained on {valid.extent_mm.low:.0f} to {valid.extent_mm.high:.0f} mm"
        found.append(("field of view", f"the scan's longest side is {seen.extent_mm:.0f} mm, {trained}"))
    unit, scale, form = "of the brightest tissue", 1.0, ".2g"
    if volume.modality == "CT":
        unit, scale, form = "HU", normalisation.scale, ".0f"
    for name, value in seen.quantiles.items():
        limits = valid.histogram.get(name)
        if limits is not None and not limits.holds(value):
            trained = f"in training {limits.low * scale:{form}} to {limits.high * scale:{form}}"
            below = f"{name[1:]} % of the tissue is below {value * scale:{form}} {unit}"
            found.append(("histogram", f"its tissue is of unusual brightness: {below}, {trained}"))
            break
    if seen.metal_mm3 >= LEAST_METAL_MM3:
        ml = seen.metal_mm3 / 1000
        found.append(
            ("metal", f"{ml:.2g} mL above {METAL_HU:.0f} HU look like metal, whose streaks were hardly in training")
        )
    return found


def size_concerns(volume: Volume, card: Card) -> list[tuple[str, str]]:
    """What a scan of few voxels along an axis lacks. A 2D model takes the slices of a scan one by one."""
    flat = card.network.unet.get("spatial_dims", 3) == 2
    smallest = min(volume.shape[1:] if flat else volume.shape)
    size = "×".join(map(str, reversed(volume.shape)))
    if smallest == 1:
        needs = "slices of 2 voxels or more each way" if flat else "several slices; a 2D model takes one"
        return [("single slice", f"the scan is {size} voxels, and the model {card.name!r} needs {needs}")]
    if smallest < card.valid.min_slices:
        trained = f"the model was trained on at least {card.valid.min_slices} along each axis"
        return [("slices", f"the scan is {size} voxels, {trained}")]
    return []
