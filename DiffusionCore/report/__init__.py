"""Results for people and for programs: figures and films, a one-page HTML report, JSON. Imported on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .figure import check_figure, write_figure
    from .page import write_json, write_page

__all__ = ["check_figure", "write_figure", "write_json", "write_page"]

_HOMES = {"check_figure": "figure", "write_figure": "figure", "write_json": "page", "write_page": "page"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
