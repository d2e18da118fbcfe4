"""What is measured of the panel, each part in a process of its own: `python panel_parts.py PART OPTIONS`.

OPTIONS are the function's keywords as JSON; what it found is the last line of its output, as JSON. The modules run in the
test host (`Testing/Host`), driven as its tests drive them.
"""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
HOST = HERE.parent / "Host"
MODULES = ("DiffusionEnhance", "DiffusionClassify")
WARM = 0.2  # of the runs, before growth counts: caches fill
ALIVE = 0.5  # of the runs, after which no worker is killed: its own growth shows


@contextmanager
def session() -> Iterator[Any]:
    """The application with an empty scene, PythonSlicer on PATH."""
    sys.path[:0] = [str(HOST), str(HOST / "standins"), str(HERE.parents[1])]
    from slicer_host.launcher import on_path
    from slicer_host.session import Session
    from slicer_host.start import start

    made = Session(start())
    made.begin()
    with tempfile.TemporaryDirectory() as folder, on_path(Path(folder)):
        yield made
        worker = made.app.property("DiffusionCoreWorker")
        if worker is not None:
            worker.shutdown()
        made.end()


def opening(module: str) -> dict[str, Any]:
    """Seconds until a module is open for the first time (`setup` and `enter`) with a scan in the scene, and whether torch
    was imported."""
    with session() as host:
        import panel_hand

        panel_hand.sample()
        host.load_module(module)
        host.started()
        began = time.perf_counter()
        host.main_window.moduleSelector().selectModule(module)
        return {"seconds": time.perf_counter() - began, "torch": "torch" in sys.modules}


def panel_with(host: Any, volume: Any) -> Any:
    """The panel of DiffusionEnhance, ready to work on a `Volume`."""
    import panel_hand

    panel_hand.volume(volume.voxels, "Scan", volume.ijk_to_ras)
    panel = panel_hand.open_panel(host)
    panel_hand.ready(panel)
    return panel


def head(size: int) -> Any:
    """A noisy head of size³ voxels."""
    from DiffusionCore.benchmark.speed.input import noisy_head

    return noisy_head((size, size, size))


def runs(size: int, count: int) -> dict[str, Any]:
    """Of each run from the click to the result: the longest time without a turn of the event loop, the time until the
    core works, the time beyond the core's own. The first run starts the worker. Then previews of a slice, and the longest
    turn in which noise was measured."""
    with session() as host:
        import panel_hand
        from slicer_host import hand

        from DiffusionCore.slicerbridge.results import remove_result

        panel = panel_with(host, head(size))
        worker, found = panel.worker, {"gaps": [], "starts": [], "beyond": []}
        begun: list[float] = []
        worker.on_state_changed(lambda state: begun.append(time.perf_counter()) if state == "running" else None)
        for _ in range(count + 1):
            begun.clear()
            with hand.event_loop_gaps() as gaps:
                clicked = time.perf_counter()
                hand.click(panel.ui.applyButton)
                hand.wait_until(lambda: not panel.controls.busy, 3600, "the run ends")
                ended = time.perf_counter()
                hand.run_for(0.5)  # the result is shown in turns of its own
            if panel.controls.state != "finished":
                raise RuntimeError(panel.ui.stateLabel.text)
            found["gaps"].append(gaps.longest)
            found["starts"].append(begun[0] - clicked)
            found["beyond"].append(ended - clicked - worker.seconds)
            hand.click(panel.ui.formerLayoutButton)
            remove_result(panel.parameters.resultVolume)
            panel_hand.ready(panel)
        found["previews"] = previews(panel, count)
        return {**found, "noise_turn": panel.input.measurement.longest_turn}


def previews(panel: Any, count: int) -> list[float]:
    """Seconds from the end of the scrolling to the slice in view, at one place after another."""
    import slicer
    from slicer_host import hand

    slicer.util.setSliceViewerLayers(background=panel.parameters.inputVolume, fit=True)
    logic = slicer.app.layoutManager().sliceWidget("Red").sliceLogic()
    hand.set_value(panel.ui.previewCheckBox, True)
    seconds = []
    for _ in range(count):
        panel.preview.seconds = None
        logic.SetSliceOffset(logic.GetSliceOffset() + 3)
        hand.wait_until(lambda: panel.preview.seconds is not None, 600, "the preview is shown")
        seconds.append(panel.preview.seconds)
    hand.set_value(panel.ui.previewCheckBox, False)
    return seconds


def traffic(size: int, count: int) -> dict[str, Any]:
    """Seconds from a node of size³ int16 to the worker and back to a node, where the worker only copies it."""
    with session():
        import slicer
        from slicer_host import hand

        from DiffusionCore.slicerbridge.nodes import node_from_volume, volume_from_node
        from DiffusionCore.slicerbridge.worker_process import WorkerProcess
        from DiffusionCore.volume import Volume

        command = [sys.executable, str(HERE / "echo_worker.py"), "--parent", str(os.getpid())]
        worker = WorkerProcess(slicer.app, command=command)
        rows = np.arange(size**2, dtype=np.int16).reshape(1, size, size)
        source = node_from_volume(Volume(np.repeat(rows, size, axis=0), np.eye(4), "MR"), "Scan")
        seconds = []
        for _ in range(count + 1):  # the first starts the worker
            answers: list[Any] = []
            began = time.perf_counter()
            worker.submit(
                "inspect",
                {},
                {"volume": volume_from_node(source)},
                on_finished=answers.append,
                on_failed=lambda sentence, _details, answers=answers: answers.append(sentence),
            )
            hand.wait_until(lambda answers=answers: answers, 600, "the scan comes back")
            if isinstance(answers[0], str):
                raise RuntimeError(answers[0])
            node = node_from_volume(answers[0]["volume"], "Back")
            seconds.append(time.perf_counter() - began)
            slicer.mrmlScene.RemoveNode(node)
        worker.shutdown()
        return {"seconds": seconds[1:], "megabytes": size**3 * 2 / 2**20}


def cancels(size: int, count: int) -> dict[str, Any]:
    """Seconds from pressing Cancel until it is cancelled, at moments from the click itself to far into the run; and what
    was more afterwards than before: processes, handles, temporary files, nodes."""
    with session() as host:
        from slicer_host import hand
        from slicer_host.left import left

        panel = panel_with(host, head(size))
        hand.open_section(panel.ui.advancedSection)
        hand.click(panel.ui.naturalButton)
        hand.set_value(panel.ui.stepsSpinBox, 200)
        seconds, more = [], []
        before = None
        for number in range(count + 1):
            hand.click(panel.ui.applyButton)
            if number:
                hand.run_for(8 * ((number - 1) / count) ** 2)
            else:  # the first is the measure of what is there at rest: a worker, its input
                hand.wait_until(lambda: panel.controls.state == "running", 600, "the network works")
            asked = time.perf_counter()
            hand.click(panel.ui.applyButton)
            hand.wait_until(lambda: not panel.controls.busy, 60, "it is cancelled")
            if number:
                seconds.append(time.perf_counter() - asked)
            hand.run_for(2)
            now = astuple(left())[:4]
            before = before or now
            more.append([max(after - was, 0) for after, was in zip(now, before, strict=True)])
        return {"seconds": seconds, "more": np.max(more, axis=0).tolist()}


def soak(count: int) -> dict[str, Any]:
    """Runs in a row, every fourth cancelled, in the first half every tenth with its worker killed from outside; what this
    process held after each, and its worker after the last kill."""
    with session() as host:
        import panel_hand
        from slicer_host import hand
        from slicer_host.left import is_running, left, memory_of

        from DiffusionCore.slicerbridge.results import remove_result
        from DiffusionCore.volume import read_volume

        panel = panel_with(host, read_volume(panel_hand.SAMPLES / "MRHeadNoisy.nrrd"))
        moment, workers = random.Random(0), set()
        ends: dict[str, int] = {}
        rest, of_worker = [], []
        for number in range(1, count + 1):
            kill = number % 10 == 0 and number <= ALIVE * count
            hand.click(panel.ui.applyButton)
            if kill:
                hand.wait_until(lambda: panel.worker.state == "running", 600, "it runs")
                os.kill(panel.worker.pid, signal.SIGKILL)
            elif number % 4 == 0:
                hand.run_for(moment.uniform(0, 1.5))
                if panel.controls.busy:
                    hand.click(panel.ui.applyButton)
            hand.wait_until(lambda: not panel.controls.busy, 600, "the run ends")
            hand.run_for(0.1)
            state = panel.controls.state
            ends[state] = ends.get(state, 0) + 1
            if panel.worker.pid:
                workers.add(panel.worker.pid)
            if state == "finished":
                hand.click(panel.ui.formerLayoutButton)
                remove_result(panel.parameters.resultVolume)
                hand.turn()
                rest.append((number, *astuple(left())))
                if number > ALIVE * count:
                    of_worker.append((number, memory_of(panel.worker.pid)))
            print(f"\r{number} of {count} {state}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        here = panel.worker.pid
        return {
            "ends": ends,
            "growth": growth(np.array(rest), count).tolist(),
            "memory": [row[-1] for row in rest],
            "memory_a_run": slope([(row[0], row[-1]) for row in rest if row[0] > WARM * count]),
            "worker_a_run": slope(of_worker),
            "workers": len(workers),
            "workers_left": sum(is_running(pid) for pid in workers - {here}),
        }


def growth(rest: np.ndarray, count: int) -> np.ndarray:
    """Of handles, processes, files and nodes: the median of the last fifth of the runs over that of the first after the
    warm-up."""
    first = rest[(rest[:, 0] > WARM * count) & (rest[:, 0] <= 2 * WARM * count), 1:5]
    last = rest[rest[:, 0] > (1 - WARM) * count, 1:5]
    return np.median(last, axis=0) - np.median(first, axis=0)


def slope(points: list[tuple[int, float]]) -> float:
    """MiB a run: the median of all slopes between two runs (Theil and Sen), which single jumps don't move."""
    pairs = [(b[1] - a[1]) / (b[0] - a[0]) for n, a in enumerate(points) for b in points[n + 1 :]]
    return statistics.median(pairs) if pairs else float("nan")


PARTS = {"opening": opening, "runs": runs, "traffic": traffic, "cancels": cancels, "soak": soak}

if __name__ == "__main__":
    print(json.dumps(PARTS[sys.argv[1]](**json.loads(sys.argv[2]))))
