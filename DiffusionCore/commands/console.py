"""What the command line shows while it works: a bar on a terminal, JSON lines for programs, nothing when quiet."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..progress import Progress, ProgressEvent, json_lines


@contextmanager
def console_progress(quiet: bool = False, as_json: bool = False) -> Iterator[Progress]:
    """A `Progress` for the life of a command. The first Ctrl-C asks the job to stop at its next report, so that it can
    tidy up; the second one interrupts at once.
    """
    stop = threading.Event()
    in_main = threading.current_thread() is threading.main_thread()

    def interrupt(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    previous = signal.signal(signal.SIGINT, interrupt) if in_main else None
    try:
        if as_json:
            yield Progress(json_lines(sys.stderr), stop.is_set)
        elif quiet:
            yield Progress(None, stop.is_set)
        elif sys.stderr.isatty():
            with bar(stop) as progress:
                yield progress
        else:
            yield Progress(plain, stop.is_set)
    finally:
        if in_main:
            signal.signal(signal.SIGINT, previous)


def plain(event: ProgressEvent) -> None:
    """Only what a person must read: a log file is no place for a bar."""
    if event.message:
        print(event.message, file=sys.stderr, flush=True)


@contextmanager
def bar(stop: threading.Event) -> Iterator[Progress]:
    """A rich progress bar on stderr: stage, percent, time left."""
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description:<12}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("", total=1.0)

        def sink(event: ProgressEvent) -> None:
            if event.message:
                shown.console.print(event.message)
            if event.fraction == event.fraction:
                shown.update(task, description=event.stage, completed=event.fraction)

        yield Progress(sink, stop.is_set)
