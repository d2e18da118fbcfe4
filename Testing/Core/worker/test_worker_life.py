"""Cancel, end, crash of the parent, full memory, full disk: soon over, clearly said, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

posix = pytest.mark.skipif(os.name == "nt", reason="signals and groups of POSIX")

MANY = {"model": "tiny-mr", "steps": 40, "texture": 1.0, "threads": 1}

PATCHED = """
import sys
from DiffusionCore.worker.__main__ import main
{patch}
sys.exit(main(sys.argv[1:]))
"""


def until_denoising(worker) -> None:
    while not ((told := worker.next())["type"] == "progress" and told["stage"] == "denoise" and told["fraction"] > 0):
        assert told["type"] != "error", told


def gone(place) -> bool:
    """Whether the folder is empty now, or soon."""
    end = time.monotonic() + 30
    while list(place.iterdir()):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def test_a_cancelled_job_ends_at_the_next_layer_and_the_worker_works_on(start, large, mr):
    worker = start()
    worker.submit("enhance", large, "long", **MANY)
    until_denoising(worker)
    worker.say({"type": "submit", "id": "second", "task": "inspect"})
    assert "running already" in worker.answer("error")["message"]
    worker.say({"type": "cancel", "id": "other"})
    assert worker.answer("error")["id"] == "other"
    worker.say({"type": "cancel", "id": "long"})
    asked = time.monotonic()
    assert worker.answer("cancelling")["id"] == "long"
    found = worker.answer("error", "result")
    assert time.monotonic() - asked < 10
    assert (found["id"], found["class"], found["exit_code"]) == ("long", "Cancelled", 130)
    assert worker.files() == {"in-1.npy"}
    assert worker.result("inspect", mr, model="tiny-mr")["modality"] == "MR"


def test_a_cancel_is_answered_while_the_program_is_loading(start, mr):
    slow = "import builtins, time; from importlib import import_module\n"
    slow += "from DiffusionCore.worker import running\n"
    slow += "running.import_module = lambda name: [time.sleep(0.5), import_module(name)]"
    worker = start(code=PATCHED.format(patch=slow))
    for asker in ("first", "second"):
        worker.submit("inspect", mr, asker, model="tiny-mr")
        assert worker.answer("accepted")["id"] == asker
        if asker == "first":
            worker.say({"type": "cancel", "id": "first"})
            found = worker.answer("error")
            assert (found["id"], found["class"]) == ("first", "Cancelled")
    assert worker.answer("result", "error")["id"] == "second"
    finals = [told for told in worker.seen if told["type"] in ("result", "error")]
    assert [told["id"] for told in finals] == ["first", "second"]


def test_shutdown_answers_what_ran_and_leaves_nothing(start, large, tmp_path):
    worker = start()
    worker.submit("enhance", large, "long", **MANY)
    until_denoising(worker)
    worker.say({"type": "shutdown"})
    assert worker.answer("error")["class"] == "Cancelled"
    assert worker.answer("goodbye")
    assert worker.next() is None
    assert worker.ended() == 0
    assert list((tmp_path / "voxels").iterdir()) == []


def test_shutdown_is_answered_even_where_nothing_is_polled(start, mr):
    stuck = "import time; from DiffusionCore.worker import running\n"
    stuck += "running.import_module = lambda name: time.sleep(600)"
    worker = start(code=PATCHED.format(patch=stuck))
    worker.submit("enhance", mr, "long", model="tiny-mr")
    worker.answer("accepted")
    worker.say({"type": "shutdown"})
    found = worker.answer("error")
    assert (found["id"], found["class"]) == ("long", "Cancelled")
    assert worker.answer("goodbye")
    assert worker.next() is None
    assert worker.ended() == 0


def test_closing_its_input_ends_it_even_where_nothing_is_polled(start, mr, tmp_path):
    """While torch is being imported a job can neither be cancelled nor interrupted."""
    stuck = "import time; from DiffusionCore.worker import running\n"
    stuck += "running.import_module = lambda name: time.sleep(600)"
    worker = start(code=PATCHED.format(patch=stuck))
    worker.submit("enhance", mr, "long", model="tiny-mr")
    worker.answer("accepted")
    worker.process.stdin.close()
    assert worker.ended() == 0
    assert list((tmp_path / "voxels").iterdir()) == []


@posix
@pytest.mark.parametrize("kept", [False, True], ids=["input closed with it", "input kept open by another"])
def test_it_ends_when_its_parent_is_killed(tmp_path, kept):
    """The parent is killed outright; with a descendant that holds the pipe, only its number tells."""
    place = tmp_path / "voxels"
    place.mkdir()
    run = f"[sys.executable, '-m', 'DiffusionCore.worker', '--folder', {str(place)!r}, '--parent', str(os.getpid())]"
    parent = f"""
import os, subprocess, sys, time
worker = subprocess.Popen({run}, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
print(worker.stdout.readline().decode(), flush=True)
if {kept}:
    subprocess.Popen(['sleep', '60'], pass_fds=[worker.stdin.fileno()], stdout=subprocess.DEVNULL)
print('ready', flush=True)
time.sleep(600)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    hello = json.loads(process.stdout.readline())
    while process.stdout.readline().strip() != "ready":
        pass
    assert len(list(place.iterdir())) == 1
    process.kill()
    process.wait()
    assert gone(place), "the worker removes its folder when its parent is gone"
    end = time.monotonic() + 30
    while alive(hello["pid"]) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive(hello["pid"])
    os.killpg(process.pid, signal.SIGKILL) if kept else None
    process.stdout.close()


def alive(pid: int) -> bool:
    """Whether it runs; an orphan that ended may stay a zombie where nobody reaps it."""
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@posix
def test_it_is_a_group_of_its_own(start):
    worker = start()
    assert os.getpgid(worker.hello["pid"]) == worker.hello["pid"]
    assert worker.hello["pid"] == worker.process.pid


@posix
def test_what_a_killed_worker_left_the_next_one_removes(start, tmp_path):
    worker = start()
    left = worker.folder
    worker.process.kill()
    worker.ended()
    assert left.exists()
    again = start()
    assert not left.exists()
    assert [path.name for path in (tmp_path / "voxels").iterdir()] == [again.folder.name]


@posix
def test_sigterm_ends_it_in_order(start, tmp_path):
    worker = start()
    worker.process.terminate()
    assert worker.ended() == 0
    assert list((tmp_path / "voxels").iterdir()) == []


@posix
def test_a_full_disk_is_said_and_nothing_of_the_result_is_left(start, large):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6))"
    worker = start(code=PATCHED.format(patch=limit))
    worker.submit("enhance", large, "1", model="tiny-mr", strength=0.0)
    found = worker.answer("error", "result")
    assert (found["class"], found["exit_code"]) == ("OutputError", 5)
    assert "no space left" in found["message"]
    assert worker.files() == {"in-1.npy"}
    assert worker.result("estimate", large, model="tiny-mr")["network_passes"] == 1


@posix
def test_many_runs_leave_memory_files_and_handles_as_they_were(worker, mr):
    if sys.platform != "linux":
        pytest.skip("handles are counted in /proc")
    others = worker.files()

    def held() -> tuple[int, int]:
        pid = worker.hello["pid"]
        return len(os.listdir(f"/proc/{pid}/fd")), worker.answer("heartbeat")["memory_MiB"]  # noqa: PTH208

    def run(number: int) -> None:
        given = worker.put(mr)
        worker.submit("enhance", given, str(number), model="tiny-mr")
        if number % 3 == 0:
            worker.say({"type": "cancel", "id": str(number)})
        found = worker.answer("result", "error")
        while found["class" if found["type"] == "error" else "type"] == "UsageError":
            found = worker.answer("result", "error")
        outputs = [name for name in worker.files() - others if name.startswith("out")]
        worker.say({"type": "forget", "id": f"f{number}", "files": [given["file"], *outputs]})
        worker.answer("forgotten")
        assert worker.files() == others

    for number in range(1, 6):
        run(number)
    handles, memory = held()
    for number in range(6, 36):
        run(number)
    after = held()
    assert after[0] <= handles
    assert after[1] <= memory + 30
