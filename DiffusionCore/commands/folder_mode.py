"""What commands on many scans share: going on after a bad one, Ctrl-C, the table at the end, exit 1 if any failed."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from ..errors import Cancelled, DiffusionCoreError, PartialFailure
from ..tasks.many_scans import FAILED, FINISHED, Outcome, write_outcomes
from .crash import write_crash_log
from .tables import print_json, print_table

TABLE = "report.csv"


def collect(outcomes: Iterable[Outcome], count: int, out: Path) -> list[Outcome]:
    """All outcomes, which are also in `out`/report.csv. What was done before a Ctrl-C stays. Raises `Cancelled`."""
    done: list[Outcome] = []
    try:
        for outcome in outcomes:
            done.append(outcome)
    except (Cancelled, KeyboardInterrupt):
        finished = sum(outcome.status == FINISHED for outcome in done)
        raise Cancelled(f"cancelled; {finished} of {count} scans were done, and nothing of the others") from None
    finally:
        if done:
            write_outcomes(done, out / TABLE)
    return done


def explanation(error: Exception) -> str:
    """Our own errors say what is wrong; others leave a log."""
    if isinstance(error, DiffusionCoreError):
        return str(error)
    if isinstance(error, MemoryError):
        return "main memory ran out"
    return f"unexpected error ({type(error).__name__}); details are in {write_crash_log(error, 'folder mode')}"


def say_many(outcomes: list[Outcome], given: argparse.Namespace) -> int:
    """The table of many scans on stdout. Raises `PartialFailure` if any failed."""
    if given.json:
        print_json([vars(outcome) for outcome in outcomes])
    else:
        print_table(
            ("scan", "status", "seconds", "message"),
            [(o.source.name, o.status, f"{o.seconds:.1f}", o.message) for o in outcomes],
        )
    failed = sum(outcome.status == FAILED for outcome in outcomes)
    if failed:
        raise PartialFailure(f"{failed} of {len(outcomes)} scans failed; see {given.output / TABLE}")
    return 0
