"""The client of the worker, in the application's event loop, with a launcher as Slicer has one."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from worker_hand import PLACE, ask, done, head, until

from DiffusionCore.errors import OutputError, UsageError
from DiffusionCore.volume import Volume


@pytest.fixture(scope="module")
def shared(application: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One worker for the tests of this file, started by a launcher; it begins anew where a test ended it."""
    import slicer
    from slicer_host.launcher import on_path

    from DiffusionCore.slicerbridge.worker_process import WorkerProcess

    with on_path(tmp_path_factory.mktemp("bin")):
        made = WorkerProcess(slicer.app)
    yield made
    folder = made._connection and made._connection.folder
    made.shutdown()
    assert folder is None or not folder.exists()


@pytest.fixture
def worker(host: Any, shared: Any) -> Iterator[Any]:
    yield shared
    shared.cancel()
    until(lambda: not shared.busy, "it is idle")
    shared._listeners.clear()


def test_a_scan_comes_back_on_its_grid_with_what_was_known_of_it(worker: Any) -> None:
    states: list[str] = []
    worker.on_state_changed(states.append)
    told = done(ask(worker, "enhance", head(), preset="quick", threads=1))
    assert told.failed is None
    after = told.values["volume"]
    assert after.voxels.shape == (28, 28, 28)
    assert after.voxels.dtype == np.int16
    assert not np.array_equal(after.voxels, head().voxels)
    np.testing.assert_array_equal(after.ijk_to_ras, PLACE)
    assert after.meta == {**head().meta, "enhanced": True}
    assert told.values["provenance"]["input"]["modality_reason"] == "told"
    assert {event.stage for event in told.progress} >= {"measure noise", "denoise", "figures"}
    assert states == ["starting", "running", "finished"]
    assert "Doe" not in "".join(worker.log)


def test_the_second_job_meets_the_same_process_and_sends_nothing_again(worker: Any) -> None:
    scan = head()
    done(ask(worker, "inspect", scan))
    pid, folder = worker.pid, worker._connection.folder
    kept = {path.name for path in folder.iterdir()}
    told = done(ask(worker, "preview", scan, region=[[10, 14], [0, 28], [0, 28]], threads=1))
    assert told.values["volume"].shape == (4, 28, 28)
    assert worker.pid == pid
    assert {path.name for path in folder.iterdir()} == kept, "the result's files are gone, the scan is kept"


def test_scans_that_nobody_has_any_more_are_dropped(worker: Any) -> None:
    for _ in range(3):
        done(ask(worker, "inspect", head()))
    folder = worker._connection.folder
    until(lambda: len(list(folder.iterdir())) <= 2, "the older scans are dropped")


def test_scans_of_a_job_that_goes_on_are_not_forgotten(worker: Any) -> None:
    """Another panel goes, or is reloaded, at the moment at which this job begins."""
    scan, other = head(), head()
    done(ask(worker, "inspect", scan))
    done(ask(worker, "inspect", other))
    folder = worker._connection.folder
    told = ask(worker, "inspect", scan)
    worker.forget_scans()
    assert done(told).failed is None
    worker.forget_scans()
    until(lambda: list(folder.glob("in-*")) == [], "no scan is left")


def test_cancel_acts_at_once_and_the_worker_works_on(worker: Any) -> None:
    told = ask(worker, "enhance", head(96), steps=40, texture=1.0, threads=1)
    until(lambda: any(event.stage == "denoise" and event.fraction > 0 for event in told.progress), "it denoises")
    started = time.monotonic()
    worker.cancel()
    assert worker.state == "cancelling"
    done(told)
    assert time.monotonic() - started < 5, "a loaded machine's second"
    assert (told.cancelled, told.values, worker.state) == (1, None, "cancelled")
    assert done(ask(worker, "inspect", head())).values["modality"] == "MR"


def test_cancel_while_it_starts(worker: Any) -> None:
    told = ask(worker, "inspect", head())
    worker.cancel()
    assert done(told).cancelled == 1
    assert done(ask(worker, "inspect", head())).values["suitable"] is True


def test_the_job_that_was_asked_for_last_waits_for_a_cancel(worker: Any) -> None:
    first = ask(worker, "enhance", head(96), steps=40, texture=1.0, threads=1)
    with pytest.raises(UsageError, match="a job is running"):
        ask(worker, "inspect", head())
    worker.cancel()
    second, third = ask(worker, "inspect", head()), ask(worker, "inspect", head())
    assert done(third).values is not None
    assert (first.cancelled, second.cancelled) == (1, 1)


def test_a_worker_that_is_killed_is_a_sentence_and_the_next_job_starts_another(worker: Any) -> None:
    told = ask(worker, "enhance", head(96), steps=40, texture=1.0, threads=1)
    until(lambda: worker.state == "running", "it runs")
    pid, folder = worker.pid, worker._connection.folder
    os.kill(pid, signal.SIGKILL)
    done(told)
    assert worker.state == "failed"
    assert "killed from outside, as a system does when memory runs out" in told.failed[0]
    until(lambda: not folder.exists(), "its folder is removed")
    assert done(ask(worker, "inspect", head())).values["modality"] == "MR"
    assert worker.pid != pid


def test_what_the_task_refuses_is_said_in_its_words(worker: Any) -> None:
    told = done(ask(worker, "enhance", Volume(head().voxels, PLACE, "OTHER")))
    assert "it could not be told whether this is CT or MR" in told.failed[0]
    assert worker.exit_code == 7
    assert worker.state == "failed"


def test_options_that_json_cannot_hold_and_requests_that_are_too_long(worker: Any) -> None:
    with pytest.raises(UsageError, match="what JSON can hold"):
        ask(worker, "inspect", head(), model=Path("denoise-mr"))
    assert not worker.busy
    told = done(ask(worker, "inspect", head(), model="x" * 2_000_000))
    assert "must not be longer than 1048576 bytes" in told.failed[0]


def test_a_disk_that_is_full_on_the_way_in(worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from DiffusionCore.slicerbridge import transfer

    def full(path: Path, array: np.ndarray) -> None:
        raise OutputError("no space left for 0 MiB of voxels")

    monkeypatch.setattr(transfer, "write_array", full)
    told = done(ask(worker, "inspect", head()))
    assert told.failed[0] == "no space left for 0 MiB of voxels"
    assert worker.exit_code == 5


def test_an_answer_of_another_form_is_a_sentence(tmp_path: Path) -> None:
    from DiffusionCore.slicerbridge.transfer import reading

    np.save(tmp_path / "out-1.npy", np.zeros((2, 2, 2)))
    found = reading(tmp_path, {"volume": {"volume": {"file": "out-1.npy"}}}, None)
    found.wait(10)
    assert str(found.problem) == "voxels could not be moved: KeyError"


def test_a_scan_that_was_sent_when_nobody_wanted_it_any_more_is_removed(tmp_path: Path) -> None:
    from DiffusionCore.slicerbridge.transfer import writing

    transfer = writing(tmp_path, {"in-1.npy": np.zeros((2, 3, 4))})
    transfer.wait(5)
    assert [path.name for path in tmp_path.iterdir()] == ["in-1.npy"]
    transfer.abandon()
    assert not any(tmp_path.iterdir())


def test_shutdown_leaves_no_process_and_no_folder(worker: Any) -> None:
    from slicer_host.left import is_running

    told = ask(worker, "enhance", head(96), steps=40, texture=1.0, threads=1)
    until(lambda: worker.state == "running", "it runs")
    pid, folder = worker.pid, worker._connection.folder
    worker.shutdown()
    assert told.cancelled == 1
    assert not is_running(pid)
    assert not folder.exists()
    assert done(ask(worker, "inspect", head())).values is not None


def test_the_application_owns_it(host: Any, python_slicer: Path) -> None:
    import slicer
    from slicer_host.left import is_running

    from DiffusionCore.slicerbridge.application_worker import application_worker

    worker = application_worker(slicer.app)
    assert application_worker(slicer.app) is worker
    done(ask(worker, "inspect", head()))
    pid = worker.pid
    slicer.app.aboutToQuit.emit()
    assert not is_running(pid)


def test_nothing_is_run_while_packages_are_missing(host: Any, python_slicer: Path) -> None:
    from DiffusionCore.slicerbridge.worker_process import WorkerProcess

    host.pip.missing = {"torch"}
    worker = WorkerProcess()
    assert worker.state == "not installed"
    told = done(ask(worker, "inspect", head()))
    assert told.failed[0] == "packages are missing: torch>=2.4"
    host.pip.reset()
    assert worker.look_for_packages() == []


def test_the_application_is_not_held_up_by_a_scan_of_256(worker: Any) -> None:
    """The main thread's own time from one turn of the event loop to the next, which other programs don't change."""
    import qt

    scan = Volume(np.tile(head(64).voxels, (4, 4, 4)), PLACE, "MR")
    done(ask(worker, "inspect", head()))
    spent, last = [0.0], [time.thread_time()]

    def tick() -> None:
        now = time.thread_time()
        spent.append(now - last[0])
        last[0] = now

    timer = qt.QTimer()
    timer.setInterval(5)
    timer.connect("timeout()", tick)
    timer.start()
    told = done(ask(worker, "enhance", scan, strength=0.0, sigma=40.0))
    timer.stop()
    np.testing.assert_array_equal(told.values["volume"].voxels, scan.voxels)
    assert max(spent) < 0.1


def test_many_jobs_leave_nothing_behind(worker: Any) -> None:
    from slicer_host.left import left

    scan = head()

    def run(number: int) -> None:
        told = ask(worker, "preview", scan, region=[[10, 12], [0, 28], [0, 28]], threads=1)
        if number % 3 == 0:
            worker.cancel()
        done(told)

    done(ask(worker, "inspect", scan))  # drops what other tests sent
    for number in range(1, 5):
        run(number)
    before = left()
    for number in range(5, 30):
        run(number)
    after = left()
    assert (after.handles, after.processes) <= (before.handles, before.processes)
    assert len(list(worker._connection.folder.iterdir())) <= 3


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at in /proc")
