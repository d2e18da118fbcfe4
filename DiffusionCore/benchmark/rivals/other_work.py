"""Whether the machine did other work while something was timed: seconds of a busy machine are no method's own."""

from __future__ import annotations

import os
import time
from pathlib import Path

UNDISTURBED = 0.2
"""Processors that others may take, on average, for a timing to count."""
STAT = Path("/proc/stat")


class Stopwatch:
    """Wall-clock seconds since it was made, and how many processors everybody else took meanwhile."""

    def __init__(self) -> None:
        self._busy, self._own, self._started = busy_seconds(), own_seconds(), time.perf_counter()

    def read(self) -> tuple[float, float | None]:
        """(seconds, processors that others took on average; None where the system does not tell)."""
        seconds = time.perf_counter() - self._started
        busy = busy_seconds()
        if busy is None or self._busy is None:
            return seconds, None
        others = busy - self._busy - (own_seconds() - self._own)
        # The system counts in hundredths of a second: shorter spans say nothing.
        return seconds, max(0.0, others) / max(seconds, 0.5)


def others_now(seconds: float = 1.0) -> float | None:
    """Processors that others take while this process waits for `seconds`; None where the system does not tell."""
    watch = Stopwatch()
    time.sleep(seconds)
    return watch.read()[1]


def disturbs(others: float | None) -> bool:
    """Whether so many processors for other work make a timing too long; not where the system does not tell."""
    return others is not None and others > UNDISTURBED


def busy_seconds() -> float | None:
    """Processor seconds that the machine has spent on anything since it was started; None where it does not tell."""
    try:
        user, nice, system, _idle, _waiting, *interrupts = map(int, STAT.read_text().split("\n", 1)[0].split()[1:8])
    except (OSError, ValueError):
        return None
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def own_seconds() -> float:
    """Processor seconds of this process and of the children that it has waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system
