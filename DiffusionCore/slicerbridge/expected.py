"""How long a scan will take on a device: from a time per voxel that is measured once and kept, and better after runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import qt

KEY = "DiffusionCore/SecondsPerVoxel"


def seconds_per_voxel(model: str, device: str) -> float | None:
    """What is known of one pass of a model's network over one voxel on a device; None before it was measured."""
    kept = qt.QSettings().value(f"{KEY}/{device}/{model}")
    try:
        seconds = float(kept)
    except (TypeError, ValueError):
        return None
    return seconds if seconds > 0 else None


def keep_seconds_per_voxel(model: str, device: str, seconds: float) -> None:
    """Keep a measured time for the sessions to come."""
    if seconds > 0:
        qt.QSettings().setValue(f"{KEY}/{device}/{model}", repr(float(seconds)))


def expected_seconds(model: str, device: str, voxels: int, passes: int) -> float | None:
    """About how long the network will take; None before anything was measured on this device."""
    each = seconds_per_voxel(model, device)
    return None if each is None else each * voxels * passes


def learn_from_run(provenance: Mapping[str, Any], device: str) -> None:
    """Keep what a finished run says about the speed of its model on the device that was asked for."""
    plan = provenance.get("plan")
    seconds = provenance.get("seconds", {}).get("denoise")
    if not plan or not seconds or plan.get("fallbacks"):
        return
    voxels = 1
    for size in provenance["output"].get("shape_kji", provenance["input"]["shape_kji"]):
        voxels *= size
    keep_seconds_per_voxel(provenance["model"]["name"], device, seconds / (voxels * plan["network_passes"]))
