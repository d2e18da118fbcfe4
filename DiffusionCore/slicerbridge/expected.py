"""How long a scan will take on a device: from a time per voxel that is measured once and kept, and better after runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import qt

from ..volume import Volume

KEY = "DiffusionCore/SecondsPerVoxel"
NETWORK = ("denoise", "super-resolve", "sample")  # stages of a run in which the network works, with "stage 1 of 2", …


def seconds_per_voxel(model: str, device: str) -> float | None:
    """What is known of one pass of a model's network over one voxel on a device; None before it was measured.

    Of super-resolution a voxel is one of the result, with all that the models before the last one took.
    """
    return _kept(f"{device}/{model}")


def keep_seconds_per_voxel(model: str, device: str, seconds: float) -> None:
    """Keep a measured time for the sessions to come."""
    _keep(f"{device}/{model}", seconds)


def seconds_per_image(model: str, device: str, steps: int) -> float | None:
    """What is known of one image of a model and those that follow it, by so many steps (0: the card's)."""
    return _kept(f"{device}/{model}/image of {steps}")


def _kept(name: str) -> float | None:
    try:
        seconds = float(qt.QSettings().value(f"{KEY}/{name}"))
    except (TypeError, ValueError):
        return None
    return seconds if seconds > 0 else None


def _keep(name: str, seconds: float) -> None:
    if seconds > 0:
        qt.QSettings().setValue(f"{KEY}/{name}", repr(float(seconds)))


def learn_from_run(provenance: Mapping[str, Any], device: str) -> None:
    """Keep what a finished run says about the speed of its model on the device that was asked for."""
    stages = provenance.get("seconds", {})
    seconds = sum(spent for name, spent in stages.items() if name in NETWORK or name.startswith("stage "))
    if not seconds or provenance.get("plan", {}).get("fallbacks"):
        return
    model = provenance["model"]["name"]
    if "input" not in provenance:  # made from noise
        asked = provenance["options"]
        _keep(f"{device}/{model}/image of {asked['steps'] or 0}", seconds / asked["count"])
        return
    voxels = math.prod(provenance["output"].get("shape_kji", provenance["input"]["shape_kji"]))
    last = provenance["plan"] if "plan" in provenance else provenance["stages"][-1]
    keep_seconds_per_voxel(model, device, seconds / (voxels * last["network_passes"]))


class SpeedMeasurement:
    """Asks the worker once for each model and device how fast they are together; `told` is called when it is known."""

    def __init__(self, worker: Any, told: Callable[[], None]) -> None:
        self.worker, self.told = worker, told
        self.running = self._cancelling = False
        self._asked: set[tuple[str, str]] = set()

    def ask(self, model: str, device: str, volume: Volume, options: Mapping[str, Any]) -> None:
        """Measure in the background, unless that was tried before or the worker is busy."""
        if self.running or self.worker.busy or (model, device) in self._asked:
            return
        self._asked.add((model, device))
        self.running = True

        def finished(values: Mapping[str, Any]) -> None:
            self.running = self._cancelling = False
            keep_seconds_per_voxel(model, device, values["seconds_per_voxel"])
            self.told()

        def ended(*_why: Any) -> None:
            self.running = self._cancelling = False

        def cancelled() -> None:
            self.running = self._cancelling = False
            self._asked.discard((model, device))

        self.worker.submit(
            "estimate",
            dict(options),
            {"volume": volume},
            on_finished=finished,
            on_failed=ended,
            on_cancelled=cancelled,
        )

    def give_way(self) -> None:
        """Let the worker do what a person asked for: a job that comes now waits for the cancel."""
        if self.running and not self._cancelling:
            self._cancelling = True  # a second cancel would meet the job that waits for the first
            self.worker.cancel()
