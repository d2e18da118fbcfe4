"""How the process is started and ended on each system."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from DiffusionCore.slicerbridge.worker_command import ROOT, end_command, end_group, worker_command, worker_environment
from DiffusionCore.volume.processes import is_alive


def test_the_interpreter_is_slicer_s_launcher(python_slicer: Path) -> None:
    assert worker_command(7) == [str(python_slicer), "-m", "DiffusionCore.worker", "--parent", "7"]


def test_without_a_launcher_it_is_this_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert worker_command(7)[0] == sys.executable


def test_slicer_s_own_way_to_start_a_process_gives_it_no_input(host: Any) -> None:
    """Why the worker is a QProcess: nothing could be asked of it, and no end of its input could stop it."""
    import slicer
    from slicer_host.hand import wait_until

    codes: list[int] = []
    process = slicer.util.launchConsoleProcess(
        [sys.executable, "-c", ""], useStartupEnvironment=False, blocking=False, completedCallback=codes.append
    )
    assert process.stdin is None
    wait_until(lambda: codes, 60)
    assert codes == [0]


def test_the_package_is_found_whatever_python_path_was() -> None:
    assert worker_environment({})["PYTHONPATH"] == str(ROOT)
    assert worker_environment({"PYTHONPATH": "else"})["PYTHONPATH"] == f"{ROOT}{os.pathsep}else"
    assert worker_environment({})["PYTHONUTF8"] == "1"
    assert (ROOT / "DiffusionCore" / "worker" / "__main__.py").is_file()


def test_on_windows_the_tree_is_ended_by_taskkill_of_what_was_started() -> None:
    assert end_command(4711, "nt") == ["taskkill", "/PID", "4711", "/T", "/F"]
    assert end_command(4711, "posix") is None


@pytest.mark.skipif(os.name == "nt", reason="groups of POSIX")
def test_only_a_group_s_leader_is_ended_with_its_group() -> None:
    sleep: Any = [sys.executable, "-c", "import time; time.sleep(60)"]
    member = subprocess.Popen(sleep)
    leader = subprocess.Popen(sleep, start_new_session=True)
    try:
        end_group(member.pid)
        end_group(os.getpid() if os.getpgrp() == os.getpid() else member.pid)
        assert member.poll() is None
        end_group(leader.pid)
        assert leader.wait(30) == -9
        end_group(leader.pid)  # gone already
        assert is_alive(member.pid)
    finally:
        member.kill()
        leader.kill()
        member.wait()
        leader.wait()
