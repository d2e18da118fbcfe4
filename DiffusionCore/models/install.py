"""Adding a model: verified first, then copied whole to the user's own."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..errors import ModelError, OutputError
from . import registry
from .card import Card, read_card
from .cascade import cascade_of
from .classifiers import golden_answer, load_classifier
from .registry import CARD, find_model, golden_output, load_model, user_folder
from .weights_file import WEIGHTS


def add_model(source: Path, overwrite: bool = False) -> Path:
    """Copy a model folder among the user's models, after verifying it. Returns where it is now."""
    verify_model(source)
    folder = find_model(source)
    card = read_card(folder / CARD)
    target = user_folder() / card.name
    if (registry.bundled_folder() / card.name / CARD).is_file():
        raise OutputError(f"{card.name!r} is the name of a bundled model; give the model another name on its card")
    if registry.is_model(target) and not overwrite:
        raise OutputError(f"a model {card.name!r} is already there; --overwrite replaces it")
    with registry.new_model(target, overwrite=overwrite) as new:
        for name in (CARD, WEIGHTS):
            shutil.copyfile(folder / name, new / name)
    return target


def verify_model(name_or_path: str | Path) -> Card:
    """Recompute a model's checksum and golden output. Raises `ModelError` where they differ from the card's, and where an
    upscaler that a synthesis model names is missing or does not fit it."""
    card, golden = computed(name_or_path)
    if not card.sha256:
        raise ModelError(f"the card of {card.name!r} has no checksum; save the model again")
    if not same_numbers(card.golden, golden):
        raise ModelError(f"{card.name!r} no longer computes what its card says; its network or torch has changed")
    return card


def computed(name_or_path: str | Path) -> tuple[Card, str]:
    """A model's card, and the golden output that it gives now."""
    if read_card(find_model(name_or_path) / CARD).task == "classify":
        classifier = load_classifier(name_or_path)
        return classifier.card, golden_answer(classifier.network)
    model = load_model(name_or_path)
    if model.card.synthesis is not None and model.card.synthesis.then:
        cascade_of(model)
    return model.card, golden_output(model.denoiser)


def same_numbers(wanted: str, got: str) -> bool:
    """Whether two golden outputs agree to 5e-3; NaN agrees with nothing."""
    try:
        pairs = list(zip(map(float, wanted.split()), map(float, got.split()), strict=True))
    except ValueError:
        return False
    return bool(pairs) and all(abs(a - b) <= 5e-3 for a, b in pairs)
