"""`diffusioncore classify`: what is written, what is said, exit codes, bad input; several scans; DICOM segmentations."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from DiffusionCore.__main__ import main
from DiffusionCore.report.markups import read_markups
from DiffusionCore.volume import Volume, read_volume, write_volume

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@pytest.fixture
def mask(tmp_path) -> Path:
    k, j, i = np.indices((40, 44, 48)) - 20
    inside = (np.abs(k) < 8) & (np.abs(i - 0.6 * j) < 4) & (np.abs(j) < 12)
    return write_volume(Volume(inside.astype(np.uint8), LPS, "LABEL"), tmp_path / "gland_mask.nii.gz")


@pytest.fixture
def model(tiny_classifiers) -> str:
    return str(tiny_classifiers["labelmap"])


def run(*words: object) -> int:
    return main(["classify", *map(str, words)])


def test_everything_that_was_asked_for_is_written(mask, model, tmp_path, capsys):
    out = {n: tmp_path / n for n in ("s.nii.gz", "r.mrk.json", "a.json", "a.csv", "a.png")}
    names = zip(("--saliency", "--regions", "--report", "--csv", "--figure"), out.values(), strict=True)
    before = mask.read_bytes()
    assert run(mask, "--model", model, *(word for pair in names for word in pair)) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[1].split() == ["class", "probability", "5", "%", "of", "samples", "95", "%"]
    assert all(f"written: {path}" in said.err for path in out.values())
    assert mask.read_bytes() == before
    scan, saliency = read_volume(mask), read_volume(out["s.nii.gz"], modality="OTHER")
    assert saliency.shape == scan.shape
    np.testing.assert_allclose(saliency.ijk_to_ras, scan.ijk_to_ras, atol=1e-5)
    assert len(read_markups(out["r.mrk.json"])) == 5
    report = json.loads(out["a.json"].read_text())
    assert set(report["probabilities"]) == {"normal", "mass"}
    assert report["provenance"]["model"]["sha256"]
    assert "Not for clinical use" in report["notice"]
    assert str(tmp_path) not in out["a.json"].read_text()
    (row,) = csv.DictReader(out["a.csv"].open())
    assert row["scan"] == "gland_mask.nii.gz"
    assert float(row["normal"]) + float(row["mass"]) == pytest.approx(1, abs=1e-4)
    assert out["a.png"].read_bytes().startswith(b"\x89PNG")


def test_a_contour_says_whether_the_model_looked_there(mask, model, tmp_path, capsys):
    assert run(mask, "--model", model, "--json") == 0
    first = json.loads(capsys.readouterr().out)["regions"][0]["centre_ras_mm"]
    scan = read_volume(mask)
    i, j, k = np.rint(np.linalg.inv(scan.ijk_to_ras) @ [*first, 1])[:3].astype(int)
    voxels = np.zeros(scan.shape, np.uint8)
    voxels[max(k, 0) : k + 2, max(j, 0) : j + 2, max(i, 0) : i + 2] = 1
    for name, drawn, words in (("there", voxels, "meets"), ("elsewhere", np.zeros_like(voxels), "misses")):
        if name == "elsewhere":
            far = np.array(scan.shape) * (np.array([k, j, i]) < np.array(scan.shape) / 2) - 1
            drawn[tuple(np.maximum(far, 0))] = 1
        path = write_volume(Volume(drawn, scan.ijk_to_ras, "LABEL"), tmp_path / f"{name}_mask.nii.gz")
        assert run(mask, "--model", model, "--contour", path) == 0
        assert f"the first region {words} the contour" in capsys.readouterr().out


def test_json_for_machines(mask, model, capsys):
    assert run(mask, "--model", model, "--json", "--samples", 3) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["provenance"]["sampling"]["samples"] == 3


def test_several_scans_go_on_after_a_bad_one(mask, model, tmp_path, capsys):
    bad = tmp_path / "bad.nii.gz"
    bad.write_bytes(b"")
    table = tmp_path / "all.csv"
    assert run(mask, bad, mask, "--model", model, "--csv", table, "--quiet") == 1
    rows = list(csv.DictReader(table.open()))
    assert [row["scan"] for row in rows] == ["gland_mask.nii.gz", "bad.nii.gz", "gland_mask.nii.gz"]
    assert rows[1]["answer"] == ""
    assert "0 bytes" in rows[1]["note"]
    assert rows[0]["mass"] == rows[2]["mass"]
    assert "1 of 3 scans failed" in capsys.readouterr().err


def test_a_table_of_scans_that_two_models_took_keeps_its_columns(mask, tiny_classifiers, tmp_path, monkeypatch):
    monkeypatch.setattr("DiffusionCore.models.registry.bundled_folder", lambda: tmp_path / "none")
    monkeypatch.setenv("DIFFUSIONCORE_MODELS", str(tiny_classifiers["labelmap"].parent))
    values = np.random.default_rng(0).normal(300, 40, (16, 16, 16)).astype(np.float32)
    cube = write_volume(Volume(values, LPS * [2, 2, 2, 1], "MR"), tmp_path / "t1.nii.gz")
    assert run(mask, cube, "--csv", tmp_path / "all.csv", "--quiet") == 0
    outline, grey = csv.DictReader((tmp_path / "all.csv").open())
    assert outline["tumour"] == grey["mass"] == outline["note"] == grey["note"] == ""
    assert float(outline["normal"]) + float(outline["mass"]) == pytest.approx(1, abs=1e-4)
    assert float(grey["other tissue"]) + float(grey["tumour"]) == pytest.approx(1, abs=1e-4)


@pytest.fixture
def wary(make_classifier, tmp_path) -> str:
    """A model that knows one thin shape, which nothing is like."""
    from DiffusionCore.metrics.simple_features import SHAPE_FEATURES
    from DiffusionCore.models import ClassifySpec, FamiliarSpec

    count = len(SHAPE_FEATURES)
    familiar = FamiliarSpec(
        names=list(SHAPE_FEATURES), mean=[0.0] * count, whitening=np.eye(count).tolist(), limit=0.1, false_alarms=0.01
    )
    spec = ClassifySpec(
        classes=["normal", "mass"], size=(28, 28, 28), spacing_mm=63 / 27, steps=2, samples=2, familiar=familiar
    )
    return str(make_classifier(tmp_path / "wary", "labelmap", classify=spec))


def test_without_an_answer_the_exit_code_is_7_and_the_report_says_why(mask, wary, tmp_path, capsys):
    report, saliency, figure = tmp_path / "a.json", tmp_path / "s.nii.gz", tmp_path / "a.png"
    assert run(mask, "--model", wary, "--report", report, "--saliency", saliency, "--figure", figure) == 7
    said = capsys.readouterr()
    assert said.out == ""
    assert "no answer" in said.err
    assert "--force to answer all the same" in said.err
    assert "unlike what 'wary' was trained on" in json.loads(report.read_text())["abstained"]
    assert not saliency.exists()
    assert figure.exists()  # it shows the reason
    assert run(mask, "--model", wary, "--force", "--saliency", saliency) == 0
    assert saliency.exists()


def test_the_only_fitting_model_is_taken(mask, tiny_classifiers, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("DiffusionCore.models.registry.bundled_folder", lambda: tmp_path / "none")
    monkeypatch.setenv("DIFFUSIONCORE_MODELS", str(tiny_classifiers["labelmap"].parent))
    assert run(mask, "--quiet") == 0
    assert "tiny-labelmap" in capsys.readouterr().out


def test_dicom_segmentations_of_a_dicom_scan(dicom, tiny_classifiers, tmp_path):
    hd = pytest.importorskip("highdicom")
    rng = np.random.default_rng(0)
    k, j, i = np.indices((40, 44, 48)) - 20
    values = 300 + 150 * (k**2 + j**2 + i**2 < 100) + rng.normal(0, 20, k.shape)
    dicom.series(tmp_path / "scan", values.astype(np.int16), dicom.lps_matrix(spacing=(1.0, 1.0, 1.0)), "MR")
    out = tmp_path / "seg"
    place = ("--roi", "20:28,18:26,16:24")
    assert run(tmp_path / "scan", "--model", tiny_classifiers["volume"], *place, "--segmentation", out, "--quiet") == 0
    assert sorted(path.name for path in out.iterdir()) == ["regions.dcm", "saliency.dcm"]
    assert hd.seg.segread(out / "regions.dcm").number_of_segments == 5


def test_a_search_says_where_and_that_it_is_unvalidated(mr, tiny_classifiers, tmp_path, capsys):
    scan = write_volume(Volume(np.tile(mr.voxels, (2, 2, 2)), mr.ijk_to_ras, "MR"), tmp_path / "t1.nii.gz")
    out = tmp_path / "map.nii.gz"
    assert run(scan, "--model", tiny_classifiers["volume"], "--map", out, "--figure", tmp_path / "m.png") == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[0].split()[:2] == ["place", "what"]
    assert "unvalidated" in said.err
    assert read_volume(out, modality="OTHER").shape == (48, 52, 56)


OK, USAGE, INPUT, MODEL, OUTPUT, REFUSED = 0, 2, 3, 4, 5, 7


def grey(folder: Path, **_: object) -> list[object]:
    voxels = np.random.default_rng(0).normal(300, 40, (20, 20, 20)).astype(np.float32)
    return [write_volume(Volume(voxels, LPS, "MR"), folder / "t1.nii.gz")]


def constant(folder: Path, **_: object) -> list[object]:
    return [write_volume(Volume(np.ones((9, 9, 9), np.uint8), LPS, "LABEL"), folder / "all_mask.nii.gz")]


def not_a_number(folder: Path, tiny: dict[str, Path], **_: object) -> list[object]:
    from nibabel import Nifti1Image, save

    voxels = np.random.default_rng(0).normal(300, 40, (20, 20, 20)).astype(np.float32)
    voxels[3, 3, 3] = np.nan
    save(Nifti1Image(voxels, LPS), folder / "t1.nii.gz")
    return [folder / "t1.nii.gz", "--model", tiny["volume"]]


def smaller_than_the_field(folder: Path, tiny: dict[str, Path], **_: object) -> list[object]:
    voxels = np.random.default_rng(0).normal(300, 40, (8, 8, 8)).astype(np.float32)
    return [write_volume(Volume(voxels, LPS, "MR"), folder / "t1.nii.gz"), "--model", tiny["volume"]]


def mask_for_a_grey_model(mask: Path, tiny: dict[str, Path], **_: object) -> list[object]:
    return [mask, "--model", tiny["volume"]]


def model_for_another_task(mask: Path, enhancer: Path, **_: object) -> list[object]:
    return [mask, "--model", enhancer]


def two_results_at_one_place(mask: Path, folder: Path, **_: object) -> list[object]:
    return [mask, "--report", folder / "a", "--csv", folder / "a"]


def result_on_the_input(mask: Path, **_: object) -> list[object]:
    return [mask, "--saliency", mask, "--overwrite"]


def existing_result(mask: Path, folder: Path, **_: object) -> list[object]:
    (folder / "a.json").write_text("mine")
    return [mask, "--report", folder / "a.json"]


CASES = {
    "a grey scan for a label-map model": (grey, REFUSED, "takes a label map"),
    "a label map for a grey model": (mask_for_a_grey_model, REFUSED, "takes the grey values"),
    "a constant volume": (constant, INPUT, "same value"),
    "NaN": (not_a_number, INPUT, "NaN"),
    "a volume smaller than the field": (smaller_than_the_field, INPUT, "smaller than the field"),
    "a missing file": (lambda folder, **_: [folder / "none.nii.gz"], INPUT, "no such file"),
    "a missing model": (lambda mask, **_: [mask, "--model", "none-such"], MODEL, "no model 'none-such'"),
    "a model for another task": (model_for_another_task, MODEL, "doesn't classify"),
    "a place outside the scan": (lambda mask, **_: [mask, "--roi", "90:95,0:5,0:5"], USAGE, "takes nothing"),
    "a place that is none": (lambda mask, **_: [mask, "--roi", "here"], USAGE, "--roi"),
    "no samples": (lambda mask, **_: [mask, "--samples", "0"], USAGE, "1 to 1000"),
    "SEG of what is no DICOM": (lambda mask, folder, **_: [mask, "--segmentation", folder / "s"], USAGE, "is none"),
    "markups by another ending": (lambda mask, folder, **_: [mask, "--regions", folder / "r.json"], USAGE, "mrk.json"),
    "a picture by another ending": (lambda mask, folder, **_: [mask, "--figure", folder / "f.gif"], USAGE, ".png"),
    "a map without a search": (lambda mask, folder, **_: [mask, "--map", folder / "m.nii.gz"], USAGE, "searched"),
    "a map as DICOM": (lambda mask, folder, **_: [mask, "--saliency", folder / "s"], USAGE, "a map is no DICOM image"),
    "maps of several scans": (lambda mask, folder, **_: [mask, mask, "--saliency", folder / "s.nii.gz"], USAGE, "one by one"),
    "two results at one place": (two_results_at_one_place, USAGE, "same place"),
    "a result on the input": (result_on_the_input, OUTPUT, "is an input, which"),
    "a result that exists": (existing_result, OUTPUT, "exists already"),
    "a folder that is not there": (lambda mask, folder, **_: [mask, "--csv", folder / "no" / "a.csv"], OUTPUT, "does not exist"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_one_clear_sentence(case, mask, model, tiny_classifiers, tiny_models, tmp_path, capsys):
    make, code, says = CASES[case]
    folder = tmp_path / "room"
    folder.mkdir()
    words = make(mask=mask, folder=folder, tiny=tiny_classifiers, enhancer=tiny_models / "tiny-mr")
    before = {path: path.read_bytes() for path in (mask, *folder.rglob("*")) if path.is_file()}
    if "--model" not in words:
        words += ["--model", model]
    assert run(*words) == code
    said = capsys.readouterr()
    assert says in said.err
    assert said.err.count("\n") == 1
    assert said.err.startswith("diffusioncore: ")
    after = {path: path.read_bytes() for path in (mask, *folder.rglob("*")) if path.is_file()}
    assert after == before
