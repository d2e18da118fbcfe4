"""Stages, time left, cancel: what a long job tells its caller, as a bar, as JSON lines, or not at all.

A job calls `progress.stage("denoise")` when a stage begins and `progress.advance(fraction)` while it runs. Both raise
`Cancelled` as soon as the caller has asked to stop, so that a job is cancelled at its next report.
"""

from __future__ import annotations

import contextlib
import functools
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, TextIO

from .errors import Cancelled, UsageError


@dataclass(frozen=True)
class ProgressEvent:
    """`fraction` is 0 to 1 within the stage; `seconds_left` is None until it can be told; `message` is for a person."""

    stage: str
    fraction: float
    seconds_left: float | None
    message: str = ""


class Sink(Protocol):
    def __call__(self, event: ProgressEvent) -> None: ...


@dataclass
class Progress:
    """Reports to `sink`; asks `cancelled` at each report. Keeps the wall-clock seconds of each finished stage in `seconds`."""

    sink: Sink | None = None
    cancelled: Callable[[], bool] = lambda: False
    seconds: dict[str, float] = field(default_factory=dict)
    _stage: str = ""
    _started: float = 0.0

    def stage(self, name: str) -> None:
        """Begin the stage `name`, ending the one before it."""
        self.finish()
        self._stage, self._started = name, time.perf_counter()
        self.advance(0.0)

    def advance(self, fraction: float, message: str = "") -> None:
        """Say that `fraction` (0 to 1) of the current stage is done. Raises `Cancelled` if the caller asked to stop."""
        if self.cancelled():
            raise Cancelled("cancelled; nothing was written")
        if self.sink is not None:
            spent = time.perf_counter() - self._started
            left = spent * (1 - fraction) / fraction if fraction > 0 else None
            self.sink(ProgressEvent(self._stage, min(fraction, 1.0), left, message))

    def say(self, message: str) -> None:
        """Tell the user something without moving the fraction (a fallback to the CPU, say)."""
        if self.sink is not None:
            self.sink(ProgressEvent(self._stage, float("nan"), None, message))

    def finish(self) -> None:
        """End the current stage and keep how long it took."""
        if self._stage:
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + time.perf_counter() - self._started
        self._stage = ""


def silent() -> Progress:
    """A progress that tells nobody."""
    return Progress()


@contextlib.contextmanager
def bar() -> Iterator[Sink]:
    """A sink that shows stage, percent and time left as a bar on stderr, until the block ends."""
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description:<14}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("", total=1.0)

        def sink(event: ProgressEvent) -> None:
            if event.message:
                shown.console.print(event.message, markup=False, highlight=False)
            if event.fraction == event.fraction:
                shown.update(task, description=event.stage, completed=event.fraction)

        yield sink


def takes_progress(task: Callable[..., Any]) -> Callable[..., Any]:
    """Let a task be given `progress="bar"` too, or None for silence; it always gets a `Progress` itself."""

    @functools.wraps(task)
    def told(*given: Any, progress: Progress | str | None = None, **options: Any) -> Any:
        if progress is None or isinstance(progress, Progress):
            return task(*given, progress=progress or silent(), **options)
        if progress != "bar":
            raise UsageError(f'progress must be "bar", a Progress or None, got {progress!r}')
        with bar() as sink:
            return task(*given, progress=Progress(sink), **options)

    return told


def json_lines(stream: TextIO | None = None) -> Sink:
    """A sink that writes one ASCII JSON object per event to `stream` (stderr), for other programs."""
    out = stream or sys.stderr

    def write(event: ProgressEvent) -> None:
        known = event.fraction == event.fraction
        record = {
            "stage": event.stage,
            "fraction": round(event.fraction, 4) if known else None,
            "seconds_left": None if event.seconds_left is None else round(event.seconds_left, 2),
            "message": event.message,
        }
        with contextlib.suppress(BrokenPipeError):  # nobody reads on; the work goes on
            print(json.dumps(record), file=out, flush=True)

    return write
