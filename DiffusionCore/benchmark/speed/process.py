"""Processes of their own: wall-clock seconds from start to end, and the most main memory each held."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from DiffusionCore import errors


@dataclass(frozen=True)
class ProcessRun:
    """What a process cost and printed; `peak_bytes` is the most resident memory, None where the system doesn't say."""

    seconds: float
    peak_bytes: int | None
    output: str


def run_python(arguments: Sequence[str]) -> ProcessRun:
    """Run this interpreter with `arguments`, from a cold start. Raises what the process ended with, in its words."""
    package = str(Path(errors.__file__).resolve().parents[1])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments], stdout=said, stderr=complained, stdin=subprocess.DEVNULL, env=environment
        )
        watch = PeakWatch(process.pid)
        try:
            code = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
        finally:
            peak = watch.stop()
        seconds = time.perf_counter() - started
        said.seek(0)
        complained.seek(0)
        output, trouble = said.read().decode("utf-8", "replace"), complained.read().decode("utf-8", "replace")
    if code != 0:
        raise failure(code, trouble)
    return ProcessRun(seconds, peak, output)


class PeakWatch:
    """Reads the peak of another process's memory until it is told to stop.

    Not from `resource.RUSAGE_CHILDREN`: on Linux that figure starts from the memory of the process that forked.
    """

    def __init__(self, pid: int, interval: float = 0.02) -> None:
        self._status, self._interval = Path(f"/proc/{pid}/status"), interval
        self._peak: int | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while True:
            self._peak = resident_peak(self._status) or self._peak
            if self._ended.wait(self._interval):
                return

    def stop(self) -> int | None:
        """The peak in bytes, or None."""
        self._ended.set()
        self._thread.join()
        return self._peak


def resident_peak(status: Path = Path("/proc/self/status")) -> int | None:
    """VmHWM of a process on Linux; elsewhere this process's own `ru_maxrss`; None where neither is known."""
    try:
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return 1024 * int(line.split()[1])
    except (OSError, StopIteration):
        pass
    if status != Path("/proc/self/status"):
        return None
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def run_job(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """A measurement of `jobs` in a process of its own; its fields."""
    run = run_python(["-m", "DiffusionCore.benchmark.speed.jobs", name, json.dumps(options)])
    return json.loads(run.output.strip().splitlines()[-1])


def failure(code: int, trouble: str) -> Exception:
    """The error that a process's exit code stands for, with its last line on stderr; 1 is also Python's own."""
    lines = [line for line in trouble.strip().splitlines() if line.strip()]
    sentence = (lines[-1] if lines else f"exit code {code}").removeprefix("diffusioncore: ")
    kinds = {kind.exit_code: kind for kind in errors.DiffusionCoreError.__subclasses__()}
    return RuntimeError(sentence) if code == 1 else kinds.get(code, RuntimeError)(sentence)
