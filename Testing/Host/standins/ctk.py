"""Slicer's module `ctk`: the widgets of CTK that the panels may use."""

from __future__ import annotations

from typing import Any

from slicer_host import ctk_buttons, ctk_numbers, ctk_paths, strict

__all__: list[str] = []


def __getattr__(name: str) -> Any:
    for module in (ctk_buttons, ctk_numbers, ctk_paths):
        if name.startswith("ctk") and hasattr(module, name):
            return getattr(module, name)
    strict.widget_class(name)
    raise AttributeError(f"module 'ctk' has no attribute {name!r}")
