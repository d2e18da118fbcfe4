"""The room costs nothing to enter: libraries are loaded when a file needs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", ["", ".files", ".geometry", ".intensity", ".header", ".nifti", ".nrrd", ".metaimage"])
def test_importing_the_room_loads_no_heavy_library(name: str) -> None:
    code = f"import sys, DiffusionCore.volume{name}; print(*sorted(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    heavy = {"torch", "scipy", "skimage", "SimpleITK", "nibabel", "pydicom", "matplotlib", "isal"}
    assert heavy.isdisjoint(done.stdout.split())
