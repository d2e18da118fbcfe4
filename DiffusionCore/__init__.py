"""Enhance CT and MR scans by diffusion models, with figures that can be trusted. Research only; not for clinical use.

    from DiffusionCore import read_volume, write_volume, enhance, load_model
    result = enhance(read_volume("head.nii.gz"), strength=0.8)

Everything is imported on first use, so that importing this package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .models import load_model
    from .tasks.classification.classify import ClassifyResult, classify
    from .tasks.classification.options import ClassifyOptions
    from .tasks.enhance import EnhanceResult, enhance
    from .tasks.options import EnhanceOptions
    from .tasks.superres.options import SuperResolveOptions
    from .tasks.superres.super_resolve import SuperResolveResult, super_resolve
    from .tasks.synthesis.synthesize import SynthesizeResult, synthesize
    from .volume import Volume, read_volume, write_volume

__version__ = "0.1.0"

_HOMES = {
    "Volume": "volume",
    "read_volume": "volume",
    "write_volume": "volume",
    "load_model": "models",
    "ClassifyOptions": "tasks.classification.options",
    "ClassifyResult": "tasks.classification.classify",
    "classify": "tasks.classification.classify",
    "EnhanceOptions": "tasks.options",
    "EnhanceResult": "tasks.enhance",
    "enhance": "tasks.enhance",
    "SuperResolveOptions": "tasks.superres.options",
    "SuperResolveResult": "tasks.superres.super_resolve",
    "super_resolve": "tasks.superres.super_resolve",
    "SynthesizeResult": "tasks.synthesis.synthesize",
    "synthesize": "tasks.synthesis.synthesize",
}

__all__ = [
    "ClassifyOptions",
    "ClassifyResult",
    "EnhanceOptions",
    "EnhanceResult",
    "SuperResolveOptions",
    "SuperResolveResult",
    "SynthesizeResult",
    "Volume",
    "classify",
    "enhance",
    "load_model",
    "read_volume",
    "super_resolve",
    "synthesize",
    "write_volume",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
