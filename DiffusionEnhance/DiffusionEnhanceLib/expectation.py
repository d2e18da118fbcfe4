"""How long it will take, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from slicer import util

from DiffusionCore.slicerbridge.expected import seconds_per_image, seconds_per_voxel
from DiffusionCore.slicerbridge.overlays import ijk_to_ras
from DiffusionCore.slicerbridge.panel import seconds_in_words
from DiffusionCore.slicerbridge.scans import region_of
from DiffusionCore.slicerbridge.sequences import frames_of
from DiffusionCore.volume import Volume

from .choices import PRESETS, network_passes
from .task_group import task_of
from .waiting import queue_of

DEVICES = {"auto": "this computer", "cpu": "the CPU"}
UNKNOWN = {
    "enhance": "How long it takes is known once this computer's speed is measured.",
    "super_resolve": "How long it takes is known after the first run on this device.",
    "synthesize": "How long it takes is known after the first image of this model and number of steps.",
}


def expected(outlook: Any, parameters: Any, cards: Iterable[Any]) -> dict[str, float | None]:
    """Seconds of each preset of what would be run; None before anything was measured. Images from noise have no presets:
    all take as long. `cards` are those of the installed models."""
    if outlook.card is None or parameters is None:
        return dict.fromkeys(PRESETS)
    if task_of(parameters) == "synthesize":
        each = seconds_per_image(outlook.card.name, parameters.device, int(parameters.steps))
        return dict.fromkeys(PRESETS, None if each is None else each * parameters.count)
    passes = {preset: network_passes(preset, parameters.steps, parameters.samples) for preset in PRESETS}
    each = seconds_per_voxel(outlook.card.name, parameters.device)
    if each is None and task_of(parameters) == "super_resolve":
        each = from_another_model(outlook.card, parameters.device, cards)
    return {preset: None if each is None else each * outlook.voxels * passes[preset] for preset in PRESETS}


def from_another_model(card: Any, device: str, cards: Iterable[Any]) -> float | None:
    """Seconds of one voxel by a model that has not run yet: those of one that has, by how much each computes."""
    for other in cards:
        each = seconds_per_voxel(other.name, device)
        if each is not None and other.network.macs_per_voxel and card.network.macs_per_voxel:
            return each * card.network.macs_per_voxel / other.network.macs_per_voxel
    return None


def expected_in_words(parameters: Any, seconds: Mapping[str, float | None]) -> str:
    """One line on how long the chosen preset takes."""
    if parameters is None:
        return ""
    task = task_of(parameters)
    time = seconds[parameters.preset]
    if time is None:
        return UNKNOWN[task]
    others = [node for node in queue_of(parameters) if node is not parameters.inputVolume]
    waiting = 0 if task == "synthesize" else len(others)
    frames = 1 if task == "synthesize" or not parameters.allFrames else len(frames_of(parameters.inputVolume))
    more = f" for each of {frames} frames" if frames > 1 else ""
    more += f", and {waiting} more after it" if waiting else ""
    return f"about {seconds_in_words(time)} on {DEVICES.get(parameters.device, parameters.device)}{more}"


def region_voxels(node: Any, roi: Any) -> int:
    """How many voxels of a volume node an ROI's box takes. Raises ValueError where it takes none."""
    grid = Volume(util.arrayFromVolume(node), ijk_to_ras(node))
    return int(np.prod([high - low for low, high in region_of(grid, roi)]))
