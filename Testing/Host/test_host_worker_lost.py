"""The client of a worker that does not answer, crashes, speaks another protocol, or is not there."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from worker_hand import ask, done, head, until

STUBBORN = """
import json, os, sys, tempfile, time
os.setsid()
folder = tempfile.mkdtemp()
def say(**message): print(json.dumps(message), flush=True)
say(type="hello", protocol={protocol}, version="0", pid=os.getpid(), folder=folder, tasks=[], max_line=9, heartbeat=1)
print("a launcher's own words", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    if asked["type"] == "submit":
        print("about to do it", file=sys.stderr, flush=True)
        say(type="accepted", id=asked["id"])
        {then}
time.sleep(600)
"""


def stand_in(folder: Path, then: str = "time.sleep(600)", protocol: int = 1) -> Any:
    """A worker that is a small program, started by a launcher."""
    import slicer
    from slicer_host.launcher import write_launcher

    from DiffusionCore.slicerbridge.worker_process import WorkerProcess

    program = folder / "program.py"
    program.write_text(STUBBORN.format(then=then, protocol=protocol))
    launcher = write_launcher(folder)
    return WorkerProcess(slicer.app, command=[str(launcher), str(program)])


def test_a_worker_that_does_not_answer_a_cancel_is_killed_with_its_children(host: Any, tmp_path: Path) -> None:
    from slicer_host.left import any_in_group, is_running

    child = "import subprocess; subprocess.Popen(['sleep', '600']); time.sleep(600)"
    worker = stand_in(tmp_path, child)
    told = ask(worker, "inspect", head())
    until(lambda: worker.state == "running", "it runs")
    pid, folder = worker.pid, worker._connection.folder
    group = os.getpgid(pid)
    assert group == pid
    started = time.monotonic()
    worker.cancel()
    done(told)
    assert 0.7 < time.monotonic() - started < 5
    assert told.cancelled == 1
    until(lambda: not is_running(pid), "it is gone")
    until(lambda: not any_in_group(group), "its children are gone")
    until(lambda: not folder.exists(), "its folder is gone")
    assert not worker._ending


def test_a_crash_is_said_with_the_last_words(host: Any, tmp_path: Path) -> None:
    worker = stand_in(tmp_path, "sys.exit(3)")
    told = done(ask(worker, "inspect", head()))
    sentence, details = told.failed
    assert sentence == (
        "the worker is gone, Apply starts another: it ended by itself (exit code 3), its last words: about to do it"
    )
    assert "a launcher's own words" in details


def test_another_version_of_the_protocol_is_refused(host: Any, tmp_path: Path) -> None:
    worker = stand_in(tmp_path, protocol=2)
    told = done(ask(worker, "inspect", head()))
    assert "it speaks version 2 of the protocol" in told.failed[0]
    worker.shutdown()


def test_a_program_that_is_not_there(host: Any, tmp_path: Path) -> None:
    from DiffusionCore.slicerbridge.worker_process import WorkerProcess

    told = done(ask(WorkerProcess(command=[str(tmp_path / "no-such-program")]), "inspect", head()))
    assert (
        told.failed[0] == "the worker is gone, Apply starts another: its program no-such-program could not be started"
    )


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at in /proc")
