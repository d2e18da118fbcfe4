"""`evaluate`: against a reference by its definition, beside the original without one."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest

from DiffusionCore.__main__ import main
from DiffusionCore.volume import Volume, write_volume
from DiffusionCore.volume.dicom_scan import list_series, scan_series


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


@pytest.mark.parametrize("turned", ["clean", "mask"])
def test_the_same_voxels_in_another_order_are_the_same_grid(pair, capsys, turned):
    """As where one program reads a DICOM series with its rows from the top, another from the bottom."""
    words = [pair / "off.nii.gz", "--reference", pair / "clean.nii.gz", "--mask", pair / "mask.nii.gz"]
    expected = figures(capsys, *words)
    found = nibabel.load(pair / f"{turned}.nii.gz")
    nibabel.save(found.as_reoriented([[1, -1], [0, 1], [2, 1]]), pair / "turned.nii.gz")
    words[2 if turned == "clean" else 4] = pair / "turned.nii.gz"
    assert figures(capsys, *words) == expected


def test_data_range_and_mask(pair, capsys):
    words = (pair / "off.nii.gz", "--reference", pair / "clean.nii.gz", "--mask", pair / "mask.nii.gz")
    found = figures(capsys, *words, "--data-range", 100)
    assert found["PSNR, dB"] == pytest.approx(20)
    assert (found["voxels"], found["measured in"]) == (125, "the given mask")


def test_one_volume_of_a_4d_scan_is_compared_with_its_3d_reference(pair, capsys):
    clean = nibabel.load(pair / "clean.nii.gz").get_fdata()
    both = np.stack([clean, clean + 20], axis=-1).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(both, np.eye(4)), pair / "times.nii.gz")
    found = figures(
        capsys, pair / "times.nii.gz", "--reference", pair / "clean.nii.gz", "--frame", 1, "--modality", "MR"
    )
    assert found["MAE, grey levels"] == pytest.approx(20)
    assert main(["evaluate", str(pair / "times.nii.gz"), "--reference", str(pair / "clean.nii.gz")]) == 3
    assert "--frame" in capsys.readouterr().err


def test_one_series_of_a_folder_that_holds_several_is_the_original(mr, tmp_path, capsys):
    (tmp_path / "study").mkdir()
    for number, offset in ((1, 0), (2, 7)):
        write_volume(mr.with_voxels(mr.voxels + offset), tmp_path / "study" / str(number))
    write_volume(mr, tmp_path / "scan")
    words = ("evaluate", tmp_path / "scan", "--reference", tmp_path / "study")
    assert main([str(word) for word in words]) == 3
    uids = [one.uid for one in list_series(tmp_path / "study")]
    errors = sorted(
        figures(capsys, *words[1:], "--series", uid, "--modality", "MR")["MAE, grey levels"] for uid in uids
    )
    assert errors == pytest.approx([0, 7], abs=0.5)


def test_headers_of_a_folder_are_read_once_and_its_only_series_and_volume_taken(mr, tmp_path, capsys, monkeypatch):
    write_volume(mr, tmp_path / "scan")
    looked_at = []

    def counted(path):
        looked_at.append(path)
        return scan_series(path)

    monkeypatch.setattr("DiffusionCore.volume.dicom_read.scan_series", counted)
    words = (tmp_path / "scan", "--reference", tmp_path / "scan", "--series", 7, "--frame", 2)
    assert figures(capsys, *words)["MAE, grey levels"] == 0
    assert len(looked_at) == 2  # once each


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


def test_a_ct_is_not_compared_with_an_mr_unless_both_are_said_to_be_one(mr_file, ct_file, capsys):
    words = ["evaluate", str(mr_file), "--reference", str(ct_file)]
    assert main(words) == 3
    assert "head.nii.gz is MR, and what it is compared with is CT" in capsys.readouterr().err
    assert main([*words, "--modality", "MR"]) == 0


def test_another_grid_is_an_input_error(pair, mr_file, capsys):
    assert main(["evaluate", str(pair / "off.nii.gz"), "--reference", str(mr_file)]) == 3
    assert "not on the scan's grid" in capsys.readouterr().err
