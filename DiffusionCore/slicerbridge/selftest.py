"""What the modules' own tests do, in the application and in the test host: open a module, wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import slicer
from slicer import util

PATIENCE = 300.0  # seconds, on a slow computer


def open_panel(module: str) -> Any:
    """Open a module as a hand would; gives its panel."""
    util.selectModule(module)
    slicer.app.processEvents()
    return util.getModuleWidget(module).panel


def wait_until(reached: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Let the event loop run until something is so."""
    end = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds:g} s still not: {what}")
        slicer.app.processEvents()
        time.sleep(0.005)
