"""What the command line shows while it works: a bar on a terminal, JSON lines for programs, nothing when quiet."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from ..progress import Progress, ProgressEvent, Sink, bar, json_lines
from ..report.words import visible

GRACE = 0.6  # seconds that a job has after Ctrl-C to stop by itself at its next report


@contextmanager
def console_progress(quiet: bool = False, as_json: bool = False) -> Iterator[Progress]:
    """A `Progress` for the life of a command, and its answer to Ctrl-C.

    The first Ctrl-C asks the job to stop at its next report, so that it can tidy up. A job that has not stopped `GRACE`
    seconds later, and one that is interrupted again, gets a KeyboardInterrupt where it stands.
    """
    stop, ended = threading.Event(), threading.Event()
    in_main = threading.current_thread() is threading.main_thread()

    def interrupt(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    def insist() -> None:
        stop.wait()
        if not ended.wait(GRACE):
            interrupt_again()

    previous = signal.signal(signal.SIGINT, interrupt) if in_main else None
    if in_main:
        threading.Thread(target=insist, daemon=True).start()
    try:
        with shown(quiet, as_json) as sink:
            yield Progress(sink, stop.is_set)
    finally:
        ended.set()
        if in_main:
            signal.signal(signal.SIGINT, previous)


def interrupt_again() -> None:
    """A second Ctrl-C, which also wakes the main thread from waiting where the system knows threads' signals."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    else:
        _thread.interrupt_main()


@contextmanager
def shown(quiet: bool, as_json: bool) -> Iterator[Sink | None]:
    """Where events go: nowhere, to stderr as JSON lines, to a bar on a terminal, or to a log as messages alone."""
    if quiet:
        yield None
    elif as_json:
        yield json_lines(sys.stderr)
    elif sys.stderr.isatty():
        with bar() as sink:
            yield lambda event: sink(replace(event, message=visible(event.message)))
    else:
        yield messages


def messages(event: ProgressEvent) -> None:
    """Only what a person must read: a log file is no place for a bar."""
    if event.message:
        with suppress(BrokenPipeError):  # nobody reads on; the work goes on
            print(visible(event.message), file=sys.stderr, flush=True)
