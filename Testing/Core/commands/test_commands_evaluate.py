"""`evaluate`: against a reference by its definition, beside the original without one."""

from __future__ import annotations

import json

import numpy as np
import pytest

from DiffusionCore.__main__ import main
from DiffusionCore.volume import Volume, write_volume


@pytest.fixture
def pair(tmp_path):
    """A flat reference of 1000 with a gap, and the same plus 10: an error of 10 everywhere, of a range of 1000."""
    clean = np.full((20, 20, 20), 1000.0, np.float32)
    clean[:, :, 0] = 0
    place = np.eye(4)
    write_volume(Volume(clean, place, "MR"), tmp_path / "clean.nii.gz")
    write_volume(Volume(clean + 10, place, "MR"), tmp_path / "off.nii.gz")
    mask = np.zeros(clean.shape, np.uint8)
    mask[5:10, 5:10, 5:10] = 1
    write_volume(Volume(mask, place, "LABEL"), tmp_path / "mask.nii.gz")
    return tmp_path


def figures(capsys: pytest.CaptureFixture[str], *words: object) -> dict:
    assert main(["evaluate", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)["figures"]


def test_psnr_of_an_error_of_a_hundredth_is_40_db(pair, capsys):
    found = figures(capsys, pair / "off.nii.gz", "--reference", pair / "clean.nii.gz")
    assert found["PSNR, dB"] == pytest.approx(40)
    assert found["MAE, grey levels"] == pytest.approx(10)
    assert found["RMSE, grey levels"] == pytest.approx(10)


def test_data_range_and_mask(pair, capsys):
    words = (pair / "off.nii.gz", "--reference", pair / "clean.nii.gz", "--mask", pair / "mask.nii.gz")
    found = figures(capsys, *words, "--data-range", 100)
    assert found["PSNR, dB"] == pytest.approx(20)
    assert (found["voxels"], found["measured in"]) == (125, "the given mask")


def test_without_a_reference_there_is_no_psnr(installed, mr_file, mr, tmp_path, capsys):
    smooth = mr.with_voxels((mr.voxels[:, :, ::-1].astype(np.float32) + mr.voxels) / 2)
    write_volume(smooth, tmp_path / "smooth.nii.gz")
    found = figures(capsys, tmp_path / "smooth.nii.gz", "--original", mr_file)
    assert found["noise after, grey levels"] < found["noise before, grey levels"]
    assert not any("PSNR" in name for name in found)
    assert main(["evaluate", str(tmp_path / "smooth.nii.gz"), "--original", str(mr_file)]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[0].split() == ["figure", "before", "after"]
    assert "no PSNR" in said.err


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--reference", "clean.nii.gz", "--original", "clean.nii.gz"],
        ["--original", "clean.nii.gz", "--mask", "mask.nii.gz"],
    ],
)
def test_one_of_reference_and_original_is_needed(pair, words, monkeypatch):
    monkeypatch.chdir(pair)
    assert main(["evaluate", "off.nii.gz", *words]) == 2


def test_another_grid_is_an_input_error(pair, mr_file, capsys):
    assert main(["evaluate", str(pair / "off.nii.gz"), "--reference", str(mr_file)]) == 3
    assert "not on the scan's grid" in capsys.readouterr().err
