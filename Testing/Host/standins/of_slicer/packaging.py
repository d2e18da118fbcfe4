"""Stand-in of `slicer.packaging` (5.12): what is installed is what a test says, and nothing is ever downloaded.

The questions and answers are those of Slicer: `pip_ensure` asks once, raises RuntimeError when the person declines and
CalledProcessError when the installation fails, and does nothing in testing mode unless `skip_in_testing=False`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer
from packaging.requirements import Requirement
from slicer_host.pip import record

__all__ = ["isPipInstallInProgress", "load_pyproject_dependencies", "load_requirements", "pip_check", "pip_ensure", "pip_install",
           "pip_uninstall"]  # fmt: skip


def load_requirements(path: str | Path) -> list[Requirement]:
    """Requirements of a file; comments and lines that begin with '-' are left out."""
    lines = (line.split(" #")[0].strip() for line in Path(path).read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


def load_pyproject_dependencies(path: str | Path) -> list[Requirement]:
    """`project.dependencies` of a pyproject.toml."""
    import tomllib

    return [
        Requirement(one) for one in tomllib.loads(Path(path).read_text(encoding="utf-8"))["project"]["dependencies"]
    ]


def _requirements(given: str | Requirement | list[str | Requirement]) -> list[Requirement]:
    parts = [given] if isinstance(given, Requirement) else given.split("\n") if isinstance(given, str) else given
    return [one if isinstance(one, Requirement) else Requirement(one) for one in parts if str(one).strip()]


def pip_check(req: str | Requirement | list[str | Requirement], _seen: Any = None) -> bool:
    """Whether all the requirements are satisfied."""
    return all(record().satisfied(one) for one in _requirements(req))


def isPipInstallInProgress() -> bool:
    """Whether a non-blocking installation runs."""
    return record().in_progress


def pip_ensure(
    requirements: str | Requirement | list[str | Requirement],
    constraints: str | Path | None = None,
    skip_packages: list[str] | None = None,
    prompt_install: bool = True,
    prompt_restart: bool = True,
    requester: str | None = None,
    skip_in_testing: bool = True,
    show_progress: bool = True,
) -> list[str] | None:
    """Install what is missing, after asking; the names of skipped packages, or None."""
    missing = [one for one in _requirements(requirements) if not record().satisfied(one)]
    if not missing or (skip_in_testing and slicer.app.testingEnabled()):
        return None
    if prompt_install:
        names = "\n".join(f"• {one}" for one in missing)
        if not slicer.util.confirmOkCancelDisplay(f"{requester or 'This module'} requires Python packages:\n\n{names}"):
            raise RuntimeError("User declined package installation")
    return pip_install([str(one) for one in missing], constraints, skip_packages=skip_packages, requester=requester)


def pip_install(
    requirements: str | list[str],
    constraints: str | Path | None = None,
    no_deps_requirements: str | list[str] | None = None,
    skip_packages: list[str] | None = None,
    blocking: bool = True,
    show_progress: bool = True,
    requester: str | None = None,
    parent: Any = None,
    logCallback: Callable[[str], None] | None = None,
    completedCallback: Callable[[int], None] | None = None,
) -> list[str] | None:
    """Install; CalledProcessError if pip fails. With blocking=False it returns at once and `completedCallback(code)` follows."""
    if not blocking and skip_packages:
        raise ValueError("skip_packages requires blocking=True")
    wanted = _requirements(requirements)

    def install() -> int:
        for one in wanted:
            if logCallback is not None:
                logCallback(f"Collecting {one}")
        return record().install(wanted, skip_packages or [])

    if blocking:
        code = install()
        if code:
            raise subprocess.CalledProcessError(code, ["pip", "install", *map(str, wanted)])
        return list(skip_packages) if skip_packages else None
    import qt

    record().in_progress = True

    def later() -> None:
        code = install()
        record().in_progress = False
        if completedCallback is not None:
            completedCallback(code)

    qt.QTimer.singleShot(0, later)
    return None


def pip_uninstall(requirements: str | list[str], blocking: bool = True, show_progress: bool = True, requester: str | None = None,
                  parent: Any = None, logCallback: Any = None, completedCallback: Any = None) -> None:  # fmt: skip
    """Uninstall."""
    record().uninstall(_requirements(requirements))
