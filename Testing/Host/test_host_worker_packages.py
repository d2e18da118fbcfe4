"""Packages: what is missing is listed in one question, and nothing is installed that Slicer itself was built with."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def ensure() -> list[str]:
    from DiffusionCore.slicerbridge.packages import ensure_packages

    return ensure_packages()


def missing() -> list[str]:
    from DiffusionCore.slicerbridge.packages import missing_packages

    return missing_packages()


@pytest.fixture
def buttons() -> Any:
    import qt

    return qt.QMessageBox


def test_with_everything_there_nobody_is_asked(host: Any) -> None:
    host.as_a_person()
    assert missing() == []
    assert ensure() == []
    assert host.dialogs.shown == []


def test_one_question_lists_all_and_torch_comes_from_its_extension(host: Any, buttons: Any) -> None:
    host.as_a_person()
    host.pip.missing = {"torch", "pydantic", "isal"}
    assert missing() == ["isal>=1.5", "pydantic>=2.5", "torch>=2.4"]
    host.dialogs.answer(buttons.Ok, saying="pydantic>=2.5")
    assert ensure() == ["isal>=1.5", "pydantic>=2.5", "torch>=2.4"]
    assert len(host.dialogs.shown) == 1
    assert all(name in host.dialogs.shown[0] for name in ("isal", "pydantic", "torch", "some hundred megabytes"))
    assert host.pip.installed == ["isal>=1.5", "pydantic>=2.5", "torch>=2.4"]
    assert {"SimpleITK", "numpy", "torch"} <= set(host.pip.skipped)
    assert missing() == []


def test_who_declines_gets_nothing(host: Any, buttons: Any) -> None:
    from DiffusionCore.slicerbridge.packages import NotInstalled

    host.as_a_person()
    host.pip.missing = {"torch"}
    host.dialogs.answer(buttons.Cancel)
    with pytest.raises(NotInstalled, match="nothing was installed"):
        ensure()
    assert host.pip.installed == []


def test_without_the_extension_pytorch_it_is_said_before_any_question(host: Any) -> None:
    from DiffusionCore.slicerbridge.packages import NotInstalled

    host.as_a_person()
    host.extensions(set())
    host.pip.missing = {"torch", "isal"}
    with pytest.raises(NotInstalled, match="the extension PyTorch is missing; install it in the Extensions Manager"):
        ensure()
    assert host.dialogs.shown == []


@pytest.mark.parametrize("package", ["isal", "torch"])
def test_an_installation_that_fails_is_a_sentence(host: Any, buttons: Any, package: str) -> None:
    from DiffusionCore.slicerbridge.packages import NotInstalled

    host.as_a_person()
    host.pip.missing, host.pip.fails_with = {package}, 1
    host.dialogs.answer(buttons.Ok)
    with pytest.raises(NotInstalled, match=r"could not (install|be installed).*the Python console says why"):
        ensure()


def test_in_testing_mode_nothing_is_installed(host: Any) -> None:
    from DiffusionCore.slicerbridge.packages import NotInstalled

    host.pip.missing = {"isal"}
    with pytest.raises(NotInstalled, match="nothing was installed"):
        ensure()
    assert host.pip.installed == []


def test_what_is_still_missing_afterwards_is_said(host: Any, buttons: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from DiffusionCore.slicerbridge.packages import NotInstalled

    host.as_a_person()
    host.pip.missing = {"isal"}
    monkeypatch.setattr(type(host.pip), "install", lambda *_: 0)
    host.dialogs.answer(buttons.Ok)
    with pytest.raises(NotInstalled, match=r"isal>=1\.5 could not be installed; restart Slicer"):
        ensure()


def test_before_slicer_5_12(host: Any, buttons: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from slicer import util

    from DiffusionCore.slicerbridge.packages import NotInstalled

    host.as_a_person()
    asked: list[Any] = []
    monkeypatch.setitem(sys.modules, "slicer.packaging", None)
    monkeypatch.setattr("DiffusionCore.slicerbridge.packages.LIGHT", ("no-such-package>=1", "pydantic>=2.5"))
    monkeypatch.setattr(util, "pip_install", asked.append, raising=False)
    assert missing() == ["no-such-package>=1"]
    host.dialogs.answer(buttons.Ok)
    with pytest.raises(NotInstalled, match="restart Slicer"):
        ensure()
    assert asked == [["no-such-package>=1"]]


def test_importing_it_asks_and_imports_nothing(host: Any) -> None:
    source = (ROOT / "DiffusionCore/slicerbridge/packages.py").read_text(encoding="utf-8")
    assert not re.search(r"^(import|from) (slicer|PyTorchUtils|torch|pydantic)", source, re.MULTILINE)


def test_the_bounds_are_those_of_the_package(host: Any) -> None:
    import tomllib

    from DiffusionCore.slicerbridge.packages import LIGHT, TORCH

    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    assert {*LIGHT, TORCH} <= set(declared)
    listed = ROOT / "DiffusionEnhance/Resources/requirements.txt"
    if listed.is_file():
        assert listed.read_text(encoding="utf-8").split() == list(LIGHT)


def test_what_slicer_runs_imports_nothing_that_is_neither_slicers_nor_asked_for(host: Any) -> None:
    from DiffusionCore.slicerbridge.packages import LIGHT, TORCH

    of_slicer = {
        "numpy",
        "scipy",
        "SimpleITK",
        "pydicom",
        "PIL",
        "packaging",
        "highdicom",
        "slicer",
        "vtk",
        "qt",
        "ctk",
    }
    asked = {re.split(r"[<>=]", one)[0] for one in (*LIGHT, TORCH)} | {"yaml", "PyTorchUtils", "DiffusionCore"}
    rooms = ("benchmark", "commands", "training")
    alone = (
        "metrics/distribution.py",
        "metrics/embedding.py",
        "progress.py",  # its bar is for terminals
        "report/movie.py",
    )  # for benchmarks and the command line
    core = ROOT / "DiffusionCore"
    for path in core.rglob("*.py"):
        place = path.relative_to(core)
        if place.parts[0] in rooms or place.as_posix() in alone:
            continue
        for part in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [one.name for one in part.names] if isinstance(part, ast.Import) else []
            if isinstance(part, ast.ImportFrom) and part.level == 0:
                names = [part.module]
            used = {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names)
            assert used <= of_slicer | asked, f"{place}: {used - of_slicer - asked}"
