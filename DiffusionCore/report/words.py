"""Results in words: what JSON can hold, and what a person reads in a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

TINY = 1e-4  # below it a figure's digits say nothing to a person


def plain(value: Any) -> Any:
    """The same content in what JSON knows."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if isinstance(value, float) and not abs(value) < float("inf"):
        return None
    return value


def leaves(part: Any, path: str = "") -> list[tuple[str, Any]]:
    """(label, value) of every value below `part`."""
    if isinstance(part, dict):
        return [leaf for key, item in part.items() for leaf in leaves(item, f"{path} {key}".strip().replace("_", " "))]
    if isinstance(part, (list, tuple)) and any(isinstance(item, dict) for item in part):
        return [leaf for number, item in enumerate(part, start=1) for leaf in leaves(item, f"{path} {number}".strip())]
    return [(path or "value", part)]


def visible(text: str) -> str:
    """The text with what a terminal would obey or cannot show (control characters, bytes that are no text) as escapes."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def shown(value: Any) -> str:
    """A value as a person reads it; the JSON report has all its digits."""
    if isinstance(value, float):
        tiny = 0 < abs(value) < TINY
        return f"{value:.4g}" if not tiny else f"under {TINY:.4f}" if value > 0 else f"over -{TINY:.4f}"
    if isinstance(value, (list, tuple)):
        return ", ".join(shown(item) for item in value) or "–"
    return "–" if value is None else visible(str(value))
