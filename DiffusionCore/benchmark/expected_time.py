"""How long the rest of a benchmark is going to take, in words."""

from __future__ import annotations


def in_words(seconds: float) -> str:
    """'40 s', '12 minutes', '2.5 hours': no finer than an estimate is."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
