"""A worker as another program has it: a process, its lines, its folder."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from DiffusionCore.volume import Volume

PATIENCE = 120.0  # seconds on a loaded machine


class WorkerProcess:
    """Starts a worker; `say` sends, `answer` waits for an answer of some type."""

    def __init__(self, folder: Path, *arguments: str, code: str = "", environment: dict[str, str]) -> None:
        run = ["-c", code] if code else ["-m", "DiffusionCore.worker"]
        self.process = subprocess.Popen(
            [sys.executable, *run, "--folder", str(folder), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        )
        self.lines: queue.Queue[bytes | None] = queue.Queue()
        self.log: list[str] = []
        self.seen: list[dict[str, Any]] = []
        threading.Thread(target=self._read, daemon=True).start()
        self.drain = threading.Thread(target=self._read_log, daemon=True)
        self.drain.start()
        self.hello = self.answer("hello")
        self.folder = Path(self.hello["folder"])
        self.count = 0

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def _read_log(self) -> None:
        for line in self.process.stderr:
            self.log.append(line.decode())

    def say(self, request: dict[str, Any] | bytes, **fields: Any) -> None:
        line = request if isinstance(request, bytes) else json.dumps({**request, **fields}).encode()
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def next(self, seconds: float = PATIENCE) -> dict[str, Any] | None:
        """The next answer, None at the end."""
        line = self.lines.get(timeout=seconds)
        if line is None:
            return None
        assert line.isascii()
        self.seen.append(json.loads(line))
        return self.seen[-1]

    def answer(self, *types: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """The next answer of one of these types; those before it are in `seen`."""
        end = time.monotonic() + seconds
        while (message := self.next(max(end - time.monotonic(), 0.01))) is not None:
            if message["type"] in types:
                return message
        raise AssertionError(f"the worker ended; its log: {''.join(self.log)}")

    def put(self, volume: Volume) -> dict[str, Any]:
        """The volume as a file of the private folder, and what names it."""
        self.count += 1
        name = f"in-{self.count}.npy"
        np.save(self.folder / name, volume.voxels)
        return {"file": name, "matrix": volume.ijk_to_ras.tolist(), "modality": volume.modality}

    def submit(self, task: str, volume: Volume | dict, asker: str = "1", **options: Any) -> None:
        given = self.put(volume) if isinstance(volume, Volume) else volume
        self.say({"type": "submit", "id": asker, "task": task, "options": options, "volumes": {"volume": given}})

    def result(self, task: str, volume: Volume | dict, asker: str = "1", **options: Any) -> dict[str, Any]:
        self.submit(task, volume, asker, **options)
        found = self.answer("result", "error")
        assert found["type"] == "result", found
        return found["values"]

    def array(self, volume: dict[str, Any]) -> np.ndarray:
        """The voxels of a volume in a result."""
        return np.load(self.folder / volume["volume"]["file"])

    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}

    def ended(self, seconds: float = PATIENCE) -> int:
        return self.process.wait(seconds)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.drain.join(5)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(OSError):
                stream.close()


@pytest.fixture(scope="session")
def large() -> Volume:
    """A noisy scan of 96³ voxels, which takes the untrained network a while in many steps."""
    rng = np.random.default_rng(0)
    voxels = rng.normal(500, 40, (96, 96, 96)).astype(np.int16)
    return Volume(voxels, np.diag([1.0, 1.0, 1.0, 1.0]), "MR")


@pytest.fixture
def start(tiny_models: Path, tmp_path: Path) -> Iterator[Callable[..., WorkerProcess]]:
    """start(*arguments, code="", environment={}) -> a worker whose folder lies in `tmp_path`/voxels."""
    begun: list[WorkerProcess] = []
    place = tmp_path / "voxels"
    place.mkdir()

    def begin(*arguments: str, code: str = "", environment: dict[str, str] | None = None) -> WorkerProcess:
        models = {"DIFFUSIONCORE_MODELS": str(tiny_models)}
        begun.append(WorkerProcess(place, *arguments, code=code, environment={**models, **(environment or {})}))
        return begun[-1]

    yield begin
    for worker in begun:
        worker.close()


@pytest.fixture(scope="session")
def make_worker(tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., WorkerProcess]]:
    """make_worker(code="") -> one for many tests: what one of them does must not matter to the next."""
    begun: list[tuple[WorkerProcess, Path]] = []

    def begin(code: str = "") -> WorkerProcess:
        place = tmp_path_factory.mktemp("voxels")
        begun.append((WorkerProcess(place, code=code, environment={"DIFFUSIONCORE_MODELS": str(tiny_models)}), place))
        return begun[-1][0]

    yield begin
    for process, place in begun:
        process.say({"type": "shutdown"})
        process.ended()
        process.close()
        assert list(place.iterdir()) == []


@pytest.fixture(scope="session")
def worker(make_worker: Callable[..., WorkerProcess]) -> WorkerProcess:
    return make_worker()
