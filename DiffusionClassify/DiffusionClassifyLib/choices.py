"""From what is chosen in the panel to the task's options, and to the model that fits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

Installed = Sequence[tuple[Any, Path]]


def classify_options(chosen: Any) -> dict[str, Any]:
    """The options of `classify` that differ from its defaults, from a parameter node (or anything with its fields)."""
    options: dict[str, Any] = {}
    for name in ("samples", "steps", "seed", "threads"):
        if getattr(chosen, name):
            options[name] = int(getattr(chosen, name))
    if chosen.device != "auto":
        options["device"] = chosen.device
    if chosen.force:
        options["force"] = True
    return options


def unfit(card: Any, kind: str, modality: str) -> str:
    """Why a model cannot be given an input of a kind ("labelmap" or "volume"), and what to do; "" if it can."""
    if card.input == "labelmap":
        if kind == "labelmap":
            return ""
        return f"{card.name} takes the outline of one structure; choose its segmentation or label map."
    if kind == "labelmap":
        return f"{card.name} takes the grey values of a {card.modality} scan; choose the scan."
    return "" if card.modality == modality else f"{card.name} takes {card.modality} scans, and this is {modality}."


def model_for(models: Installed, name: str, kind: str, modality: str) -> tuple[Any, Path] | None:
    """Card and folder of the model that is named, or of the first that fits; None if there is none."""
    for card, folder in models:
        if card.name == name or (not name and not unfit(card, kind, modality)):
            return card, folder
    return None


def in_words(card: Any) -> str:
    """What a card says of its model: one line of what it does, and its limits."""
    return " ".join([f"{card.name}: {card.summary}", *card.limits])
