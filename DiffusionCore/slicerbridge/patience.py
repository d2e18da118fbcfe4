"""Waiting as a module's own test does: the event loop runs until something is so."""

from __future__ import annotations

import time
from collections.abc import Callable

import slicer

PATIENCE = 300.0  # seconds, on a slow computer


def wait_until(reached: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Let the event loop run until something is so."""
    end = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds:g} s still not: {what}")
        slicer.app.processEvents()
        time.sleep(0.005)
