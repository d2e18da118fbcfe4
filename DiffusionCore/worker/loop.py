"""The worker itself: one thread reads requests, one shows that it lives, the main one works."""

from __future__ import annotations

import _thread
import contextlib
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

from .. import __version__
from ..errors import Cancelled, UsageError
from ..volume.processes import is_alive
from .channel import MAX_LINE, Channel
from .folder import PrivateFolder
from .requests import Cancel, Describe, Forget, NotUnderstood, Request, Shutdown, Submit, parse_request
from .running import CANCELLED, Running, error_answer
from .table import find_task, tasks_here

PROTOCOL = 1
INSIST = 0.4  # seconds that a job has after a cancel before it is interrupted where it stands
LEAVE = 1.0  # seconds after the end of the input until the process ends, whatever it does
LAST_WORDS = 0.1  # seconds before that, when a main thread that is held up is not waited for any more
WATCH = 1.0  # seconds between looks at the parent


class Worker:
    """Answers requests on `channel` until it is told to stop, its input ends, or the process `parent` is gone."""

    def __init__(self, channel: Channel, folder: PrivateFolder, heartbeat: float, parent: int | None) -> None:
        self.channel, self.folder, self.heartbeat, self.parent = channel, folder, heartbeat, parent
        self.inbox: queue.SimpleQueue[Running | Describe | Forget | None] = queue.SimpleQueue()
        self.current: Running | None = None
        self.stopping = threading.Event()
        self._goodbye = threading.Lock()
        self.session: Any = None  # made by the first job, as it stands on much that is slow to import

    def serve(self) -> NoReturn:
        """Work until the end; ends the process."""
        signal.signal(signal.SIGINT, self._interrupted)
        signal.signal(signal.SIGTERM, lambda *_: self.stop())
        self.channel.send(
            {
                "type": "hello",
                "protocol": PROTOCOL,
                "version": __version__,
                "pid": os.getpid(),
                "folder": str(self.folder.path),
                "tasks": tasks_here(),
                "max_line": MAX_LINE,
                "heartbeat": self.heartbeat,
            }
        )
        for part in (self._read, self._show_life):
            threading.Thread(target=part, daemon=True).start()
        while (item := self.inbox.get()) is not None:
            self.folder.discard()
            try:
                self._do(item)
            except Exception as error:
                if isinstance(item, Running):
                    self._answer(item, error_answer(item.id, error))
                else:
                    self.channel.send(error_answer(item.id, error))
            self.folder.discard()
        self._say_goodbye()
        self._leave()

    def stop(self) -> None:
        """Cancel what runs and end, soon in any case."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        if (job := self.current) is not None:
            self._cancel(job)
            if job.loading:  # by a thread, as this may be what a signal called in the middle of anything
                daemon(0.0, lambda: self._answer(job, error_answer(job.id, Cancelled(CANCELLED))))
        self.inbox.put(None)
        daemon(LEAVE - LAST_WORDS, self._say_goodbye)
        daemon(LEAVE, self._leave)

    def _say_goodbye(self) -> None:
        """Once, by the main thread or, where that does not come to it in time, by another."""
        if self._goodbye.acquire(blocking=False):
            self.channel.send({"type": "goodbye"})

    def _answer(self, job: Running, answer: dict[str, Any]) -> bool:
        """Give a job's final answer, unless it has one. The next job may follow at once, so this one is put away first."""
        if not job.claim():
            return False
        if self.current is job:
            self.current = None
        self.channel.send(answer)
        return True

    def _do(self, item: Running | Describe | Forget) -> None:
        if isinstance(item, Running):
            if self.session is None:
                from .session import Session

                self.session = Session()
            answer = item.run(self.session)
            if not self._answer(item, answer):
                self.folder.discard(*item.files)
        elif isinstance(item, Describe):
            task = find_task(item.task)
            schema = task.load_options().model_json_schema()
            volumes = {"needs": task.needs, "takes": task.takes}
            about = {"task": item.task, "options": schema, "volumes": volumes}
            self.channel.send({"type": "description", "id": item.id, **about})
        else:
            if self.session is not None:
                self.session.forget(item.files)
            self.folder.discard(*item.files)
            self.channel.send({"type": "forgotten", "id": item.id})

    def _read(self) -> None:
        """Requests, as long as there are any."""
        for line in self.channel.lines():
            if self.stopping.is_set():
                break
            if line is None:
                problem = UsageError(f"a request must not be longer than {MAX_LINE} bytes; voxels go through files")
                self.channel.send(error_answer(None, problem))
            elif line.strip():
                self._take(line)
        self.stop()

    def _take(self, line: bytes) -> None:
        try:
            self._act(parse_request(line))
        except NotUnderstood as error:
            self.channel.send(error_answer(error.asker, error))
        except Exception as error:  # nothing that is sent may end the worker
            self.channel.send(error_answer(None, error))

    def _act(self, request: Request) -> None:
        if isinstance(request, Shutdown):
            self.stop()
        elif isinstance(request, Cancel):
            job = self.current
            if job is None or job.id != request.id:
                raise NotUnderstood("there is no such job to cancel; it may be done", request.id)
            self.channel.send({"type": "cancelling", "id": job.id})
            self._cancel(job)
            if job.loading:
                self._answer(job, error_answer(job.id, Cancelled(CANCELLED)))
        elif isinstance(request, Submit):
            if self.current is not None:
                raise NotUnderstood("a job is running already; wait for it, or cancel it first", request.id)
            self.current = Running(request, self.channel, self.folder)
            self.inbox.put(self.current)
        else:
            self.inbox.put(request)

    def _cancel(self, job: Running) -> None:
        job.cancelled.set()

        def insist() -> None:
            if self.current is job:
                _thread.interrupt_main()

        daemon(INSIST, insist)

    def _interrupted(self, number: int, frame: object) -> None:
        """Only what runs for a cancelled job is interrupted; nobody else sends this signal on purpose."""
        job = self.current
        if job is not None and job.cancelled.is_set() and job.interruptible:
            raise KeyboardInterrupt

    def _show_life(self) -> None:
        due = time.monotonic() + self.heartbeat
        while not self.stopping.wait(min(max(due - time.monotonic(), 0.0), WATCH)):
            if self.parent is not None and not is_alive(self.parent):
                self.stop()
            if time.monotonic() >= due:
                due = time.monotonic() + self.heartbeat
                job = self.current
                self.channel.send(
                    {"type": "heartbeat", "job": None if job is None else job.id, "memory_MiB": resident_memory()}
                )
                self.folder.touch()

    def _leave(self) -> NoReturn:
        """End at once: waiting for threads, or for torch to be taken apart, would only cost time."""
        self.folder.remove()
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(0)


def daemon(seconds: float, what: Any) -> None:
    """Call `what` after some seconds, unless the process ends before."""
    timer = threading.Timer(seconds, what)
    timer.daemon = True
    timer.start()


def resident_memory() -> int | None:
    """MiB of main memory that this process holds; None where only a third party could tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // 2**20
    except (OSError, ValueError):
        return None
