"""`info`: what is installed; what a scan is, and what would be done to it, without doing it."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from DiffusionCore.__main__ import main
from DiffusionCore.volume import Volume, write_volume


def asked(capsys: pytest.CaptureFixture[str], *words: object) -> dict:
    assert main(["info", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_machine(installed, capsys):
    import torch

    found = asked(capsys)
    assert found["versions"]["torch"] == torch.__version__
    assert found["devices"][-1] == "cpu"
    assert isinstance(found["bfloat16"], bool)
    assert set(found["models"]) == {"tiny-ct", "tiny-flat", "tiny-mr"}


def test_a_scan(installed, mr_file, capsys):
    found = asked(capsys, mr_file)
    assert (found["format"], found["shape"], found["spacing_mm"]) == ("NIfTI", [28, 26, 24], [1.0, 1.2, 1.5])
    assert (found["orientation"], found["left_handed"]) == ("LAS", True)
    assert (found["modality"], found["stored_as"], found["volumes"]) == ("MR", "int16", 1)
    assert found["modality_reason"]
    assert found["noise"]["sigma"] == pytest.approx(40, rel=0.15)
    assert found["model"] == "tiny-mr 1"
    assert found["plan"]["cut"] == "the whole scan at once"
    assert found["plan"]["network_passes"] == 1
    assert found["problem"] is None


def test_passes_of_a_preset(installed, mr_file, capsys):
    """Eight samples of four steps share their first pass: 4 + 7 · 3."""
    assert asked(capsys, mr_file, "--preset", "careful")["plan"]["network_passes"] == 32


def test_less_memory_makes_a_stream_of_slices_and_too_little_is_told(installed, mr, tmp_path, capsys):
    long = Volume(np.tile(mr.voxels, (5, 1, 1)), mr.ijk_to_ras, "MR")
    path = write_volume(long, tmp_path / "long.nii.gz")
    assert asked(capsys, path, "--memory", "4M")["plan"]["cut"].startswith("8 slices at a time")
    assert asked(capsys, path, "--memory", "100K")["problem"]["exit_code"] == 6


def test_series_of_a_dicom_folder(installed, dicom, tmp_path, capsys):
    for number in (2, 3):
        stored = dicom.phantom((6, 14, 12))
        dicom.series(tmp_path / "study", stored, dicom.lps_matrix(), "CT", uid=str(number), number=number)
    found = asked(capsys, tmp_path / "study")
    assert [(one["number"], one["images"], one["modality"]) for one in found["series"]] == [(2, 6, "CT"), (3, 6, "CT")]
    assert "choose one with --series" in found["problem"]["error"]
    chosen = asked(capsys, tmp_path / "study", "--series", "3")
    assert chosen["shape"] == [12, 14, 6]
    assert "Müller" not in json.dumps(chosen, ensure_ascii=False)


def test_what_would_be_refused_is_told_and_check_fails_as_enhance_would(installed, mr_file, capsys):
    found = asked(capsys, mr_file, "--model", "tiny-ct")
    assert found["problem"] == {
        "error": "this scan is MR, the model 'tiny-ct' is for CT; --force to go on",
        "exit_code": 7,
    }
    assert found["modality"] == "MR"
    assert main(["info", str(mr_file), "--model", "tiny-ct", "--check"]) == 7
    assert "is for CT" in capsys.readouterr().err
    assert main(["info", str(mr_file), "--check"]) == 0


def test_what_cannot_be_read_is_an_error(installed, tmp_path, capsys):
    assert main(["info", str(tmp_path / "nothing.nii")]) == 3
    (tmp_path / "broken.nii").write_bytes(b"x" * 400)
    assert main(["info", str(tmp_path / "broken.nii")]) == 3


def test_a_scan_with_nan_is_described_as_far_as_it_goes(installed, mr, tmp_path, capsys):
    import nibabel

    voxels = mr.voxels.astype(np.float32).transpose()
    voxels[0, 0, 0] = np.nan
    nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), tmp_path / "nan.nii")
    found = asked(capsys, tmp_path / "nan.nii")
    assert found["shape"] == [28, 26, 24]
    assert "1 voxels are NaN" in found["problem"]["error"]
    assert main(["info", str(tmp_path / "nan.nii"), "--check"]) == 3


def test_check_verifies_the_models(installed, tmp_path, monkeypatch, capsys):
    assert main(["info", "--check"]) == 0
    shutil.copytree(installed / "tiny-mr", tmp_path / "own" / "tiny-mr")
    weights = tmp_path / "own" / "tiny-mr" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    monkeypatch.setenv("DIFFUSIONCORE_MODELS", str(tmp_path / "own"))
    assert main(["info", "--check"]) == 4
    monkeypatch.setenv("DIFFUSIONCORE_MODELS", str(tmp_path / "none"))
    assert main(["info", "--check"]) == 4
    assert "no model is installed" in capsys.readouterr().err


def test_nothing_is_written_or_changed(installed, mr, tmp_path):
    path = write_volume(mr, tmp_path / "head.nii")
    before = path.read_bytes()
    assert main(["info", str(path), "--check"]) == 0
    assert [p.name for p in tmp_path.iterdir()] == ["head.nii"]
    assert path.read_bytes() == before


def test_the_table_for_people(installed, mr_file, capsys):
    assert main(["info", str(mr_file)]) == 0
    rows = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    assert rows["shape"].strip() == "28, 26, 24"
    assert rows["modality"].strip() == "MR"
