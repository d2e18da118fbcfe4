"""The worker from the application's side: jobs for it, one at a time, without ever holding the application up.

Everything here runs on the application's main thread; voxels are moved by a thread of their own (`transfer`).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

import qt

from ..errors import Cancelled, DiffusionCoreError, UsageError
from ..progress import ProgressEvent
from ..volume import Volume
from .packages import missing_packages
from .transfer import reading, writing
from .worker_command import worker_command
from .worker_connection import WorkerConnection
from .worker_job import Inputs, Job, Nothing
from .worker_state import WorkerState

PROTOCOL = 1
TICK = 20  # milliseconds between looks at what a thread or the clock does, while there is a job
PATIENCE = 0.8  # seconds from a cancel to the worker's answer; then it is killed
START = 60.0  # seconds until a worker says hello
SILENCE = 60.0  # seconds without a heartbeat that mean it hangs
LATE = 1.0  # seconds between two ticks that mean that the application did not listen
LEAVE = 1.0  # seconds that it has to end at a shutdown


class WorkerProcess(WorkerState):
    """Starts the worker at the first job, keeps it for the next, starts another where one was killed or crashed.

    parent   the QObject that owns the process: the application
    command  program and arguments instead of the installed worker
    missing  gives the packages that are missing; with any, no job is run

    `state` and `sentence`: see `WorkerState`; `log`: the worker's last lines; `seconds`: what it spent on the last result.
    """

    def __init__(
        self,
        parent: Any = None,
        *,
        command: Sequence[str] | None = None,
        missing: Callable[[], Sequence[str]] = missing_packages,
    ) -> None:
        super().__init__()
        self.parent, self.missing = parent, missing
        self.command = list(command or worker_command(os.getpid()))
        self.exit_code, self.seconds = 0, 0.0
        self._connection: WorkerConnection | None = None
        self._ending: set[WorkerConnection] = set()  # killed, and not gone yet
        self._last_log: list[str] = []
        self._job: Job | None = None
        self._waiting: Job | None = None
        self._inputs = Inputs()
        self._numbers, self._ticked = count(1), 0.0
        self._timer = qt.QTimer()
        self._timer.setInterval(TICK)
        self._timer.connect("timeout()", self._tick)
        self.look_for_packages()

    @property
    def log(self) -> list[str]:
        """The last lines of the worker's log, of the worker before if it has just ended."""
        return list(self._connection.log) if self._connection is not None else list(self._last_log)

    @property
    def pid(self) -> int | None:
        """The number of the process that computes; None while there is none."""
        hello = None if self._connection is None else self._connection.hello
        return None if hello is None else hello["pid"]

    def look_for_packages(self) -> Sequence[str]:
        """The packages that are missing; the state follows, unless a job runs."""
        missing = self.missing()
        if missing and not self.busy:
            self.set("not installed", f"missing: {', '.join(missing)}")
        elif not missing and self.state == "not installed":
            self.set("ready")
        return missing

    def submit(
        self,
        task: str,
        options: Mapping[str, Any],
        volumes: Mapping[str, Volume],
        *,
        on_progress: Nothing = lambda event: None,
        on_finished: Nothing = lambda values: None,
        on_failed: Nothing = lambda sentence, details: None,
        on_cancelled: Nothing = lambda: None,
    ) -> None:
        """Run a task; exactly one of the last three is called in the end, later, from the event loop.

        on_progress(ProgressEvent)    `fraction` of the stage, NaN where only `message` says something
        on_finished(values)           the result, with `Volume`s and arrays in place
        on_failed(sentence, details)  `exit_code` of this object tells the class of the error
        on_cancelled()

        While a job is being cancelled, the newest one that is submitted waits for that. Raises `UsageError` while a job
        runs. Volumes must not be changed in place, as what was sent once is used again for the same `Volume`.
        """
        if self._job is not None and self.state != "cancelling":
            raise UsageError("a job is running; wait for it, or cancel it first")
        try:
            asked = json.loads(json.dumps(options))
        except (TypeError, ValueError) as error:
            raise UsageError(f"options must be what JSON can hold: {error}") from None
        callbacks = (on_progress, on_finished, on_failed, on_cancelled)
        job = Job(str(next(self._numbers)), task, asked, dict(volumes), *callbacks)
        self._drop_waiting()
        if self._job is None:
            self._begin(job)
        else:
            self._waiting = job

    def cancel(self) -> None:
        """Stop the job; within a second `on_cancelled` is called, and nothing of it is left."""
        self._drop_waiting()
        job = self._job
        if job is None or self.state == "cancelling":
            return
        job.cancel_by = time.monotonic() + PATIENCE
        if job.transfer is not None:
            job.transfer.abandon()
        if job.sent and job.transfer is None:
            self._connection.send({"type": "cancel", "id": job.id})
        else:
            job.cancel_by = 0.0  # the worker knows nothing of it, or is done with it
        self.set("cancelling")

    def forget_scans(self) -> None:
        """Let the worker remove the scans that it keeps, but those of a job that goes on: they are gone on this side."""
        goes_on = self._job is not None and self.state != "cancelling"
        self._forget(self._inputs.superfluous(self._job.volumes if goes_on else {}, keep=0))

    def _forget(self, files: list[str]) -> None:
        if files:
            self._connection.send({"type": "forget", "id": str(next(self._numbers)), "files": files})

    def shutdown(self) -> None:
        """Cancel what runs and end the worker, waiting a moment; nothing is left. Another job starts another worker."""
        self._drop_waiting()
        job, connection = self._job, self._connection
        if job is not None and job.transfer is not None:
            job.transfer.abandon()
            job.transfer.wait(LEAVE)
        self._forget_connection()
        for one in (*self._ending, *filter(None, [connection])):
            one.close(LEAVE)
        if job is not None:
            self._end_job(job, "cancelled", "", job.on_cancelled)

    def _drop_waiting(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            qt.QTimer.singleShot(0, lambda: waiting.on_cancelled())

    def _begin(self, job: Job) -> None:
        self._job, self.exit_code = job, 0
        self._timer.start()
        self.set("starting")
        if self._connection is None:
            if missing := self.missing():
                sentence = f"packages are missing: {', '.join(missing)}"
                qt.QTimer.singleShot(0, lambda: self._fail(job, sentence))
                return
            self._connection = WorkerConnection(self.command, self._take, self._ended, self.parent)
            self._connection.start()
        elif self._connection.hello is not None:
            self._send_volumes(job)

    def _ended(self, connection: WorkerConnection, why: str) -> None:
        self._ending.discard(connection)
        if connection is self._connection:
            self._lost(why)

    def _kill(self) -> None:
        connection = self._connection
        self._forget_connection()
        if connection is not None:
            self._ending.add(connection)
            connection.kill()

    def _send_volumes(self, job: Job) -> None:
        self._forget(self._inputs.superfluous(job.volumes))
        job.files, arrays = self._inputs.files_for(job.volumes)
        job.transfer = writing(self._connection.folder, arrays)

    def _take(self, connection: WorkerConnection, message: dict[str, Any]) -> None:
        """An answer of the worker; of one that was killed nothing is wanted any more."""
        if connection is not self._connection:
            return
        job, kind = self._job, message["type"]
        if kind == "hello":
            if message.get("protocol") != PROTOCOL:
                self._kill()
                self._lost(f"it speaks version {message.get('protocol')} of the protocol, this is version {PROTOCOL}")
            elif job is not None and self.state == "starting":
                self._send_volumes(job)
            return
        not_understood = kind == "error" and message["id"] is None and self.state == "starting"
        if job is None or not job.sent or not (message.get("id") == job.id or not_understood):
            return
        if kind == "accepted" and self.state == "starting":
            self.set("running")
        elif kind == "progress" and self.state == "running":
            left = message["seconds_left"]
            job.on_progress(ProgressEvent(message["stage"], message["fraction"], left))
        elif kind == "notice":
            job.on_progress(ProgressEvent("", float("nan"), None, message["message"]))
        elif kind == "result":
            self.seconds = message["seconds"]
            job.transfer = reading(connection.folder, message["values"], job.volumes.get("volume"))
            if self.state == "cancelling":
                job.transfer.abandon()
                job.cancel_by = 0.0
        elif kind == "error":
            if self.state == "cancelling" or message["exit_code"] == Cancelled.exit_code:
                self._end_job(job, "cancelled", "", job.on_cancelled)
            else:
                self._fail(job, message["message"], message.get("details", ""), message["exit_code"])

    def _tick(self) -> None:
        """What no signal tells: a thread that is done, a time that is over."""
        job, connection, now = self._job, self._connection, time.monotonic()
        late, self._ticked = now - self._ticked > LATE, now
        if late and connection is not None:
            connection.heard = now  # the application itself was held up: what came meanwhile is not read yet
        if job is None:
            self._timer.stop()
        elif self.state == "cancelling":
            if job.cancel_by is not None and now > job.cancel_by:
                if job.sent and job.transfer is None:
                    self._kill()
                self._end_job(job, "cancelled", "", job.on_cancelled)
        elif job.transfer is not None:
            if job.transfer.done:
                self._transferred(job)
        elif connection is not None and now - connection.heard > (START if connection.hello is None else SILENCE):
            self._kill()
            self._lost("it did not answer any more")

    def _transferred(self, job: Job) -> None:
        done = job.transfer
        if done.problem is not None:
            self._fail(job, str(done.problem), "", getattr(done.problem, "exit_code", DiffusionCoreError.exit_code))
        elif job.sent:
            self._end_job(job, "finished", "", lambda: job.on_finished(done.result))
        else:
            self._inputs.written(job)
            job.transfer, job.sent = None, True
            self._connection.send(job.request())

    def _lost(self, why: str) -> None:
        """The worker is gone: its job fails, and the next one starts another."""
        self._forget_connection()
        job, log = self._job, self.log
        if job is None:
            return
        if job.transfer is not None:
            job.transfer.abandon()
        if self.state == "cancelling":
            self._end_job(job, "cancelled", "", job.on_cancelled)
            return
        words = next((f", its last words: {line.strip()[:200]}" for line in reversed(log) if line.strip()), "")
        self._fail(job, f"the worker is gone, Apply starts another: {why}{words}", "\n".join(log))

    def _forget_connection(self) -> None:
        if self._connection is not None:
            self._last_log = list(self._connection.log)
        self._connection = None
        self._inputs.clear()

    def _fail(self, job: Job, sentence: str, details: str = "", code: int = DiffusionCoreError.exit_code) -> None:
        if job is not self._job:
            return
        if self.state == "cancelling":
            self._end_job(job, "cancelled", "", job.on_cancelled)
            return
        self.exit_code = code
        self._end_job(job, "failed", sentence, lambda: job.on_failed(sentence, details or "\n".join(self.log)))

    def _end_job(self, job: Job, state: str, sentence: str, tell: Callable[[], None]) -> None:
        """The end of a job; the one that waits begins after its asker was told."""
        if job is not self._job:
            return
        self._job, job.transfer = None, None
        self.set(state, sentence)
        tell()
        if self._waiting is not None and self._job is None:
            waiting, self._waiting = self._waiting, None
            self._begin(waiting)
