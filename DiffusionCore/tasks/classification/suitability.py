"""Whether an input is what a classifier was made for: what its card says of scans, and what training images were like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...errors import Refused
from ...metrics.familiarity import Familiarity
from ...metrics.simple_features import features_of
from ...volume import Volume

if TYPE_CHECKING:
    from ...models import Card


def check_suitable(volume: Volume, card: Card, *, force: bool) -> tuple[str, ...]:
    """Warnings, as sentences. Raises `Refused` for what the card refuses, unless `force`."""
    found = concerns(volume, card)
    refused = [what for quantity, what in found if quantity in card.valid.refuse]
    if refused and not force:
        raise Refused(f"{refused[0]}; --force to go on")
    return tuple(what for _, what in found)


def concerns(volume: Volume, card: Card) -> list[tuple[str, str]]:
    """(quantity, sentence) of everything about the input that the card does not expect."""
    found: list[tuple[str, str]] = []
    grey = card.input != "labelmap"
    if grey and volume.modality != card.modality:
        found.append(("modality", f"this scan is {volume.modality}, the model {card.name!r} is for {card.modality}"))
    if grey and volume.modality == "CT" and float(volume.voxels.min()) >= 0:
        found.append(("units", "the values of this CT are no HU; rescale them first"))
    *in_plane, through = sorted(volume.spacing)
    for what, value, valid in (
        ("spacing", in_plane[0], card.valid.spacing_mm),
        ("slice spacing", through, card.valid.slice_spacing_mm),
    ):
        if not valid.holds(value):
            trained = f"the model {card.name!r} expects {valid.low:g} to {valid.high:g} mm"
            found.append(("spacing", f"{what} is {value:.2g} mm, {trained}"))
    smallest = min(volume.shape)
    if smallest < card.valid.min_slices:
        size = "×".join(map(str, reversed(volume.shape)))
        found.append(("slices", f"the input is {size} voxels; at least {card.valid.min_slices} each way are expected"))
    return found


def familiarity_of(card: Card) -> Familiarity | None:
    """What the card says is familiar; None where it says nothing."""
    spec = card.classify.familiar
    if spec is None:
        return None
    return Familiarity(tuple(spec.names), np.array(spec.mean), np.array(spec.whitening), spec.limit)


def unfamiliar(image: Volume, card: Card) -> str:
    """Why the network's image (as it sees it) is not what the model was made for; empty if it is."""
    familiar = familiarity_of(card)
    if familiar is None:
        return ""
    features = features_of(image.voxels[None], card.input)[0]
    distance = float(familiar.distances(features))
    if distance <= familiar.limit:
        return ""
    rate = card.classify.familiar.false_alarms
    return (
        f"the input is unlike what {card.name!r} was trained on: {familiar.reason(features)} "
        f"(distance {distance:.2g}; the limit {familiar.limit:.2g} was set to stop {rate:.0%} of fitting inputs)"
    )
