"""A job while it runs: from the request to the one answer that ends it."""

from __future__ import annotations

import sys
import threading
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import Cancelled, DeviceError, DiffusionCoreError, UsageError, code_places
from ..progress import Progress, ProgressEvent
from ..volume import Volume
from ..volume.array_file import map_array
from .channel import Channel
from .folder import PrivateFolder
from .packing import Packer
from .requests import Submit, VolumeFile
from .table import Task, find_task

if TYPE_CHECKING:
    from .session import Session

UNEXPECTED = 70
CANCELLED = "cancelled; nothing was kept"
BETWEEN = 0.05  # seconds from one report of progress to the next of the same stage
HEAVY = ("torch", "DiffusionCore.inference", "DiffusionCore.models")


class Running:
    """One job. `cancelled` is set by another thread; the main one may be interrupted while `interruptible`.

    While it is `loading`, a cancel is answered by the other thread: an import takes seconds and must not be interrupted.
    """

    def __init__(self, request: Submit, channel: Channel, folder: PrivateFolder) -> None:
        self.request, self.channel, self.folder = request, channel, folder
        self.id = request.id
        self.cancelled = threading.Event()
        self.interruptible = False
        self.loading = True
        self.files: list[str] = []
        self._answered = False
        self._lock = threading.Lock()
        self._shown: tuple[str, float] = ("", 0.0)

    def claim(self) -> bool:
        """Whether the caller is the one to give the final answer: the first who asks."""
        with self._lock:
            first, self._answered = not self._answered, True
            return first

    def _tell(self, **message: Any) -> None:
        """Say something of the job, unless its final answer was given."""
        with self._lock:
            if not self._answered:
                self.channel.send({**message, "id": self.id})

    def run(self, session: Session) -> dict[str, Any]:
        """Do it; gives the answer `result` or `error`. Of what failed no file is left."""
        began = time.monotonic()
        packer = Packer(self.folder, self._poll)
        self.files = packer.files
        try:
            try:
                values = self._work(session, packer)
            finally:
                self.interruptible = False
        except KeyboardInterrupt:
            answer = error_answer(self.id, Cancelled(CANCELLED))
        except Exception as error:
            answer = error_answer(self.id, error)
        else:
            spent = time.monotonic() - began
            answer = {"type": "result", "id": self.id, "values": values, "seconds": round(spent, 3)}
        self.interruptible = False
        if answer["type"] == "error":
            self.folder.discard(*self.files)
        return answer

    def _work(self, session: Session, packer: Packer) -> Any:
        task = find_task(self.request.task)
        from ..tasks.options import parse_options

        options = parse_options(task.load_options(), **self.request.options)
        volumes = {role: self._open(volume) for role, volume in self._roles(task).items()}
        self._tell(type="accepted")
        progress = Progress(self._show, self.cancelled.is_set)
        progress.stage("load program")
        run = task.load_runner()
        for module in HEAVY:  # an interrupted import of these could not be repeated
            import_module(module)
        from .jobs import Job

        self.loading = False
        self.interruptible = True
        self._poll()
        files = {role: volume.file for role, volume in self.request.volumes.items()}
        result = run(Job(options, volumes, files), session, progress)
        progress.stage("hand over")
        return packer(result)

    def _roles(self, task: Task) -> dict[str, VolumeFile]:
        """The volumes given, if they are those that the task needs and takes. Raises `UsageError`."""
        given, known = self.request.volumes, (*task.needs, *task.takes)
        if missing := [role for role in task.needs if role not in given]:
            raise UsageError(f"{self.request.task} needs a volume as {missing[0]!r}")
        if unknown := [role for role in given if role not in known]:
            raise UsageError(f"{self.request.task} takes volumes as {', '.join(known)}, not as {unknown[0][:64]!r}")
        return given

    def _open(self, given: VolumeFile) -> Volume:
        """The volume in the private folder, mapped. Raises `InputError`."""
        matrix = np.array(given.matrix, np.float64)
        voxels = map_array(self.folder.path / given.file)
        return Volume(voxels, matrix, given.modality, given.meta.model_dump(exclude_unset=True))

    def _poll(self) -> None:
        if self.cancelled.is_set():
            raise Cancelled(CANCELLED)

    def _show(self, event: ProgressEvent) -> None:
        if event.message:
            self._tell(type="notice", message=event.message)
        stage, when = self._shown
        now = time.monotonic()
        if event.fraction != event.fraction or (stage == event.stage and now - when < BETWEEN):
            return
        self._shown = (event.stage, now)
        left = event.seconds_left
        self._tell(
            type="progress",
            stage=event.stage,
            fraction=round(event.fraction, 4),
            seconds_left=None if left is None else round(left, 2),
        )


def error_answer(asker: str | None, error: BaseException) -> dict[str, Any]:
    """What went wrong, in the words and codes of the command line; what nobody expected goes to the log as well."""
    details = ""
    if isinstance(error, DiffusionCoreError):
        name = next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == DiffusionCoreError.__module__)
        code, message = error.exit_code, " ".join(str(error).split())
    elif isinstance(error, MemoryError):
        name, code = "DeviceError", DeviceError.exit_code
        message = "main memory ran out; free some, or take a part of the scan"
    elif isinstance(error, ModuleNotFoundError):
        name, code = "Unexpected", UNEXPECTED
        message = f"the Python package {error.name!r} is not installed; install it and start again"
    else:
        name, code = "Unexpected", UNEXPECTED
        message = f"unexpected error ({type(error).__name__}); the log says where"
        details = "\n".join(code_places(error))
        print(f"{type(error).__name__}\n{details}", file=sys.stderr, flush=True)
    return {"type": "error", "id": asker, "class": name, "exit_code": code, "message": message, "details": details}
