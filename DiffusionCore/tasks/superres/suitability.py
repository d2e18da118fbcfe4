"""Whether a scan is what super-resolution models were made for, and how thick its slices are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...errors import Refused, UsageError
from ...metrics import NoiseEstimate
from ...metrics.slice_width import estimate_slice_width
from ...volume import Volume
from ...volume.intensity import normalisation_for
from ..suitability import ALWAYS_REFUSED, kind_concerns, size_concerns, spacing_concerns
from .cascade import Stage
from .finer_grid import FinerGrid, slice_axis
from .options import SuperResolveOptions

if TYPE_CHECKING:
    from ...models import Card

# Slices so many times as far apart as the plane is fine were hardly measured as a plane is.
THICK = 2.0


def check_resolvable(volume: Volume, stages: Sequence[Stage], noise: NoiseEstimate, *, force: bool) -> tuple[str, ...]:
    """Warnings, as sentences. Raises `Refused` for what a card refuses, unless `force`."""
    first = stages[0].model.card
    found = [*kind_concerns(volume, first), *size_concerns(volume, first), *spacing_concerns(volume, first)]
    if volume.modality == first.modality and noise.reliable:
        found += noise_concerns(volume, first, noise)
    found += thickness_concerns(volume, stages)
    for stage in stages:
        largest, trained = max(stage.factors), stage.spec.factor
        if not trained.low * 0.95 <= largest <= trained.high * 1.05:
            name = stage.model.card.name
            found.append(
                (
                    "factor",
                    f"{name!r} was trained for factors of {trained.low:g} to {trained.high:g}, not {largest:.3g}",
                )
            )
    refused = [what for quantity, what in found if quantity in (*ALWAYS_REFUSED, *first.valid.refuse)]
    if refused and not force:
        raise Refused(f"{refused[0]}; --force to go on")
    return tuple(what for _, what in found)


def thickness_concerns(volume: Volume, stages: Sequence[Stage]) -> list[tuple[str, str]]:
    """Whether slices are much thicker than the plane is fine, and a model that knows nothing of slices is to thin them."""
    across, finest = slice_axis(volume), min(volume.spacing)
    distance = volume.spacing[across]
    blind = any(s.spec.kind == "kspace" and min(s.factors) > 1 for s in stages)
    if not blind or distance <= THICK * finest:
        return []
    said = f"slices {distance:.3g} mm apart are taken to be as sharp as the plane of {finest:.3g} mm"
    return [("slices", f"{said}; --axes slice makes them thin")]


def noise_concerns(volume: Volume, card: Card, noise: NoiseEstimate) -> list[tuple[str, str]]:
    """Whether there is more noise than the model was trained on; by its lower bound, since estimates hold anatomy."""
    sigma = noise.least / normalisation_for(volume, card.normalisation).scale
    high = card.valid.sigma_normalised.high
    if sigma <= 1.2 * high:
        return []
    words, unit = ("HU", 1000) if volume.modality == "CT" else ("% of the brightest tissue", 100)
    said = f"the noise is {unit * sigma:.2g} {words}, trained was up to {unit * high:.2g}; `enhance` it first"
    return [("sigma", said)]


def slice_thickness(
    volume: Volume,
    grid: FinerGrid,
    stages: Sequence[Stage],
    asked: SuperResolveOptions,
    noise: NoiseEstimate,
) -> tuple[dict[int, float], tuple[str, ...]]:
    """({axis: thickness of its slices over their distance}, sentences for a person).

    As given; else as the DICOM header says; else as the scan shows it, where a model wants to know (slice profiles).
    Raises `UsageError` for what no slices can be.
    """
    across = slice_axis(volume)
    step = volume.spacing[across]
    if asked.gap is not None and asked.gap >= step:
        raise UsageError(f"--gap {asked.gap:g} mm leaves nothing of slices {step:g} mm apart")
    given = asked.thickness if asked.thickness is not None else None if asked.gap is None else step - asked.gap
    if given is not None and given > 4 * step:
        raise UsageError(f"--thickness {given:g} mm is more than four times the {step:g} mm between slices")
    user = next((s for s in stages if s.factors[across] > 1 and s.spec.kind == "profile"), None)
    if user is None:
        unused = given is not None or asked.profile is not None
        return {}, ("--thickness, --gap and --profile are not used: the model knows of no slices",) * unused
    source = "given"
    if given is None:
        given, source = header_thickness(volume), "as the header says"
    if given is None and user.spec.thickness.low < user.spec.thickness.high:
        sigma = noise.sigma if noise.reliable else 0.0
        given, source = estimate_slice_width(volume.voxels, volume.spacing, across, sigma), "as estimated from the scan"
    if given is None and asked.profile is not None:
        given, source = step, "as they touch"
    if given is None:
        return {}, ()
    share, trained = given / step, user.spec.thickness
    used = float(np.clip(share, trained.low, trained.high))
    notes = []
    if source != "given":
        notes.append(f"slices are taken to be {used * step:.2g} mm thick, {source}; --thickness sets it")
    if abs(used - share) > 0.02:
        notes.append(
            f"slices {given:.2g} mm thick are {share:.2g} of their distance, trained were {trained.low:g} to {trained.high:g}"
        )
    return {across: used}, tuple(notes)


def header_thickness(volume: Volume) -> float | None:
    """SliceThickness in mm of the DICOM images that the scan was read from; None where they do not say."""
    source = volume.meta.get("dicom")
    if source is None or slice_axis(volume) != 0:
        return None
    try:
        thickness = float(source.header.get("SliceThickness") or 0)
    except (TypeError, ValueError):
        return None
    return thickness if thickness > 0 else None
