"""Synthesis as a person asks for it: volumes, files, DICOM that is nobody's, and the command."""

from __future__ import annotations

import json

import numpy as np
import pydicom
import pytest
from PIL import Image

from DiffusionCore import read_volume, synthesize
from DiffusionCore.__main__ import main
from DiffusionCore.errors import ModelError, OutputError, UsageError

FAST = {"steps": 2, "upscaler_steps": 2}


def test_images_of_a_2d_model_are_the_slices_of_one_volume(tiny_cascade):
    made = synthesize(tiny_cascade, count=3, **FAST)
    (volume,) = made.volumes
    assert volume.shape == (3, 32, 32) and volume.voxels.dtype == np.int16 and volume.modality == "MR"
    assert volume.spacing == (2.0, 1.5, 1.0)
    assert np.array_equal(volume.voxels, np.rint(1000 * made.images[:, 0]))


def test_a_3d_model_makes_a_volume_each(tmp_path, make_synthesis):
    made = synthesize(make_synthesis(tmp_path / "solid", size=(4, 4, 8)), count=2, **FAST)
    assert [volume.shape for volume in made.volumes] == [(4, 4, 8)] * 2


def test_the_middle_of_the_volume_lies_at_the_origin(tiny_cascade):
    (volume,) = synthesize(tiny_cascade, count=3, **FAST).volumes
    middle = volume.ijk_to_ras @ [(32 - 1) / 2, (32 - 1) / 2, 1, 1]
    assert np.allclose(middle[:3], 0)
    assert volume.ijk_to_ras[1, 1] < 0  # rows run to the back


def test_a_range_is_spread_evenly_and_told(tiny_cascade):
    made = synthesize(tiny_cascade, count=3, condition="z_fraction=0.2:0.8", **FAST)
    assert [each["z_fraction"] for each in made.asked] == pytest.approx([0.2, 0.5, 0.8])
    again = synthesize(tiny_cascade, count=3, condition={"z_fraction": "0.2:0.8"}, **FAST)
    assert np.array_equal(made.images, again.images)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"count": 0}, "--count must be 1 to 10000, got 0"),
        ({"steps": 0}, "--steps must be 1 to 1000"),
        ({"guidance": -1}, "--guidance must be 0 to 20"),
        ({"condition": "z_fraction"}, "--condition must be"),
        ({"colour": 3}, "there is no option --colour"),
    ],
)
def test_options_out_of_range_are_said(tiny_cascade, options, sentence):
    with pytest.raises(UsageError, match=sentence):
        synthesize(tiny_cascade, **options)


def test_more_images_than_memory_holds_are_said_at_once(tiny_cascade, monkeypatch):
    monkeypatch.setattr("DiffusionCore.volume.free_memory.free_memory", lambda: 10**6)
    with pytest.raises(UsageError, match=r"1000 images of 32×32 take 0\.0 GB .* take a smaller --count"):
        synthesize(tiny_cascade, count=1000, **FAST)


def command(*words: object) -> int:
    return main(["synthesize", *map(str, words), "--steps", "2", "--upscaler-steps", "2"])


def test_the_command_writes_volume_sheet_and_report(tiny_cascade, tmp_path, capsys):
    out, sheet, report = (tmp_path / name for name in ("heads.nii.gz", "heads.png", "heads.json"))
    assert command(tiny_cascade, out, "--count", 4, "--sheet", sheet, "--report", report, "--json", "--seed", 3) == 0
    assert json.loads(capsys.readouterr().out)["size"] == [32, 32]
    written = read_volume(out)
    assert np.array_equal(written.voxels, synthesize(tiny_cascade, count=4, seed=3, **FAST).volumes[0].voxels)
    assert Image.open(sheet).size == (66, 66)
    made = json.loads(report.read_text())
    assert made["provenance"]["options"]["seed"] == 3
    assert [model["name"] for model in made["provenance"]["upscalers"]] == ["twice", "fourfold"]


@pytest.fixture
def one_cascade(tiny_cascade, tmp_path_factory, monkeypatch):
    """The cascade is all that is installed."""
    empty = tmp_path_factory.mktemp("bundled")
    monkeypatch.setattr("DiffusionCore.models.registry.bundled_folder", lambda: empty)
    monkeypatch.setenv("DIFFUSIONCORE_MODELS", str(tiny_cascade.parent))


def test_without_a_model_the_installed_one_that_starts_from_noise_is_taken(one_cascade, tiny_cascade, tmp_path, capsys):
    assert command("--count", 2, tmp_path / "heads.nii.gz", "--json") == 0
    made = json.loads(capsys.readouterr().out)["provenance"]
    assert made["model"]["name"] == "base" and len(made["upscalers"]) == 2
    assert np.array_equal(synthesize(count=2, **FAST).images, synthesize(tiny_cascade, count=2, **FAST).images)


def test_a_model_without_a_place_for_the_images_is_said(one_cascade, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command("base") == UsageError.exit_code
    assert "say where the images go" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_no_model_for_images_is_said(installed):
    with pytest.raises(ModelError, match="no installed model makes images from noise"):
        synthesize()


def test_the_same_command_gives_the_same_bytes(tiny_cascade, tmp_path):
    for name in ("a.nii.gz", "b.nii.gz"):
        assert command(tiny_cascade, tmp_path / name, "--count", 2, "--quiet") == 0
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_dicom_is_marked_synthetic_and_nobodys(tiny_cascade, tmp_path):
    assert command(tiny_cascade, tmp_path / "series", "--count", 2, "--quiet") == 0
    files = sorted((tmp_path / "series").glob("*.dcm"))
    assert len(files) == 2
    image = pydicom.dcmread(files[0])
    assert image.SyntheticData == "YES"
    assert "NOT FOR DIAGNOSTIC USE" in image.ImageComments
    told = image.DerivationDescription
    assert "model base 1 then twice 1 then fourfold 1; weights sha256" in told and "seed=0" in told
    assert "SourceImageSequence" not in image
    assert not image.PatientBirthDate and not image.get("PatientAge")


def test_several_3d_volumes_are_numbered(make_synthesis, tmp_path):
    model = make_synthesis(tmp_path / "solid", size=(4, 4, 8))
    assert command(model, tmp_path / "made.nii.gz", "--count", 2, "--quiet") == 0
    assert sorted(path.name for path in tmp_path.glob("*.nii.gz")) == ["made_001.nii.gz", "made_002.nii.gz"]


def test_a_numbered_volume_that_is_there_already_is_said_before_any_work(make_synthesis, tmp_path, monkeypatch, capsys):
    model = make_synthesis(tmp_path / "solid", size=(4, 4, 8))
    (tmp_path / "made_002.nii.gz").write_bytes(b"mine")
    monkeypatch.setattr("DiffusionCore.tasks.synthesis.files.synthesize", lambda *_, **__: pytest.fail("worked first"))
    assert command(model, tmp_path / "made.nii.gz", "--count", 2) == OutputError.exit_code
    assert "made_002.nii.gz" in capsys.readouterr().err and (tmp_path / "made_002.nii.gz").read_bytes() == b"mine"


def test_nothing_is_left_of_images_whose_report_cannot_be_written(tiny_cascade, tmp_path, monkeypatch, capsys):
    def full(path, report):
        raise OutputError(f"{path}: no space left")

    monkeypatch.setattr("DiffusionCore.report.write_json", full)
    out, sheet, report = (tmp_path / name for name in ("heads.nii.gz", "heads.png", "heads.json"))
    assert command(tiny_cascade, out, "--sheet", sheet, "--report", report, "--count", 1) == OutputError.exit_code
    assert "no space left" in capsys.readouterr().err and not list(tmp_path.glob("heads*"))


def test_two_results_in_one_place_are_said(tiny_cascade, tmp_path, capsys):
    sheet = tmp_path / "heads.png"
    assert command(tiny_cascade, tmp_path / "out.nii.gz", "--sheet", sheet, "--report", sheet) == UsageError.exit_code
    assert "same place" in capsys.readouterr().err


def test_nothing_is_overwritten_unasked(tiny_cascade, tmp_path):
    out = tmp_path / "heads.nii.gz"
    out.write_bytes(b"mine")
    assert command(tiny_cascade, out, "--count", 1) == OutputError.exit_code
    assert out.read_bytes() == b"mine"
    assert command(tiny_cascade, out, "--count", 1, "--overwrite", "--quiet") == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--condition", "z_fraction=7"), 2),
        (("--condition", "colour=3"), 2),
        (("--condition", "z_fraction"), 2),
        (("--stages", "9"), 2),
        (("--count", "0"), 2),
        (("--seed", "-1"), 2),
        (("--guidance", "99"), 2),
        (("--sampler", "magic"), 2),
        (("--device", "cuda:7"), 6),
        (("--sheet", "x.gif"), 2),
        (("--report", "no/such/folder/x.json"), 5),
    ],
)
def test_what_can_not_be_done_is_said_by_its_code(tiny_cascade, tmp_path, words, code, capsys):
    assert command(tiny_cascade, tmp_path / "out.nii.gz", *words) == code
    assert capsys.readouterr().err.count("\n") == 1
    assert not list(tmp_path.glob("out*"))


def test_models_that_make_no_images_are_said(tiny_cascade, tiny_models, make_synthesis, tmp_path, capsys):
    broken = make_synthesis(tmp_path / "lonely", then=["absent"])
    pickled = tmp_path / "model.pt"
    pickled.write_bytes(b"cos\nsystem\n")
    for model, said in (
        ("nobody", "no model 'nobody'"),
        (tiny_models / "tiny-mr", "does not make images from noise"),
        (tiny_cascade.parent / "twice", "does not make images from noise"),
        (broken, "no model 'absent'"),
        (pickled, "pickle"),
    ):
        assert command(model, tmp_path / "out.nii.gz") == ModelError.exit_code
        assert said in capsys.readouterr().err
    assert not list(tmp_path.glob("out*"))
