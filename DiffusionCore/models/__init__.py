"""The registry of models: cards, weights as safetensors with a checksum, and the bundled ones in `weights/`."""

from .card import (
    Card,
    ClassifySpec,
    DataSpec,
    DiffusionSpec,
    FamiliarSpec,
    LabelSpec,
    NetworkSpec,
    Range,
    SynthesisSpec,
    ValidRanges,
    read_card,
)
from .classifiers import Classifier, load_classifier, save_classifier
from .install import add_model, verify_model
from .registry import (
    Model,
    best_model,
    find_model,
    installed_folders,
    list_models,
    load_model,
    save_model,
)

__all__ = [
    "Card",
    "Classifier",
    "ClassifySpec",
    "DataSpec",
    "DiffusionSpec",
    "FamiliarSpec",
    "LabelSpec",
    "Model",
    "NetworkSpec",
    "Range",
    "SynthesisSpec",
    "ValidRanges",
    "add_model",
    "best_model",
    "find_model",
    "installed_folders",
    "list_models",
    "load_classifier",
    "load_model",
    "read_card",
    "save_classifier",
    "save_model",
    "verify_model",
]
