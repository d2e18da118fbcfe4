"""Slicer's module `qt`: Qt's classes, all in one namespace, with PythonQt's manners."""

from __future__ import annotations

from typing import Any

from slicer_host import pythonqt
from slicer_host.ui_loader import QUiLoader

__all__ = ["QUiLoader"]

pythonqt.dress()


def __getattr__(name: str) -> Any:
    if name.startswith("Q"):
        for module in pythonqt.MODULES:
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module 'qt' has no attribute {name!r}")
