"""What a model's training scans looked like: the ranges of field of view and histogram on its card."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from DiffusionCore.errors import InputError
from DiffusionCore.metrics.trust_range import Appearance, appearance
from DiffusionCore.models import Card, Range
from DiffusionCore.volume import read_volume
from DiffusionCore.volume.intensity import normalisation_for

WIDER = 0.15
"""Part of the largest value by which a histogram's ranges are widened: the training scans are few."""
LONGER = 1.5
"""Factor by which the range of the longest side is widened both ways: training scans are cropped to what is in them."""


def looks_in_training(card: Card, root: Path) -> list[Appearance]:
    """Of every volume of the subjects that the card says it was trained on, by the index of the data under `root`.

    Slices alone have no field of view of their own and are left out. Raises `InputError` without an index.
    """
    trained = set(card.recipe.get("subjects", {}).get("train", ()))
    room = "ct" if card.modality == "CT" else "mr"
    index = root / room / "index.csv"
    if not index.is_file():
        raise InputError(f"{room}/index.csv is not in the data folder; the ranges of training need it")
    found = []
    with index.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            name = row["file"].removeprefix(f"{room}/")
            if row["subject"] in trained and "slice" not in name:
                volume = read_volume(root / room / name, modality=card.modality)
                normalisation = normalisation_for(volume, card.normalisation)
                found.append(appearance(volume, normalisation.offset, normalisation.scale))
    return found


def ranges_of(looks: Sequence[Appearance]) -> dict[str, object]:
    """`extent_mm` and `histogram` of a card's `ValidRanges`; nothing without scans."""
    if not looks:
        return {}
    names = dict.fromkeys(name for look in looks for name in look.quantiles)
    return {
        "extent_mm": _longer([look.extent_mm for look in looks]),
        "histogram": {
            name: _range([look.quantiles[name] for look in looks if name in look.quantiles]) for name in names
        },
    }


def _longer(values: Sequence[float]) -> Range:
    return Range(low=round(min(values) / LONGER), high=round(max(values) * LONGER))


def _range(values: Sequence[float]) -> Range:
    margin = WIDER * max(abs(value) for value in values)
    return Range(low=round(min(values) - margin, 3), high=round(max(values) + margin, 3))
