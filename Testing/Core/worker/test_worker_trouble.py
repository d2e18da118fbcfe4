"""A task that hangs, prints, fails or runs out of memory: said in a sentence, and the worker works on."""

from __future__ import annotations

import time

import numpy as np
import pytest

# A worker in which measuring the noise goes wrong as the scan's first voxel says.
TROUBLED = """
import os, sys, time
from DiffusionCore.inference import run
from DiffusionCore.tasks import enhance
from DiffusionCore.worker.__main__ import main

def hang():
    for _ in range(10**5):
        time.sleep(0.01)

def chatter():
    print("chatter")
    os.write(1, b"from C")
    os.system("echo from a child")
    assert sys.stdin.read() == ""

def fail():
    raise KeyError("Doe^John")

def fill():
    raise MemoryError

def fill_device():
    def first_time_full(*given, **more):
        vars(run).update(ways)
        raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")

    vars(run).update(dict.fromkeys(ways, first_time_full))

def keep_device_full():
    def full(*given, **more):
        raise RuntimeError("CUDA out of memory")

    vars(run).update(dict.fromkeys(ways, full))

ways = {name: way for name, way in vars(run).items() if name.startswith("apply_")}
measure = enhance.measured_noise
trouble = [lambda: None, hang, chatter, fail, fill, fill_device, keep_device_full]

def measured_noise(volume):
    vars(run).update(ways)
    trouble[int(volume.voxels.flat[0])]()
    return measure(volume)

enhance.measured_noise = measured_noise
sys.exit(main(sys.argv[1:]))
"""
NONE, HANG, CHATTER, FAIL, FILL, FILL_DEVICE, KEEP_DEVICE_FULL = range(7)


@pytest.fixture(scope="module")
def troubled(make_worker):
    return make_worker(code=TROUBLED)


@pytest.fixture
def ask(troubled, large):
    """ask(trouble) begins a job that meets it; afterwards the worker must be as good as before."""

    def begin(trouble: int) -> None:
        voxels = large.voxels[:64].copy()
        voxels[0, 0, 0] = trouble
        troubled.submit("enhance", large.__class__(voxels, large.ijk_to_ras, "MR"), str(trouble), model="tiny-mr")

    yield begin
    troubled.submit("estimate", large, "after", model="tiny-mr", seconds_per_voxel=1e-6)
    assert troubled.answer("result")["id"] == "after"


def test_a_job_that_does_not_report_is_interrupted(troubled, ask):
    ask(HANG)
    while troubled.next().get("stage") != "measure noise":
        pass
    troubled.say({"type": "cancel", "id": str(HANG)})
    assert troubled.answer("error", seconds=60)["class"] == "Cancelled"


def test_what_libraries_print_goes_to_the_log_and_they_read_nothing(troubled, ask):
    ask(CHATTER)
    assert troubled.answer("result", "error")["type"] == "result"
    end = time.monotonic() + 30
    while not all(word in "".join(troubled.log) for word in ("chatter", "from C", "from a child")):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_what_nobody_expected_is_said_without_values(troubled, ask):
    ask(FAIL)
    found = troubled.answer("error", "result")
    assert (found["class"], found["exit_code"]) == ("Unexpected", 70)
    assert "in fail" in found["details"]
    assert "Doe" not in "".join(troubled.log) + str(troubled.seen)


def test_main_memory_that_runs_out_is_an_error_of_the_device(troubled, ask):
    ask(FILL)
    found = troubled.answer("error", "result")
    assert (found["class"], found["exit_code"]) == ("DeviceError", 6)


def test_a_device_s_memory_that_runs_out_is_said_and_less_is_taken(troubled, ask):
    before = len(troubled.seen)
    ask(FILL_DEVICE)
    values = troubled.answer("result", "error")["values"]
    notices = [message["message"] for message in troubled.seen[before:] if message["type"] == "notice"]
    assert any("ran out of memory; going on with" in notice for notice in notices), notices
    assert any("ran out of memory" in warning for warning in values["warnings"])
    assert np.isfinite(troubled.array(values["volume"])).all()


def test_a_device_s_memory_that_stays_full_is_an_error(troubled, ask):
    ask(KEEP_DEVICE_FULL)
    found = troubled.answer("error", "result")
    assert (found["class"], found["exit_code"]) == ("DeviceError", 6)
    assert "ran out of memory even with" in found["message"]
