"""A scan in a file: what is asked for beside the result, where it goes, and all or nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from DiffusionCore.errors import InputError, OutputError, UsageError
from DiffusionCore.progress import Progress
from DiffusionCore.tasks import scan_files
from DiffusionCore.tasks.options import EnhanceOptions, FileOptions, parse_options
from DiffusionCore.tasks.scan_files import enhance_file, parse_roi
from DiffusionCore.volume import Volume, read_volume, write_volume

QUICK = EnhanceOptions()


def run(source, target, options=QUICK, **files):
    return enhance_file(source, target, options, FileOptions(**files), Progress())


def test_everything_asked_for_is_written(installed, mr_file, tmp_path):
    names = {"uncertainty": "u.nrrd", "report": "r.json", "figure": "f.png", "html": "p.html"}
    careful = EnhanceOptions(preset="careful", samples=2, steps=2)
    run(mr_file, tmp_path / "out.nii.gz", careful, **{name: tmp_path / file for name, file in names.items()})
    assert {path.name for path in tmp_path.iterdir()} == {mr_file.name, "out.nii.gz", *names.values()}
    spread = read_volume(tmp_path / "u.nrrd")
    assert spread.shape == read_volume(mr_file).shape
    assert spread.voxels.dtype == np.float32


@pytest.mark.parametrize("name", ["out.nii", "out.nrrd", "out.mha", "series"])
def test_every_format_keeps_grid_and_type(installed, mr_file, mr, tmp_path, name):
    run(mr_file, tmp_path / name)
    back = read_volume(tmp_path / name)
    assert back.voxels.dtype.kind in "iu"
    if name != "series":
        np.testing.assert_allclose(back.ijk_to_ras, mr.ijk_to_ras, atol=1e-5)
        assert back.voxels.dtype == np.int16


def test_roi_is_i_j_k_and_the_part_keeps_its_place(installed, mr_file, mr, tmp_path):
    run(mr_file, tmp_path / "out.nrrd", roi="8:26,2:22,:")
    part = read_volume(tmp_path / "out.nrrd")
    assert part.shape == (24, 20, 18)
    np.testing.assert_allclose(part.ijk_to_ras[:3, 3], (mr.ijk_to_ras @ (8, 2, 0, 1))[:3])


def test_roi_words(mr):
    assert parse_roi("1:5,:7,9:", mr) == (slice(9, 24), slice(0, 7), slice(1, 5))
    with pytest.raises(UsageError, match="--roi must be"):
        parse_options(FileOptions, roi="1:5")
    with pytest.raises(UsageError, match="takes nothing"):
        parse_roi("5:5,:,:", mr)


def test_mask_from_a_file(installed, mr_file, mr, tmp_path):
    inside = np.zeros(mr.shape, np.uint8)
    inside[:12] = 3
    write_volume(Volume(inside, mr.ijk_to_ras, "LABEL"), tmp_path / "mask.nii.gz")
    run(mr_file, tmp_path / "out.nrrd", mask=tmp_path / "mask.nii.gz")
    after = read_volume(tmp_path / "out.nrrd").voxels
    np.testing.assert_array_equal(after[12:], mr.voxels[12:])
    assert np.any(after[:12] != mr.voxels[:12])


def moved(place: np.ndarray) -> np.ndarray:
    return np.array([[1.0, 0, 0, 5], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]) @ place


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda mask, place: (mask * 0, place), "empty"),
        (lambda mask, place: (mask[1:], place), "not on the scan's grid"),
        (lambda mask, place: (mask, moved(place)), "not on the scan's grid"),
    ],
)
def test_a_mask_that_is_empty_or_elsewhere_is_refused(installed, mr_file, mr, tmp_path, change, says):
    voxels, place = change(np.ones(mr.shape, np.uint8), mr.ijk_to_ras)
    write_volume(Volume(voxels, place, "LABEL"), tmp_path / "mask.nrrd")
    with pytest.raises(InputError, match=says):
        run(mr_file, tmp_path / "out.nrrd", mask=tmp_path / "mask.nrrd")
    assert not (tmp_path / "out.nrrd").exists()


def test_a_failing_picture_takes_the_result_back(installed, mr_file, tmp_path, monkeypatch):
    def fail(*args, **options):
        raise OutputError("no space left")

    monkeypatch.setattr(scan_files, "write_figure", fail)
    with pytest.raises(OutputError):
        run(mr_file, tmp_path / "out.nii.gz", figure=tmp_path / "f.png")
    with pytest.raises(OutputError):
        run(mr_file, tmp_path / "series", figure=tmp_path / "f.png")
    assert [path.name for path in tmp_path.iterdir()] == [mr_file.name]


@pytest.mark.parametrize("extra", ["uncertainty", "report", "figure", "html"])
def test_nothing_is_computed_where_a_place_is_taken(installed, mr_file, tmp_path, monkeypatch, extra):
    monkeypatch.setattr(scan_files, "enhance", lambda *a, **k: pytest.fail("work was begun"))
    place = tmp_path / {"uncertainty": "x.nrrd", "report": "x.json", "figure": "x.png", "html": "x.html"}[extra]
    place.write_bytes(b"taken")
    with pytest.raises(OutputError, match="exists already"):
        run(mr_file, tmp_path / "out.nii.gz", EnhanceOptions(preset="careful"), **{extra: place})
    assert place.read_bytes() == b"taken"


def test_all_volumes_go_with_a_mask_but_not_with_a_figure(installed, mr, tmp_path):
    import nibabel

    frames = np.stack([mr.voxels.transpose()] * 2, axis=-1)
    nibabel.save(nibabel.Nifti1Image(frames, mr.ijk_to_ras), tmp_path / "four.nii.gz")
    inside = np.zeros(mr.shape, np.uint8)
    inside[:12] = 1
    write_volume(Volume(inside, mr.ijk_to_ras, "LABEL"), tmp_path / "mask.nii.gz")
    run(tmp_path / "four.nii.gz", tmp_path / "out.nii.gz", all_frames=True, mask=tmp_path / "mask.nii.gz")
    after = read_volume(tmp_path / "out.nii.gz", frame=1).voxels
    np.testing.assert_array_equal(after[12:], mr.voxels[12:])
    with pytest.raises(UsageError, match="--all-frames goes with none of"):
        run(tmp_path / "four.nii.gz", tmp_path / "b.nii.gz", all_frames=True, figure=tmp_path / "f.png")
    with pytest.raises(UsageError, match=r"\.nii\.gz"):
        run(tmp_path / "four.nii.gz", tmp_path / "b.nrrd", all_frames=True)


def test_all_volumes_of_a_3d_file_is_that_file(installed, mr_file, tmp_path):
    run(mr_file, tmp_path / "out.nrrd", all_frames=True)
    assert read_volume(tmp_path / "out.nrrd").shape == read_volume(mr_file).shape


def test_dicom_in_dicom_out_at_the_same_place(installed, dicom, tmp_path):
    stored = dicom.phantom((12, 24, 20))
    dicom.series(tmp_path / "in", stored, dicom.lps_matrix((1.0, 1.0, 1.0)), "MR")
    run(tmp_path / "in", tmp_path / "out")
    before, after = read_volume(tmp_path / "in"), read_volume(tmp_path / "out")
    np.testing.assert_allclose(after.ijk_to_ras, before.ijk_to_ras, atol=1e-4)
    assert after.meta["dicom"].header.SeriesInstanceUID != before.meta["dicom"].header.SeriesInstanceUID


def test_a_failing_picture_leaves_the_former_result(installed, mr_file, tmp_path, monkeypatch):
    run(mr_file, tmp_path / "out.nii.gz", figure=tmp_path / "f.png")
    before = (tmp_path / "out.nii.gz").read_bytes()

    def fail(*args, **options):
        raise OutputError("no space left")

    monkeypatch.setattr(scan_files, "write_figure", fail)
    other = EnhanceOptions(strength=0.5)
    with pytest.raises(OutputError):
        run(mr_file, tmp_path / "out.nii.gz", other, figure=tmp_path / "f.png", overwrite=True)
    assert (tmp_path / "out.nii.gz").read_bytes() == before


def test_names_beside_a_target_in_folder_mode(tmp_path):
    files = FileOptions(report="report.json", figure="deep/f.png").for_target(tmp_path / "head.nii.gz")
    assert files.report == tmp_path / "head_report.json"
    assert files.figure == tmp_path / "head_f.png"
    assert files.html is None


def test_enhanced_head_of_nilearn_with_the_bundled_model(tmp_path):
    """End to end: noise of 5 % on a crop of the MNI head; the result is nearer to the truth by 5 dB or more."""
    import nilearn

    from DiffusionCore.volume.geometry import crop

    data = Path(nilearn.__file__).parent / "datasets" / "data"
    head = read_volume(data / "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz", modality="MR")
    clean = crop(head, (slice(70, 118), slice(80, 144), slice(66, 130)))
    sigma = 0.05 * np.percentile(clean.voxels, 99.5)
    rng = np.random.default_rng(0)
    x = clean.voxels.astype(np.float32)
    noisy = np.hypot(x + rng.normal(0, sigma, x.shape), rng.normal(0, sigma, x.shape)).astype(np.float32)
    write_volume(clean.with_voxels(noisy), tmp_path / "noisy.nii.gz")
    write_volume(clean, tmp_path / "clean.nii.gz")
    (report,) = run(
        tmp_path / "noisy.nii.gz",
        tmp_path / "out.nii.gz",
        reference=tmp_path / "clean.nii.gz",
        report=tmp_path / "r.json",
        figure=tmp_path / "f.png",
    )
    figures = report["figures"]["reference"]
    assert figures["after"]["PSNR, dB"] > figures["before"]["PSNR, dB"] + 5
    assert report["provenance"]["sigma"]["value"] == pytest.approx(sigma, rel=0.15)
