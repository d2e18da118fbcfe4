"""How long it will take, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from slicer import util

from DiffusionCore.slicerbridge.expected import expected_seconds
from DiffusionCore.slicerbridge.overlays import ijk_to_ras
from DiffusionCore.slicerbridge.panel import seconds_in_words
from DiffusionCore.slicerbridge.scans import region_of
from DiffusionCore.volume import Volume

from .choices import PRESETS, network_passes
from .waiting import queue_of

DEVICES = {"auto": "this computer", "cpu": "the CPU"}


def expected_by_preset(model: str, parameters: Any, voxels: int) -> dict[str, float | None]:
    """Seconds of each preset for so many voxels, on the device that is chosen."""
    return {
        preset: expected_seconds(
            model, parameters.device, voxels, network_passes(preset, parameters.steps, parameters.samples)
        )
        for preset in PRESETS
    }


def waiting_in_words(parameters: Any, seconds: Mapping[str, float | None]) -> str:
    """One line on how long the chosen preset takes."""
    if parameters is None:
        return ""
    time = seconds[parameters.preset]
    if time is None:
        return "How long it takes is known once this computer's speed is measured."
    waiting = len(queue_of(parameters))
    more = f", and {waiting} more after it" if waiting else ""
    return f"about {seconds_in_words(time)} on {DEVICES.get(parameters.device, parameters.device)}{more}"


def region_voxels(node: Any, roi: Any) -> int:
    """How many voxels of a volume node an ROI's box takes. Raises ValueError where it takes none."""
    grid = Volume(util.arrayFromVolume(node), ijk_to_ras(node))
    return int(np.prod([high - low for low, high in region_of(grid, roi)]))
