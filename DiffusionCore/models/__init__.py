"""The registry of models: cards, weights as safetensors with a checksum, and the bundled ones in `weights/`."""

from .card import Card, DataSpec, DiffusionSpec, NetworkSpec, Range, ValidRanges, read_card
from .registry import (
    Model,
    add_model,
    best_model,
    find_model,
    installed_folders,
    list_models,
    load_model,
    save_model,
    verify_model,
)

__all__ = [
    "Card",
    "DataSpec",
    "DiffusionSpec",
    "Model",
    "NetworkSpec",
    "Range",
    "ValidRanges",
    "add_model",
    "best_model",
    "find_model",
    "installed_folders",
    "list_models",
    "load_model",
    "read_card",
    "save_model",
    "verify_model",
]
