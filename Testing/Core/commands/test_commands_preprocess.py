"""`preprocess`: scans at another spacing, patches for training, slices as pictures."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from PIL import Image

from DiffusionCore.__main__ import main
from DiffusionCore.volume import Volume, read_volume, write_volume


def run(*words: object) -> int:
    return main(["preprocess", *map(str, words)])


@pytest.fixture
def marked(tmp_path) -> Volume:
    """A scan whose voxels say where they are: 100 k + 10 j + i, with i to the right, j anterior, k superior."""
    k, j, i = np.indices((4, 5, 6))
    volume = Volume((100 * k + 10 * j + i).astype(np.int16), np.diag([2.0, 2.0, 3.0, 1.0]), "MR")
    write_volume(volume, tmp_path / "marked.nii.gz")
    return volume


def test_spacing_is_i_j_k_and_the_type_stays(mr_file, tmp_path):
    assert run(mr_file, tmp_path / "out.nrrd", "--spacing", "2,1.2,3") == 0
    out = read_volume(tmp_path / "out.nrrd")
    assert out.spacing == pytest.approx((3.0, 1.2, 2.0))
    assert out.shape == (12, 26, 14)
    assert out.voxels.dtype == np.int16
    assert out.modality == "MR"


def test_one_number_is_for_all_axes(mr_file, tmp_path):
    assert run(mr_file, tmp_path / "out.nrrd", "--spacing", "1.5") == 0
    assert read_volume(tmp_path / "out.nrrd").spacing == pytest.approx((1.5, 1.5, 1.5))


def test_a_resampled_series_says_so(mr_file, tmp_path):
    assert run(mr_file, tmp_path / "series", "--spacing", "1.5,1.5,3") == 0
    header = pydicom.dcmread(next((tmp_path / "series").iterdir()))
    assert header.SeriesDescription == "resampled"
    assert header.DerivationDescription == "resampled to 1.5 x 1.5 x 3 mm"


def test_a_sheared_grid_goes_to_nifti_only_by_force(mr, tmp_path):
    sheared = mr.ijk_to_ras.copy()
    sheared[1, 2] = 0.4
    write_volume(Volume(mr.voxels, sheared, "MR"), tmp_path / "in.nrrd")
    assert run(tmp_path / "in.nrrd", tmp_path / "out.nii.gz") == 5
    assert run(tmp_path / "in.nrrd", tmp_path / "out.nii.gz", "--force") == 0
    np.testing.assert_allclose(read_volume(tmp_path / "out.nii.gz").ijk_to_ras, sheared, atol=1e-5)


def test_modality_is_kept_with_the_file(mr_file, tmp_path):
    assert run(mr_file, tmp_path / "out.nrrd", "--modality", "CT") == 0
    assert read_volume(tmp_path / "out.nrrd").modality == "CT"


def test_a_folder_goes_on_after_a_bad_scan(mr, ct, tmp_path):
    scans = tmp_path / "scans"
    scans.mkdir()
    write_volume(mr, scans / "a.nii.gz")
    write_volume(ct, scans / "c.nrrd")
    (scans / "b.nii.gz").write_bytes(b"nothing")
    assert run(scans, tmp_path / "out", "--spacing", "2") == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.nii.gz", "c.nrrd", "report.csv"]


@pytest.mark.parametrize(("size", "shape"), [("8x9x10", (10, 9, 8)), ("8x9", (9, 8))])
def test_patches_are_what_training_reads(mr_file, mr, tmp_path, size, shape):
    from DiffusionCore.training.patches import read_patches

    assert run(mr_file, tmp_path / "p.h5", "--patches", size, "--stride", "7") == 0
    stored = read_patches(tmp_path / "p.h5")
    assert stored.patches.shape[1:] == shape
    assert set(stored.subjects) == {"head"}
    scale = np.percentile(mr.voxels[mr.voxels > 0], 99.5)
    voxels = mr.voxels / scale
    patch = stored.patches[len(stored.patches) // 2]
    window = np.lib.stride_tricks.sliding_window_view(voxels, shape if len(shape) == 3 else (1, *shape))
    assert np.isclose(window, patch, atol=1e-5).all(axis=(-3, -2, -1)).any()


def test_patches_of_a_folder_name_their_subjects(mr, tmp_path):
    from DiffusionCore.training.patches import read_patches

    scans = tmp_path / "scans"
    scans.mkdir()
    for name in ("one", "two"):
        write_volume(mr, scans / f"{name}.nii.gz")
    assert run(scans, tmp_path / "p.h5", "--patches", "8x8x8") == 0
    assert set(read_patches(tmp_path / "p.h5").subjects) == {"one", "two"}
    assert run(scans, tmp_path / "p.h5", "--patches", "8x8x8") == 5


def test_axial_png_has_the_patients_right_at_its_left_and_anterior_on_top(marked, tmp_path):
    assert run(tmp_path / "marked.nii.gz", tmp_path / "png", "--slices", "png", "--window", "0,255") == 0
    files = sorted((tmp_path / "png").iterdir())
    assert [file.name for file in files] == [f"axial_{k:04d}.png" for k in range(4)]
    picture = np.asarray(Image.open(files[1]))
    np.testing.assert_array_equal(picture, marked.voxels[1, ::-1, ::-1])


@pytest.mark.parametrize(
    ("axis", "count", "first"),
    [
        ("axial", 4, lambda v: v[0, ::-1, ::-1]),
        ("coronal", 5, lambda v: v[::-1, 0, ::-1]),
        ("sagittal", 6, lambda v: v[::-1, ::-1, 0]),
    ],
)
def test_tiff_holds_the_values_themselves(marked, tmp_path, axis, count, first):
    assert run(tmp_path / "marked.nii.gz", tmp_path / "tiff", "--slices", "tiff", "--axis", axis) == 0
    files = sorted((tmp_path / "tiff").iterdir())
    assert len(files) == count
    picture = np.asarray(Image.open(files[0]))
    assert picture.dtype == np.float32
    np.testing.assert_array_equal(picture, first(marked.voxels))


def test_pictures_replace_pictures_only_with_overwrite_and_nothing_else_ever(mr_file, tmp_path, capsys):
    pictures = tmp_path / "pictures"
    assert run(mr_file, pictures, "--slices", "png") == 0
    assert run(mr_file, pictures, "--slices", "png") == 5
    assert run(mr_file, pictures, "--slices", "png", "--overwrite") == 0
    (pictures / "holiday.png").touch()
    assert run(mr_file, pictures, "--slices", "png", "--overwrite") == 5
    assert "holds other things" in capsys.readouterr().err
    assert (pictures / "holiday.png").exists()


def test_a_window_that_begins_below_zero_is_a_value(marked, tmp_path):
    assert run(tmp_path / "marked.nii.gz", tmp_path / "out", "--slices", "png", "--window", "-400,400") == 0
    brightest = np.asarray(Image.open(tmp_path / "out" / "axial_0003.png")).max()
    assert brightest == round(255 * (345 + 400) / 800)


def test_gif_is_one_film(mr_file, tmp_path):
    assert run(mr_file, tmp_path / "film.gif", "--slices", "gif") == 0
    assert Image.open(tmp_path / "film.gif").n_frames == 24


def test_pictures_of_a_folder_lie_in_folders_of_the_scans_names(mr, tmp_path):
    scans = tmp_path / "scans"
    scans.mkdir()
    for name in ("one", "two"):
        write_volume(mr, scans / f"{name}.nii.gz")
    assert run(scans, tmp_path / "out", "--slices", "png") == 0
    assert len(list((tmp_path / "out" / "two").iterdir())) == 24


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--patches", "8x8", "--slices", "png"], "one after the other"),
        (["--spacing", "0"], "--spacing"),
        (["--spacing", "1,2"], "--spacing"),
        (["--patches", "8x8x8x8"], "--patches"),
        (["--patches", "eight"], "--patches"),
        (["--patches", "8x8", "--stride", "0"], "--stride"),
        (["--spacing", "inf"], "--spacing must be a finite number"),
        (["--patches", "99999999999999999999x8"], "--patches"),
        (["--stride", "8"], "goes with --patches"),
        (["--window", "1,9"], "goes with --slices"),
        (["--slices", "png", "--window", "9,1"], "--window"),
        (["--slices", "png", "--window", "9"], "--window needs more numbers"),
        (["--slices", "png", "--window", "nan,1"], "--window must be a finite number"),
        (["--slices", "bmp"], "--slices must be"),
    ],
)
def test_options_that_cannot_be_are_told_before_any_work(mr_file, tmp_path, capsys, words, says):
    assert run(mr_file, tmp_path / "out", *words) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == [mr_file.name]
