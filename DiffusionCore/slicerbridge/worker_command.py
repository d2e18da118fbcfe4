"""How the worker's process is started and, with all that it started, ended, on each system."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import DiffusionCore

ROOT = Path(DiffusionCore.__file__).resolve().parent.parent


def worker_command(parent: int) -> list[str]:
    """Program and arguments of a worker that ends with the process `parent`.

    The interpreter is PythonSlicer where there is one: a launcher, whose child is the process that computes.
    """
    python = shutil.which("PythonSlicer") or sys.executable
    return [python, "-m", "DiffusionCore.worker", "--parent", str(parent)]


def worker_environment(before: Mapping[str, str]) -> dict[str, str]:
    """What is set besides: where DiffusionCore is, and text that arrives at once and in UTF-8."""
    path = [str(ROOT), *filter(None, [before.get("PYTHONPATH")])]
    return {
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        "PYTHONIOENCODING": "utf-8",
    }


def end_command(started: int, system: str = os.name) -> list[str] | None:
    """The program that ends a process with its children, where the system needs one (Windows); else None."""
    return ["taskkill", "/PID", str(started), "/T", "/F"] if system == "nt" else None


def end_group(worker: int) -> None:
    """End the process group that a worker made, on POSIX. Nothing else: a number that leads no group is left alone."""
    with contextlib.suppress(OSError):
        if os.getpgid(worker) == worker and worker != os.getpgrp():
            os.killpg(worker, signal.SIGKILL)
