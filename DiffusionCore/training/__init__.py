"""Training: configuration, data, augmentation and the Lightning module, from scans to a model folder.

Offers `train(config_path, overrides, resume)`, `load_config`, and `write_patches` and `read_patches` for patch files.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PLACES = {"load_config": "config_file", "read_patches": "patches", "train": "run", "write_patches": "patches"}


def __getattr__(name: str) -> Any:
    # Lightning takes seconds to import, and a patch file needs none of it
    if name in _PLACES:
        return getattr(import_module(f".{_PLACES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["load_config", "read_patches", "train", "write_patches"]
