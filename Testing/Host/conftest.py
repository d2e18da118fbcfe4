"""The modules in a host of Slicer. It changes Qt's classes in place, so it runs in a process of its own: `make host-test`."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
NEEDED = {"slicer_core": "slicer-core", "PySide6.QtWidgets": "PySide6-Essentials"}
WITHOUT_WHEELS = ("test_host_extension.py",)


@cache
def _absent() -> str:
    """Why the host cannot run here; "" if it can."""
    for module, wheel in NEEDED.items():
        try:
            importlib.import_module(module)
        except ImportError as error:
            return f"the host of Slicer needs {wheel} (make .venv/host): {error}"
    return ""


def _alone(config: pytest.Config) -> bool:
    """Whether this folder is all that was asked for."""
    return all(HERE in (Path(str(one).split("::")[0]).resolve() / "x").parents for one in config.args)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave this folder out of a run of the whole suite."""
    return None if _alone(config) else True


class _Skipped(pytest.Module):
    def collect(self) -> Any:
        pytest.skip(_absent(), allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: Any) -> pytest.Module | None:
    """Without the wheels a file that needs them is skipped, with the reason."""
    if module_path.name in WITHOUT_WHEELS:
        return None
    if _absent():
        return _Skipped.from_parent(parent, path=module_path)
    if str(HERE) not in sys.path:
        sys.path[:0] = [str(HERE), str(HERE / "standins")]
    return None


@pytest.fixture(scope="session")
def application() -> Any:
    """The application, once in the process."""
    from slicer_host.start import start

    return start()


@pytest.fixture
def host(application: Any) -> Iterator[Any]:
    """A `Session`: an empty scene before the test, and no exception that escaped after it."""
    from slicer_host.session import Session

    session = Session(application)
    session.begin()
    yield session
    session.end()


@pytest.fixture
def python_slicer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """PythonSlicer stands on PATH, and spawns the interpreter."""
    from slicer_host.launcher import on_path

    with on_path(tmp_path_factory.mktemp("bin")) as launcher:
        yield launcher


@pytest.fixture(scope="session")
def classifier_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained classifiers, made once."""
    import classify_hand

    return classify_hand.make_models(tmp_path_factory.mktemp("classifiers"))


@pytest.fixture
def classifiers(classifier_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """classifiers(name): what lies in this folder of `classifier_folders` is all that is installed."""

    def install(name: str) -> None:
        monkeypatch.setattr("DiffusionCore.models.registry.bundled_folder", lambda: classifier_folders / "none")
        monkeypatch.setenv("DIFFUSIONCORE_MODELS", str(classifier_folders / name))

    return install


@pytest.fixture
def classify_worker(enhance_worker: Any) -> Any:
    """The application's worker, which both modules share."""
    return enhance_worker


@pytest.fixture
def enhance_worker(application: Any, host: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The application's worker, started by a launcher that spawns the interpreter; kept for the tests to come, idle."""
    import slicer
    from slicer_host import hand
    from slicer_host.launcher import on_path

    from DiffusionCore.slicerbridge.application_worker import application_worker

    with on_path(tmp_path_factory.getbasetemp()):
        worker = application_worker(slicer.app)
    yield worker
    worker.cancel()
    hand.wait_until(lambda: not worker.busy, 20, "the worker is idle")


@pytest.fixture(scope="session")
def task_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of added models: ×2 of MR along all axes, and images 8 × 8 from noise; as the core's tests make them."""
    from DiffusionCore.models import Range
    from DiffusionCore.models.card import ResolutionSpec

    spec = importlib.util.spec_from_file_location("core_models", HERE.parent / "Core" / "conftest.py")
    core = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(core)
    root = tmp_path_factory.mktemp("added")
    twice = ResolutionSpec(kind="kspace", axes=("all",), factor=Range(low=1.3, high=2.2), softening=1.0)
    core.untrained(root / "tiny-x2", "MR", task="super_resolve", resolution=twice)
    core.untrained_synthesis(root / "tiny-noise", size=(16, 16))
    return root


@pytest.fixture
def added(task_models: Path, enhance_worker: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The models are installed; a worker that was started before does not know of them, so it is ended."""
    enhance_worker.shutdown()
    from DiffusionCore.models import registry

    every = registry.list_models
    known = {"denoise-mr", "denoise-ct", "tiny-x2", "tiny-noise"}
    with monkeypatch.context() as patch:
        patch.setenv("DIFFUSIONCORE_MODELS", str(task_models))
        patch.setattr(registry, "list_models", lambda: [one for one in every() if one[0].name in known])
        yield
        enhance_worker.shutdown()


@pytest.fixture(scope="session", autouse=True)
def no_worker_is_left() -> Iterator[None]:
    """The application quits: its worker ends."""
    yield
    import slicer

    worker = slicer.app.property("DiffusionCoreWorker") if hasattr(slicer, "app") else None
    if worker is not None:
        worker.shutdown()
