"""A `PythonSlicer` on PATH that spawns the interpreter as its child, as Slicer's does: killing it leaves its child running."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_launcher(folder: Path) -> Path:
    """Write the launcher into a folder and return its path."""
    path = folder / "PythonSlicer"
    path.write_text(f'#!/bin/sh\n"{sys.executable}" "$@"\nexit $?\n', encoding="utf-8")
    path.chmod(0o755)
    return path


@contextmanager
def on_path(folder: Path) -> Iterator[Path]:
    """The launcher stands first on PATH, and `sys.executable` names it, as inside Slicer."""
    path, executable, before = write_launcher(folder), sys.executable, os.environ["PATH"]
    os.environ["PATH"] = f"{folder}{os.pathsep}{before}"
    sys.executable = str(path)
    try:
        yield path
    finally:
        sys.executable = executable
        os.environ["PATH"] = before
