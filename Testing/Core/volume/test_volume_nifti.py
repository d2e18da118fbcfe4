"""NIfTI files: the right voxels at the right place, in the right type."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from DiffusionCore.errors import OutputError, UsageError
from DiffusionCore.volume import Volume, read_header, read_volume, write_volume
from DiffusionCore.volume.nifti import rescale

OBLIQUE = np.array(
    [
        # Columns: 0.5 mm along (4, 3, 0)/5, 0.75 mm along (-3, 4, 0)/5, 3 mm along (0, 0, 1).
        [0.4, -0.45, 0.0, -30.5],
        [0.3, 0.6, 0.0, 12.25],
        [0.0, 0.0, 3.0, -100.0],
        [0.0, 0.0, 0.0, 1.0],
    ]
)


def counting(shape: tuple[int, int, int] = (4, 3, 2), dtype: str = "int16") -> np.ndarray:
    """Every voxel (k, j, i) is 100 k + 10 j + i."""
    k, j, i = np.indices(shape)
    return (100 * k + 10 * j + i).astype(dtype)


def saved(image: nib.Nifti1Image, path: Path) -> Path:
    nib.save(image, path)
    return path


def test_voxels_are_kji_and_nibabel_sees_them_as_ijk(tmp_path: Path) -> None:
    path = write_volume(Volume(counting(), OBLIQUE, "MR"), tmp_path / "a.nii.gz")
    image = nib.load(path)
    assert image.shape == (2, 3, 4)
    assert image.dataobj[1, 2, 3] == 321
    assert read_volume(path).voxels[3, 2, 1] == 321
    np.testing.assert_allclose(image.affine, OBLIQUE, atol=1e-5)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_both_forms_say_the_same_and_scanner_coordinates(tmp_path: Path, suffix: str) -> None:
    path = write_volume(Volume(counting(), OBLIQUE, "CT"), tmp_path / f"a{suffix}")
    header = nib.load(path).header
    assert (header["sform_code"], header["qform_code"]) == (1, 1)
    np.testing.assert_allclose(header.get_qform(), header.get_sform(), atol=1e-5)
    np.testing.assert_allclose(header.get_zooms(), (0.5, 0.75, 3.0), rtol=1e-6)
    assert header.get_xyzt_units()[0] == "mm"
    assert b"DiffusionCore" in header["descrip"].item()


def test_sibling_file_of_the_same_stem_is_not_read_instead(tmp_path: Path) -> None:
    # SimpleITK, given a.nii.gz, reads the voxels of a.nii.
    write_volume(Volume(counting(), np.eye(4)), tmp_path / "a.nii.gz")
    write_volume(Volume(counting() + 7, np.eye(4)), tmp_path / "a.nii")
    assert read_volume(tmp_path / "a.nii.gz").voxels[0, 0, 0] == 0
    assert read_volume(tmp_path / "a.nii").voxels[0, 0, 0] == 7


def test_sform_wins_over_qform_as_in_nibabel(tmp_path: Path) -> None:
    image = nib.Nifti1Image(counting().T, None)
    image.set_sform(OBLIQUE, code=2)
    image.set_qform(np.diag([9.0, 9, 9, 1]), code=1)
    path = saved(image, tmp_path / "a.nii")
    np.testing.assert_allclose(read_volume(path).ijk_to_ras, OBLIQUE, atol=1e-5)


@pytest.mark.parametrize(("sform", "qform"), [(0, 1), (0, 0), (3, 0)])
def test_matrix_is_the_one_nibabel_takes(tmp_path: Path, sform: int, qform: int) -> None:
    image = nib.Nifti1Image(counting().T, None)
    image.header.set_zooms((0.5, 0.75, 3.0))
    image.set_sform(OBLIQUE, code=sform)
    image.set_qform(np.diag([-0.5, 0.75, 3.0, 1.0]), code=qform)
    path = saved(image, tmp_path / "a.nii")
    np.testing.assert_array_equal(read_volume(path).ijk_to_ras, nib.load(path).affine)


@pytest.mark.parametrize(("qfac", "k"), [(0.0, 3.0), (np.nan, 3.0), (-2.0, -3.0)])
def test_qfac_other_than_one_counts_by_its_sign_as_the_standard_has_it(tmp_path: Path, qfac: float, k: float) -> None:
    image = nib.Nifti1Image(counting().T, None)
    image.header.set_zooms((0.5, 0.75, 3.0))
    image.set_qform(np.diag([0.5, 0.75, 3.0, 1.0]), code=1)
    path = saved(image, tmp_path / "a.nii")
    content = bytearray(path.read_bytes())
    content[76:80] = np.float32(qfac).tobytes()
    path.write_bytes(content)
    np.testing.assert_array_equal(read_volume(path).ijk_to_ras, np.diag([0.5, 0.75, k, 1.0]))


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1000.0), ("micron", 1e-3), ("mm", 1.0), ("unknown", 1.0)])
def test_lengths_in_metres_and_microns_become_millimetres(tmp_path: Path, unit: str, factor: float) -> None:
    image = nib.Nifti1Image(counting().T, OBLIQUE)
    image.header.set_xyzt_units(unit)
    path = saved(image, tmp_path / "a.nii.gz")
    np.testing.assert_allclose(read_volume(path).ijk_to_ras[:3], OBLIQUE[:3] * factor, rtol=1e-5)
    np.testing.assert_allclose(read_header(path).spacing, np.array([3.0, 0.75, 0.5]) * factor, rtol=1e-5)


def test_left_handed_grid_comes_back(tmp_path: Path) -> None:
    matrix = np.diag([-0.9, 0.9, 2.0, 1.0])
    path = write_volume(Volume(counting(), matrix, "MR"), tmp_path / "a.nii.gz")
    np.testing.assert_allclose(read_volume(path).ijk_to_ras, matrix, rtol=1e-6)
    np.testing.assert_allclose(nib.load(path).header.get_qform(), matrix, atol=1e-6)


def test_sheared_grid_is_refused_naming_nrrd_and_forced_without_a_qform(tmp_path: Path) -> None:
    matrix = np.eye(4)
    matrix[1, 2] = 0.3
    volume, path = Volume(counting(), matrix, "CT"), tmp_path / "a.nii.gz"
    with pytest.raises(OutputError, match=r"sheared.*\.nrrd.*--force"):
        write_volume(volume, path)
    assert list(tmp_path.iterdir()) == []
    write_volume(volume, path, force=True)
    header = nib.load(path).header
    assert header["qform_code"] == 0
    np.testing.assert_allclose(header.get_sform(), matrix, rtol=1e-6)
    np.testing.assert_allclose(header.get_zooms(), (1, 1, np.hypot(1, 0.3)), rtol=1e-6)


def test_shear_within_the_tolerance_is_misplaced_by_no_reader(tmp_path: Path) -> None:
    import SimpleITK as sitk

    matrix = np.eye(4)
    matrix[1, 2] = 0.99e-4
    shape = (256, 4, 4)
    path = write_volume(Volume(counting(shape), matrix, "CT"), tmp_path / "a.nii.gz")
    image = sitk.ReadImage(str(path))
    far = np.array(image.TransformIndexToPhysicalPoint((3, 3, 255))) * (-1, -1, 1)
    np.testing.assert_allclose(far, (matrix @ (3, 3, 255, 1))[:3], atol=0.03)


@pytest.mark.parametrize("name", ["uint8", "int8", "int16", "uint16", "int32", "uint32", "float32", "float64"])
def test_type_on_disk_is_the_voxels_type(tmp_path: Path, name: str) -> None:
    path = write_volume(Volume(counting((2, 2, 2), name), np.eye(4)), tmp_path / "a.nii.gz")
    assert nib.load(path).get_data_dtype() == np.dtype(name)
    assert read_volume(path).voxels.dtype == np.dtype(name)
    assert read_header(path).dtype == np.dtype(name)


@pytest.mark.parametrize(
    ("given", "written"), [("bool", "uint8"), ("float16", "float32"), ("int64", "int32"), ("longdouble", "float64")]
)
def test_types_that_readers_do_not_know_are_replaced(tmp_path: Path, given: str, written: str) -> None:
    voxels = np.array([0, 1, 1, 0, 1, 0, 0, 1]).reshape(2, 2, 2).astype(given)
    back = read_volume(write_volume(Volume(voxels, np.eye(4)), tmp_path / "a.nii")).voxels
    assert back.dtype == np.dtype(written)
    np.testing.assert_array_equal(back, voxels)


def test_int64_that_does_not_fit_stays(tmp_path: Path) -> None:
    voxels = np.array([[[0, 2**40]]])
    assert read_volume(write_volume(Volume(voxels, np.eye(4)), tmp_path / "a.nii")).voxels[0, 0, 1] == 2**40


def test_integers_without_rescaling_keep_their_type() -> None:
    stored = np.array([1, 2], np.int16)
    assert rescale(stored, 1.0, 0.0) is stored


@pytest.mark.parametrize(
    ("stored", "slope", "inter", "dtype", "values"),
    [
        ("uint16", 1.0, -1024.0, "int16", [-1024, 3071]),
        ("uint8", 256.0, 0.0, "int32", [0, 65280]),
        ("int16", 0.5, 0.0, "float32", None),
        ("int32", 0.5, 0.0, "float64", None),
        ("float32", 2.0, 1.0, "float32", None),
    ],
)
def test_rescaling_keeps_integers_where_exact(
    stored: str, slope: float, inter: float, dtype: str, values: list[int] | None
) -> None:
    low, high = (0, 4095) if stored == "uint16" else (0, 255)
    result = rescale(np.array([low, high], stored), slope, inter)
    assert result.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(result, values or [low * slope + inter, high * slope + inter])


@pytest.mark.parametrize("slope", [0.0, np.nan])
def test_slope_zero_or_nan_means_not_scaled(tmp_path: Path, slope: float) -> None:
    image = nib.Nifti1Image(counting().T, np.eye(4))
    path = saved(image, tmp_path / "a.nii")
    content = bytearray(path.read_bytes())
    content[112:120] = np.array([slope, 5.0], "<f4").tobytes()
    path.write_bytes(content)
    voxels = read_volume(path).voxels
    assert voxels.dtype == np.int16
    np.testing.assert_array_equal(voxels, counting())


def test_slope_and_intercept_in_the_file_are_applied(tmp_path: Path) -> None:
    image = nib.Nifti1Image(counting().T, np.eye(4))
    image.header.set_slope_inter(0.5, -1.0)
    stored = (counting().T * 2 + 2).astype(np.int16)
    path = saved(nib.Nifti1Image(stored, np.eye(4), image.header), tmp_path / "a.nii")
    content = bytearray(path.read_bytes())
    content[112:120] = np.array([0.5, -1.0], "<f4").tobytes()
    path.write_bytes(content[:352] + stored.tobytes("F"))
    voxels = read_volume(path).voxels
    assert voxels.dtype == np.float32
    np.testing.assert_array_equal(voxels, counting())


def test_big_endian_file_is_read(tmp_path: Path) -> None:
    path = saved(nib.Nifti1Image(counting().T, OBLIQUE).as_reoriented([[0, 1], [1, 1], [2, 1]]), tmp_path / "l.nii")
    swapped = nib.Nifti1Image(counting().T, OBLIQUE, nib.load(path).header.as_byteswapped(">"))
    path = saved(swapped, tmp_path / "b.nii")
    assert nib.load(path).header.endianness == ">"
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.voxels, counting())
    assert volume.voxels.dtype.isnative


def test_nifti_2_is_read_and_written_for_a_long_axis(tmp_path: Path) -> None:
    long = Volume(np.arange(40000, dtype=np.int32).reshape(1, 1, -1), np.eye(4), "MR")
    path = write_volume(long, tmp_path / "a.nii.gz")
    assert isinstance(nib.load(path), nib.Nifti2Image)
    np.testing.assert_array_equal(read_volume(path).voxels, long.voxels)


def test_one_frame_of_a_4d_file(tmp_path: Path) -> None:
    stack = np.stack([counting() + 1000 * t for t in range(3)])  # (T, K, J, I)
    for suffix in (".nii", ".nii.gz"):
        path = saved(nib.Nifti1Image(stack.T, OBLIQUE), tmp_path / f"a{suffix}")
        assert read_header(path).frames == 3
        volume = read_volume(path, frame=2)
        np.testing.assert_array_equal(volume.voxels, stack[2])
        assert (volume.meta["frame"], volume.meta["frames"]) == (2, 3)
        for wrong in (3, -1):
            with pytest.raises(UsageError, match="--frame must be 0 to 2"):
                read_volume(path, frame=wrong)


def test_trailing_axes_of_one_are_no_dimensions(tmp_path: Path) -> None:
    path = saved(nib.Nifti1Image(counting().T[..., None, None], OBLIQUE), tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(read_volume(path).voxels, counting())


def test_2d_image_is_one_slice(tmp_path: Path) -> None:
    path = saved(nib.Nifti1Image(counting()[1].T, np.diag([0.5, 0.5, 1, 1])), tmp_path / "a.nii")
    content = bytearray(path.read_bytes())
    content[88:92] = bytes(4)  # many writers leave pixdim[3] at 0
    path.write_bytes(content)
    volume = read_volume(path)
    assert volume.shape == (1, 3, 2)
    np.testing.assert_array_equal(volume.voxels[0], counting()[1])


def test_gzip_is_told_by_its_bytes_not_by_the_name(tmp_path: Path) -> None:
    plain = write_volume(Volume(counting(), np.eye(4)), tmp_path / "a.nii").read_bytes()
    (tmp_path / "b.nii.gz").write_bytes(plain)
    (tmp_path / "c.nii").write_bytes(gzip.compress(plain))
    (tmp_path / "noname").write_bytes(plain)
    for name in ("b.nii.gz", "c.nii", "noname"):
        np.testing.assert_array_equal(read_volume(tmp_path / name).voxels, counting())


def test_same_volume_gives_the_same_bytes(tmp_path: Path) -> None:
    volume = Volume(counting(), OBLIQUE, "MR")
    for suffix in (".nii.gz", ".nrrd", ".mha"):
        one = write_volume(volume, tmp_path / f"one{suffix}").read_bytes()
        assert one == write_volume(volume, tmp_path / f"other{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_what_we_wrote_says_its_modality(tmp_path: Path, suffix: str) -> None:
    # Soft tissue alone does not look like CT, but it was CT when it was written.
    crop = np.random.default_rng(0).normal(40, 10, (4, 5, 6)).astype(np.int16)
    path = write_volume(Volume(crop, np.eye(4), "CT"), tmp_path / f"a{suffix}")
    volume = read_volume(path)
    assert volume.modality == "CT"
    assert "header" in volume.meta["modality_reason"]


def test_intent_label_makes_a_label_map(tmp_path: Path) -> None:
    image = nib.Nifti1Image(counting().T, np.eye(4))
    image.header.set_intent("label")
    volume = read_volume(saved(image, tmp_path / "a.nii"))
    assert (volume.modality, volume.meta["intent"]) == ("LABEL", 1002)
    back = nib.load(write_volume(volume, tmp_path / "b.nii.gz"))
    assert back.header.get_intent()[0] == "label"


def test_files_of_the_library_itself_are_read_alike() -> None:
    folder = Path(nib.__file__).parent / "tests" / "data"
    read = 0
    for name in (
        "anatomical.nii",
        "functional.nii",
        "example4d.nii.gz",
        "standard.nii.gz",
        "reoriented_anat_moved.nii",
    ):
        path = folder / name
        if not path.is_file():
            continue
        image = nib.load(path)
        volume = read_volume(path, frame=0)
        expected = np.asarray(image.dataobj)
        np.testing.assert_allclose(volume.voxels, (expected[..., 0] if expected.ndim == 4 else expected).T, rtol=1e-6)
        np.testing.assert_allclose(volume.ijk_to_ras, image.affine, rtol=1e-6)
        read += 1
    if not read:
        pytest.skip("this nibabel came without its test files")
