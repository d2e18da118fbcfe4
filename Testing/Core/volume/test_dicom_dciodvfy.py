"""Derived series against the standard, by David Clunie's validator `dciodvfy` (Debian: dicom3tools)."""

from __future__ import annotations

import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from DiffusionCore.volume.dicom_derivation import DerivationRecord
from DiffusionCore.volume.dicom_read import read_dicom
from DiffusionCore.volume.dicom_write import write_dicom_series
from DiffusionCore.volume.volume import Volume

RECORD = DerivationRecord(
    "enhance", "noise reduced", model="denoise", version="1.2", weights_sha256="ab" * 32, parameters={"seed": 1}
)
pytestmark = pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (Debian: dicom3tools) is not here")


def allowed() -> list[str]:
    lines = Path(__file__).with_name("dciodvfy_allowed.txt").read_text(encoding="utf-8").splitlines()
    return [line.split(" # ")[0] for line in lines if line and not line.startswith("#")]


def messages(folder: Path) -> list[str]:
    found: list[str] = []
    for path in sorted(folder.iterdir()):
        run = subprocess.run(
            ["dciodvfy", "-new", str(path)], capture_output=True, text=True, errors="replace", check=False
        )
        found += [line for line in (run.stdout + run.stderr).splitlines() if line.startswith(("Error", "Warning"))]
    return found


@pytest.fixture(scope="module")
def written(dicom, tmp_path_factory) -> dict[str, Path]:
    """A derived series of every kind."""
    root = tmp_path_factory.mktemp("dciodvfy")
    volumes = {}
    grid, tilted = dicom.ras(dicom.lps_matrix()), dicom.lps_matrix(turn=dicom.rotation(5, 10, 15), tilt=8)
    for modality in ("CT", "MR"):
        dicom.series(root / modality, dicom.phantom((3, 6, 5)), tilted, modality=modality)
        dicom.enhanced(root / f"{modality}.dcm", [dicom.phantom((3, 6, 5))], tilted, modality=modality)
        classic = read_dicom(root / modality)
        volumes[f"{modality} classic"] = (classic, {})
        volumes[f"{modality} at a time"] = (classic, {"when": datetime(2026, 1, 2, 3, 4, 5)})
        volumes[f"{modality} private"] = (classic, {"keep_private": True})
        crop = Volume(classic.voxels[1:, :3], classic.ijk_to_ras, modality, classic.meta)
        volumes[f"{modality} crop"] = (crop, {})
        volumes[f"{modality} enhanced"] = (read_dicom(root / f"{modality}.dcm"), {})
        volumes[f"{modality} packaged"] = (read_dicom(get_testdata_file(f"{modality}_small.dcm", download=False)), {})
        volumes[f"{modality} anonymous"] = (Volume(dicom.phantom((2, 6, 5)), grid, modality), {})
        volumes[f"{modality} synthetic"] = (Volume(dicom.phantom((2, 6, 5)), grid, modality), {"synthetic": True})
    volumes["MR fractional"] = (Volume(0.37 * dicom.phantom((2, 6, 5)), grid, "MR"), {})
    volumes["MR narrow"] = (Volume(1e-5 * dicom.phantom((2, 6, 5)), grid, "MR"), {})
    for name, (volume, options) in volumes.items():
        write_dicom_series(volume, root / f"out {name}", derivation=RECORD, **options)
    return {name: root / f"out {name}" for name in volumes}


@pytest.fixture(scope="module")
def said(written) -> dict[str, list[str]]:
    """What dciodvfy says about each."""
    return {name: messages(folder) for name, folder in written.items()}


def test_nothing_is_said_that_is_not_justified(said):
    known = tuple(allowed())
    assert not [f"{name}: {line}" for name, lines in said.items() for line in lines if not line.startswith(known)]


def test_a_series_from_a_scanner_is_flawless(said):
    for name in ("CT classic", "MR classic", "CT enhanced", "MR enhanced", "CT crop", "MR crop"):
        assert said[name] == []


def test_every_justification_is_still_needed(said):
    lines = [line for found in said.values() for line in found]
    assert [known for known in allowed() if not any(line.startswith(known) for line in lines)] == []


@pytest.mark.skipif(shutil.which("dcentvfy") is None, reason="dcentvfy (Debian: dicom3tools) is not here")
def test_the_slices_of_a_series_agree_with_each_other(written):
    for folder in written.values():
        files = [str(path) for path in sorted(folder.iterdir())]
        run = subprocess.run(["dcentvfy", *files], capture_output=True, text=True, errors="replace", check=False)
        assert run.stdout + run.stderr == ""
