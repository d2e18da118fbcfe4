"""Many scans: one bad scan stops none of the others, and a run goes on where it was stopped."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from DiffusionCore.__main__ import main
from DiffusionCore.volume import read_volume, write_volume


@pytest.fixture
def study(tmp_path: Path, mr, ct) -> Path:
    """Three scans, one of them in a folder of its own, and one that is damaged."""
    folder = tmp_path / "study"
    (folder / "deep").mkdir(parents=True)
    write_volume(mr, folder / "a.nii.gz")
    (folder / "b.nii.gz").write_bytes((folder / "a.nii.gz").read_bytes()[:5000])
    write_volume(ct, folder / "deep" / "c.nrrd")
    write_volume(mr, folder / "d.mha")
    (folder / "notes.txt").write_text("not a scan")
    return folder


def table(out: Path) -> dict[str, dict[str, str]]:
    with (out / "report.csv").open(encoding="utf-8", newline="") as file:
        return {Path(row["input"]).name: row for row in csv.DictReader(file)}


def test_one_bad_scan_fails_and_the_others_are_done(installed, study, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["enhance", str(study), str(out), "--report", "report.json"]) == 1
    said = capsys.readouterr()
    assert said.err.splitlines()[-1] == f"diffusioncore: 1 of 4 scans failed; see {out / 'report.csv'}"
    rows = table(out)
    assert {name: row["status"] for name, row in rows.items()} == {
        "a.nii.gz": "done",
        "b.nii.gz": "failed",
        "c.nrrd": "done",
        "d.mha": "done",
    }
    assert "truncated" in rows["b.nii.gz"]["message"]
    assert "truncated" in said.out
    written = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert written == [
        *("a.nii.gz", "a_report.json", "d.mha", "d_report.json", "deep/c.nrrd", "deep/c_report.json", "report.csv")
    ]
    for scan in ("a.nii.gz", "deep/c.nrrd", "d.mha"):
        assert read_volume(out / scan).shape == read_volume(study / scan).shape


def test_seconds_of_one_scan_hold_none_of_another(installed, study, tmp_path):
    (study / "b.nii.gz").unlink()
    out = tmp_path / "out"
    main(["enhance", str(study), str(out), "--report", "r.json"])
    seconds = [json.loads(path.read_text())["provenance"]["seconds"] for path in sorted(out.rglob("*_r.json"))]
    totals = {name: float(row["seconds"]) for name, row in table(out).items()}
    for spent, total in zip(seconds, totals.values(), strict=True):
        assert sum(spent.values()) <= total + 0.1


def test_resume_does_what_is_missing_and_nothing_twice(installed, study, tmp_path, mr):
    out = tmp_path / "out"
    main(["enhance", str(study), str(out), "--report", "r.json"])
    first = {path.name: path.stat().st_mtime_ns for path in out.rglob("*") if path.name != "report.csv"}
    (out / "d_r.json").unlink()  # half of a result
    write_volume(mr, study / "b.nii.gz", overwrite=True)
    assert main(["enhance", str(study), str(out), "--report", "r.json", "--resume"]) == 0
    assert {name: row["status"] for name, row in table(out).items()} == {
        "a.nii.gz": "skipped",
        "b.nii.gz": "done",
        "c.nrrd": "skipped",
        "d.mha": "done",
    }
    assert (out / "d_r.json").is_file()
    untouched = ("a.nii.gz", "a_r.json", "c.nrrd", "c_r.json")
    now = {path.name: path.stat().st_mtime_ns for path in out.rglob("*") if path.name in untouched}
    assert now == {name: first[name] for name in untouched}


def test_without_resume_results_that_exist_are_not_replaced(installed, study, tmp_path):
    (study / "b.nii.gz").unlink()
    out = tmp_path / "out"
    assert main(["enhance", str(study), str(out)]) == 0
    assert main(["enhance", str(study), str(out)]) == 1
    assert {row["status"] for row in table(out).values()} == {"failed"}
    assert main(["enhance", str(study), str(out), "--overwrite"]) == 0


def test_results_within_the_input_folder_are_no_inputs(installed, study):
    (study / "b.nii.gz").unlink()
    out = study / "out"
    assert main(["enhance", str(study), str(out)]) == 0
    assert main(["enhance", str(study), str(out), "--resume"]) == 0
    assert len(table(out)) == 3


def test_what_is_wrong_for_all_is_said_once_with_its_own_code(installed, study, tmp_path, capsys):
    assert main(["enhance", str(study), str(tmp_path / "out"), "--model", "nobody"]) == 4
    assert main(["enhance", str(study), str(tmp_path / "out"), "--device", "cuda:97"]) == 6
    assert not (tmp_path / "out").exists()
    assert main(["enhance", str(study), str(tmp_path / "out.nii.gz")]) == 2
    assert "need a folder" in capsys.readouterr().err


def test_several_files_and_the_same_name_twice(installed, study, tmp_path, mr, capsys):
    other = tmp_path / "other"
    other.mkdir()
    write_volume(mr, other / "a.nii.gz")
    assert main(["enhance", str(study / "a.nii.gz"), str(study / "d.mha"), str(tmp_path / "out")]) == 0
    assert main(["enhance", str(study / "a.nii.gz"), str(other / "a.nii.gz"), str(tmp_path / "out2")]) == 2
    assert "same name" in capsys.readouterr().err


def test_a_folder_of_one_dicom_series_is_one_scan(installed, dicom, tmp_path):
    stored = dicom.phantom((12, 24, 20))
    dicom.series(tmp_path / "study" / "series", stored, dicom.lps_matrix((1.0, 1.0, 1.0)), "MR")
    assert main(["enhance", str(tmp_path / "study"), str(tmp_path / "out.nii.gz")]) == 0
    assert read_volume(tmp_path / "out.nii.gz").shape == (12, 24, 20)


def test_two_dicom_series_become_two_derived_series(installed, dicom, tmp_path):
    for name in ("one", "two"):
        stored = dicom.phantom((12, 24, 20))
        dicom.series(tmp_path / "study" / name, stored, dicom.lps_matrix((1.0, 1.0, 1.0)), "MR", uid=name)
    assert main(["enhance", str(tmp_path / "study"), str(tmp_path / "out")]) == 0
    assert read_volume(tmp_path / "out" / "one").shape == (12, 24, 20)
    assert len(list((tmp_path / "out" / "two").iterdir())) == 12


def test_folders_named_by_uids_and_the_directory_of_a_disc(installed, dicom, tmp_path):
    for name in ("1.2.840.113", "AX 2.5mm"):
        stored = dicom.phantom((12, 24, 20))
        dicom.series(tmp_path / "disc" / "IMAGES" / name, stored, dicom.lps_matrix((1.0, 1.0, 1.0)), "MR", uid=name)
    (tmp_path / "disc" / "DICOMDIR").write_bytes(bytes(128) + b"DICM")
    assert main(["enhance", str(tmp_path / "disc"), str(tmp_path / "out"), "--strength", "0"]) == 0
    assert set(table(tmp_path / "out")) == {"1.2.840.113", "AX 2.5mm"}
    for name in ("1_2_840_113", "AX 2_5mm"):
        assert read_volume(tmp_path / "out" / "IMAGES" / name).shape == (12, 24, 20)


def test_a_folder_of_older_dicom_files_without_a_preamble_is_a_scan(installed, dicom, tmp_path):
    stored = dicom.phantom((12, 24, 20))
    for path in dicom.series(tmp_path / "old", stored, dicom.lps_matrix((1.0, 1.0, 1.0)), "MR"):
        path.write_bytes(path.read_bytes()[132:])
    assert main(["enhance", str(tmp_path / "old"), str(tmp_path / "out.nii.gz"), "--strength", "0"]) == 0


def test_results_have_the_names_of_links_and_of_the_folder_that_one_stands_in(
    installed, dicom, mr_file, tmp_path, monkeypatch
):
    stored = dicom.phantom((12, 24, 20))
    dicom.series(tmp_path / "study" / "series", stored, dicom.lps_matrix((1.0, 1.0, 1.0)), "MR")
    (tmp_path / "study" / "link.nii.gz").symlink_to(mr_file)
    monkeypatch.chdir(tmp_path / "study" / "series")
    assert main(["enhance", ".", "../link.nii.gz", str(tmp_path / "out"), "--strength", "0"]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["link.nii.gz", "report.csv", "series"]


@pytest.mark.skipif(os.name == "nt", reason="needs permissions of POSIX")
def test_a_folder_that_may_not_be_looked_into_is_a_failed_scan(installed, study, tmp_path, monkeypatch):
    (study / "b.nii.gz").unlink()
    (study / "closed").mkdir()
    look, may = os.scandir, os.access

    def scandir(path):
        if not isinstance(path, int) and Path(path) == study / "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != study / "closed" and may(path, mode))
    assert main(["enhance", str(study), str(tmp_path / "out"), "--strength", "0"]) == 1
    rows = table(tmp_path / "out")
    assert [name for name, row in rows.items() if row["status"] == "failed"] == ["closed"]
    assert len(rows) == 4
    assert "check its permissions" in rows["closed"]["message"]


@pytest.mark.skipif(os.name == "nt", reason="needs pipes with names")
def test_a_pipe_in_the_folder_is_not_waited_for(installed, study, tmp_path):
    (study / "b.nii.gz").unlink()
    os.mkfifo(study / "pipe")
    assert main(["enhance", str(study), str(tmp_path / "out"), "--strength", "0"]) == 0


def test_an_empty_folder_is_no_finished_series(installed, dicom, tmp_path):
    for name in ("one", "two"):
        stored = dicom.phantom((12, 24, 20))
        dicom.series(tmp_path / "study" / name, stored, dicom.lps_matrix((1.0, 1.0, 1.0)), "MR", uid=name)
    (tmp_path / "out" / "one").mkdir(parents=True)
    assert main(["enhance", str(tmp_path / "study"), str(tmp_path / "out"), "--strength", "0", "--resume"]) == 0
    assert {row["status"] for row in table(tmp_path / "out").values()} == {"done"}


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_no_text_or_would_steer_a_terminal(installed, mr_file, tmp_path, capsys):
    study = tmp_path / "study"
    study.mkdir()
    for name in (b"caf\xe9.nii.gz", "größe 日本.nii.gz".encode(), b"red\x1b[31m\n.nii.gz"):
        shutil.copy(mr_file, os.fsencode(study) + b"/" + name)
    words = ["enhance", str(study), str(tmp_path / "out"), "--strength", "0", "--report", "r.json"]
    assert main(words) == 0
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert r"caf\udce9.nii.gz" in said.out and r"red\x1b[31m\n.nii.gz" in said.out and "größe 日本.nii.gz" in said.out
    assert {path.name for path in study.iterdir()} < {path.name for path in (tmp_path / "out").iterdir()}
    assert main([*words, "--resume", "--json"]) == 0
    sources = [row["source"] for row in json.loads(capsys.readouterr().out)]
    assert sorted(map(Path, sources)) == sorted(study.iterdir())
    assert len(table(tmp_path / "out")) == 3


def test_an_unexpected_error_in_one_scan_stops_none_of_the_others(installed, study, tmp_path, monkeypatch):
    from DiffusionCore.tasks import enhance as task

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    measure = task.measured_noise

    def stumble(volume):
        if volume.modality == "CT":
            raise ZeroDivisionError
        return measure(volume)

    monkeypatch.setattr(task, "measured_noise", stumble)
    (study / "b.nii.gz").unlink()
    assert main(["enhance", str(study), str(tmp_path / "out")]) == 1
    rows = table(tmp_path / "out")
    assert rows["c.nrrd"]["message"].startswith("unexpected error (ZeroDivisionError); details are in")
    assert rows["d.mha"]["status"] == "done"


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        ("enhance", ["--figure", "f.doc"]),
        ("enhance", ["--uncertainty", "u.nrrd"]),
        ("enhance", ["--uncertainty", "u", "--preset", "careful"]),
        ("enhance", ["--all-frames", "--html", "page.html"]),
        ("superres", ["--figure", "f.doc"]),
        ("superres", ["--mask", "brain.nii.gz"]),
    ],
)
def test_what_can_be_asked_of_no_scan_is_said_before_the_first(installed, study, tmp_path, command, asked):
    assert main([command, str(study), str(tmp_path / "out"), *asked]) == 2
    assert not (tmp_path / "out").exists()


def test_ctrl_c_keeps_what_is_done_and_says_so(installed, study, tmp_path, monkeypatch, capsys):
    from DiffusionCore.tasks import enhance as task

    measure = task.measured_noise

    def interrupt(volume):
        if volume.modality == "CT":
            signal.raise_signal(signal.SIGINT)
        return measure(volume)

    monkeypatch.setattr(task, "measured_noise", interrupt)
    (study / "b.nii.gz").unlink()
    out = tmp_path / "out"
    assert main(["enhance", str(study), str(out)]) == 130
    assert "cancelled; 2 of 3 scans were done" in capsys.readouterr().err
    assert sorted(path.name for path in out.rglob("*") if path.is_file()) == ["a.nii.gz", "d.mha", "report.csv"]


def test_all_volumes_of_a_4d_file(installed, mr, tmp_path, capsys):
    import nibabel

    frames = np.stack([mr.voxels.transpose(), mr.voxels.transpose()[::-1]], axis=-1)
    image = nibabel.Nifti1Image(frames, mr.ijk_to_ras)
    image.header["pixdim"][4] = 2.0
    image.header.set_xyzt_units("mm", "sec")
    nibabel.save(image, tmp_path / "series.nii.gz")
    out = tmp_path / "out.nii.gz"
    assert main(["enhance", str(tmp_path / "series.nii.gz"), str(out), "--all-frames", "--json"]) == 0
    reports = json.loads(capsys.readouterr().out)
    assert len(reports) == 2
    after = nibabel.load(out)
    assert after.shape == frames.shape
    assert after.header.get_zooms()[3] == 2.0
    for frame in (0, 1):
        alone = tmp_path / f"frame{frame}.nii.gz"
        assert main(["enhance", str(tmp_path / "series.nii.gz"), str(alone), "--frame", str(frame)]) == 0
        np.testing.assert_array_equal(read_volume(out, frame=frame).voxels, read_volume(alone).voxels)
