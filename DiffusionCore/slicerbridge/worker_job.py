"""A job on its way through the worker, and the scans that the worker has been given."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..volume import Volume
from .transfer import Transfer

KEPT = 3  # scans that the worker keeps, so that a preview need not be sent its scan again
TOLD = ("kind", "modality_reason", "warnings")  # of a volume's meta; the rest stays on this side

Nothing = Callable[..., None]


@dataclass(eq=False)
class Job:
    """What was submitted, and where it is: `sent` to the worker, its voxels in a `transfer`, to be over at `cancel_by`."""

    id: str
    task: str
    options: Mapping[str, Any]
    volumes: Mapping[str, Volume]
    on_progress: Nothing
    on_finished: Nothing
    on_failed: Nothing
    on_cancelled: Nothing
    files: Mapping[str, str] = field(default_factory=dict)
    sent: bool = False
    transfer: Transfer | None = None
    cancel_by: float | None = None

    def request(self) -> dict[str, Any]:
        """The request, once its files are written."""
        volumes = {role: described(volume, self.files[role]) for role, volume in self.volumes.items()}
        return {"type": "submit", "id": self.id, "task": self.task, "options": self.options, "volumes": volumes}


def described(volume: Volume, file: str) -> dict[str, Any]:
    """How the protocol names a volume; of what is known about the patient nothing is told."""
    meta = {name: volume.meta[name] for name in TOLD if name in volume.meta}
    return {
        "file": file,
        "matrix": volume.ijk_to_ras.tolist(),
        "modality": volume.modality,
        "meta": {name: list(value) if isinstance(value, tuple) else value for name, value in meta.items()},
    }


class Inputs:
    """The scans that lie in the worker's folder, by file. A `Volume` never changes, so what was sent once stays right."""

    def __init__(self) -> None:
        self._volumes: dict[str, weakref.ref[Volume]] = {}
        self._count = 0

    def files_for(self, volumes: Mapping[str, Volume]) -> tuple[dict[str, str], dict[str, np.ndarray]]:
        """The file of each role, and by file the voxels that are yet to be written."""
        known = {volume: name for name, kept in self._volumes.items() if (volume := kept()) is not None}
        files: dict[str, str] = {}
        arrays: dict[str, np.ndarray] = {}
        for role, volume in volumes.items():
            if volume not in known:
                self._count += 1
                known[volume] = f"in-{self._count}.npy"
                arrays[known[volume]] = volume.voxels
            files[role] = known[volume]
        return files, arrays

    def written(self, job: Job) -> None:
        """A job's files are whole."""
        for role, volume in job.volumes.items():
            self._volumes.pop(job.files[role], None)
            self._volumes[job.files[role]] = weakref.ref(volume)  # the newest last

    def superfluous(self, volumes: Mapping[str, Volume], keep: int = KEPT) -> list[str]:
        """Files that need not be kept beside those of `volumes`, and are known no more: of scans that nobody has, and the
        oldest where there are more than `keep`."""
        wanted = set(volumes.values())
        dead = [name for name, kept in self._volumes.items() if kept() is None]
        others = [name for name, kept in self._volumes.items() if kept() is not None and kept() not in wanted]
        old = dead + others[: max(len(others) + len(wanted) - keep, 0)]
        for name in old:
            del self._volumes[name]
        return old

    def clear(self) -> None:
        """Know of none any more: the worker is gone, and its folder with it."""
        self._volumes.clear()
