"""One life of the worker's process: its start, the lines that go in and come out, its log, its end."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import qt

from ..volume.processes import is_alive
from .worker_command import ROOT, end_command, end_group, worker_environment

LOG_LINES = 200
REMOVE_EVERY, REMOVE_TIMES = 200, 25  # milliseconds; a killed process holds its files for a moment, longer on Windows


class WorkerConnection:
    """Speaks with a process, once `start` was called.

    on_message  is given this object and each answer of the worker
    on_end      is called once, when the process is gone, with this object and a sentence about why
    """

    def __init__(
        self,
        command: Sequence[str],
        on_message: Callable[[WorkerConnection, dict[str, Any]], None],
        on_end: Callable[[WorkerConnection, str], None],
        parent: Any,
    ) -> None:
        self.command = list(command)
        self.on_message, self.on_end = on_message, on_end
        self.hello: dict[str, Any] | None = None
        self.log: deque[str] = deque(maxlen=LOG_LINES)
        self.heard = time.monotonic()
        self._rest, self._rest_of_log = b"", b""
        self._ended = self._killed = False
        self.process = qt.QProcess(parent)
        environment = qt.QProcessEnvironment.systemEnvironment()
        for name, value in worker_environment({"PYTHONPATH": str(environment.value("PYTHONPATH") or "")}).items():
            environment.insert(name, value)
        self.process.setProcessEnvironment(environment)
        self.process.setWorkingDirectory(str(ROOT))
        self.process.connect("readyReadStandardOutput()", self._read)
        self.process.connect("readyReadStandardError()", self._read_log)
        self.process.connect("errorOccurred(QProcess::ProcessError)", self._failed)
        self.process.connect("finished(int,QProcess::ExitStatus)", self._finished)

    def start(self) -> None:
        """Start the process; `on_end` tells if it cannot be, on some systems before this returns."""
        self.process.start(self.command[0], self.command[1:])

    @property
    def folder(self) -> Path | None:
        """The worker's private folder; None before it said hello."""
        return None if self.hello is None else Path(self.hello["folder"])

    def send(self, message: dict[str, Any]) -> None:
        """One request."""
        self.process.write((json.dumps(message) + "\n").encode("ascii"))

    def kill(self) -> None:
        """End the process with all that it started, without waiting; `on_end` follows."""
        self._killed = True
        started = int(self.process.processId())
        command = end_command(started)
        if command is not None and started:
            qt.QProcess.startDetached(command[0], command[1:])
            qt.QTimer.singleShot(3000, self._kill_started)
        else:
            if self.hello is not None:
                end_group(self.hello["pid"])
            self._kill_started()
        self.process.closeWriteChannel()

    def close(self, seconds: float) -> None:
        """Ask it to end, wait so long at most, then kill it; afterwards nothing of it is left."""
        if self._ended:
            return
        self.send({"type": "shutdown"})
        self.process.closeWriteChannel()
        if not self.process.waitForFinished(int(1000 * seconds)):
            self.kill()
            self.process.waitForFinished(int(1000 * seconds))
        self._end("it was ended")
        for _ in range(20):  # what was killed needs a moment to go, and no event loop may follow
            self._remove_folder(0)
            if self.hello is None or not (is_alive(self.hello["pid"]) or self.folder.exists()):
                break
            time.sleep(0.05)

    def _kill_started(self) -> None:
        if not self._ended:
            self.process.kill()

    def _read(self) -> None:
        self.heard = time.monotonic()
        *lines, self._rest = (self._rest + bytes(self.process.readAllStandardOutput().data())).split(b"\n")
        for line in lines:
            try:
                message = json.loads(line)
            except ValueError:
                message = None
            if not isinstance(message, dict) or "type" not in message:
                self.log.append(line.decode("utf-8", "replace"))  # a launcher's own words
                continue
            if message["type"] == "hello":
                self.hello = message
            self.on_message(self, message)

    def _read_log(self) -> None:
        *lines, self._rest_of_log = (self._rest_of_log + bytes(self.process.readAllStandardError().data())).split(b"\n")
        self.log.extend(line.decode("utf-8", "replace").rstrip() for line in lines)

    def _failed(self, error: Any) -> None:
        if error == qt.QProcess.FailedToStart:
            self._end(f"its program {Path(self.command[0]).name} could not be started")

    def _finished(self, code: int, status: Any) -> None:
        self._read()
        self._read_log()
        crashed = status == qt.QProcess.CrashExit
        if self._killed:
            self._end("it was ended")
        elif (crashed and code == 9) or code == 137:
            self._end("it was killed from outside, as a system does when memory runs out")
        else:
            self._end(f"it crashed (signal {code})" if crashed else f"it ended by itself (exit code {code})")

    def _end(self, why: str) -> None:
        if self._ended:
            return
        self._ended = True
        self._remove_folder(REMOVE_TIMES)
        self.process.deleteLater()
        self.on_end(self, why)

    def _remove_folder(self, times: int) -> None:
        """The worker removes its folder itself, unless it was killed."""
        if self.folder is None or not self.folder.exists():
            return
        with contextlib.suppress(OSError):
            shutil.rmtree(self.folder, ignore_errors=True)
        if times and os.path.lexists(self.folder):
            qt.QTimer.singleShot(REMOVE_EVERY, lambda: self._remove_folder(times - 1))
