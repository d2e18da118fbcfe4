"""`python -m DiffusionCore.worker [--parent PID] [--folder PATH] [--heartbeat SECONDS]`; see docs/worker-protocol.md."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import warnings
from pathlib import Path

from ..errors import DiffusionCoreError
from .channel import take_over_standard_streams


def main(argv: list[str] | None = None) -> int:
    """Run a worker on standard input and output; returns only if it could not begin."""
    parser = argparse.ArgumentParser(prog="python -m DiffusionCore.worker", description=__doc__, allow_abbrev=False)
    parser.add_argument("--parent", type=int, metavar="PID", help="end when this process is gone")
    parser.add_argument("--folder", type=Path, help="where to make the private folder")
    parser.add_argument("--heartbeat", type=float, default=1.0, metavar="SECONDS", help="0.05 to 60; default 1")
    given = parser.parse_args(argv)
    if not 0.05 <= given.heartbeat <= 60:
        parser.error("--heartbeat must be 0.05 to 60 seconds")
    channel = take_over_standard_streams()
    if hasattr(os, "setsid"):  # a group of its own, by which it can be killed with all that it started
        with contextlib.suppress(OSError):
            os.setsid()
    warnings.simplefilter("ignore")  # libraries' advice to programmers, which may quote what is in a scan
    from .folder import PrivateFolder
    from .loop import Worker

    try:
        folder = PrivateFolder(given.folder)
    except DiffusionCoreError as error:
        print(f"worker: {error}", file=sys.stderr)
        return error.exit_code
    Worker(channel, folder, given.heartbeat, given.parent).serve()


if __name__ == "__main__":
    sys.exit(main())
