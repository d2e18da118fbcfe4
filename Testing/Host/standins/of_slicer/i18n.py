"""Stand-in of `slicer.i18n`: the host speaks English."""

from __future__ import annotations


def translate(context: str, text: str) -> str:
    """The text in the application's language."""
    return text


def tr(text: str) -> str:
    """The text in the application's language; imported as `_`."""
    if not isinstance(text, str):
        raise TypeError(f"tr() takes a text, got {text!r}")
    return text
