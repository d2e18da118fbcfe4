"""What the tests of the worker's client do again and again: a scan, a job, waiting for its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from DiffusionCore.progress import ProgressEvent
from DiffusionCore.volume import Volume

PLACE = np.array([[-1.0, 0, 0.2, 14], [0, 1.2, 0, -17], [0, 0, 1.5, 5], [0, 0, 0, 1]])
PATIENCE = 240.0  # seconds on a loaded machine


@dataclass
class Told:
    """What a job told its asker."""

    progress: list[ProgressEvent] = field(default_factory=list)
    values: Any = None
    failed: tuple[str, str] | None = None
    cancelled: int = 0

    @property
    def over(self) -> bool:
        return self.values is not None or self.failed is not None or self.cancelled > 0

    def callbacks(self) -> dict[str, Any]:
        return {
            "on_progress": self.progress.append,
            "on_finished": lambda values: setattr(self, "values", values),
            "on_failed": lambda sentence, details: setattr(self, "failed", (sentence, details)),
            "on_cancelled": lambda: setattr(self, "cancelled", self.cancelled + 1),
        }


def head(size: int = 28) -> Volume:
    """A noisy ball of tissue."""
    rng = np.random.default_rng(0)
    k, j, i = np.meshgrid(*[np.linspace(-1, 1, size)] * 3, indexing="ij")
    clean = 600.0 * (k**2 + j**2 + i**2 < 0.8)
    noisy = np.hypot(clean + rng.normal(0, 40, clean.shape), rng.normal(0, 40, clean.shape))
    return Volume(np.rint(noisy).astype(np.int16), PLACE, "MR", {"patient_name": "Doe^John", "modality_reason": "told"})


def ask(worker: Any, task: str, volume: Volume, **options: Any) -> Told:
    told = Told()
    worker.submit(task, options, {"volume": volume}, **told.callbacks())
    return told


def until(condition: Any, what: str = "") -> None:
    from slicer_host.hand import wait_until

    wait_until(condition, PATIENCE, what)


def done(told: Told) -> Told:
    until(lambda: told.over, "the job is over")
    return told
