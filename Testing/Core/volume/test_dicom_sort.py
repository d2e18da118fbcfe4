"""The planes of a series in order: none missing, none doubled, one grid."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from DiffusionCore.errors import InputError, UsageError
from DiffusionCore.volume.dicom_read import read_dicom, read_dicom_header


def test_localizer_images_within_a_series_are_left_out(dicom, tmp_path):
    def scout(image, k):
        image.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
        image.SOPInstanceUID = f"1.2.3.{k}"

    dicom.series(tmp_path / "a", dicom.phantom(), dicom.lps_matrix())
    sagittal = dicom.lps_matrix(turn=dicom.rotation(90, 0, 0))
    dicom.series(tmp_path / "b", dicom.phantom((2, 12, 10)), sagittal, change=scout)
    volume = read_dicom(tmp_path)
    assert volume.shape[0] == 5
    assert volume.meta["warnings"] == ["left out 2 localizer images"]


def test_mixed_orientations_are_listed_and_one_can_be_chosen(dicom, tmp_path):
    dicom.series(tmp_path / "a", dicom.phantom(), dicom.lps_matrix())
    dicom.series(tmp_path / "b", dicom.phantom((3, 8, 10)), dicom.lps_matrix(turn=dicom.rotation(90, 0, 0)))
    with pytest.raises(InputError, match=r"2 volumes that differ by orientation or size \(0: 10×12×5; 1: 10×8×3\)"):
        read_dicom(tmp_path)
    assert read_dicom(tmp_path, frame=1).shape == (3, 8, 10)


def test_missing_slices_are_named_in_mm(dicom, tmp_path):
    paths = dicom.series(tmp_path, dicom.phantom((8, 6, 6)), dicom.lps_matrix(origin=(0, 0, 100)))
    paths[3].unlink()
    paths[4].unlink()
    with pytest.raises(InputError, match=r"about 2 slices are missing: between 105\.00 and 112\.50 mm"):
        read_dicom(tmp_path)


def test_uneven_spacing_is_refused_and_slight_unevenness_is_a_warning(dicom, tmp_path):
    def moved(by):
        def change(image, k):
            if k == 2:
                image.ImagePositionPatient[2] += by

        return change

    dicom.series(tmp_path / "much", dicom.phantom(), dicom.lps_matrix(), change=moved(0.6))
    with pytest.raises(InputError, match=r"uneven slice positions: the slice at 45\.60 mm lies 0\.60 mm off"):
        read_dicom(tmp_path / "much")
    dicom.series(tmp_path / "little", dicom.phantom(), dicom.lps_matrix(), change=moved(0.1))
    volume = read_dicom(tmp_path / "little")
    assert volume.spacing[0] == pytest.approx(2.5)
    assert "up to 0.100 mm off an even grid" in volume.meta["warnings"][0]
    assert volume.meta["dicom"].positions[2, 2] == pytest.approx(45.1)


def test_a_doubled_slice_with_the_same_pixels_is_dropped(dicom, tmp_path):
    paths = dicom.series(tmp_path, dicom.phantom(), dicom.lps_matrix())
    copy = pydicom.dcmread(paths[1])
    copy.SOPInstanceUID = copy.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    copy.save_as(tmp_path / "copy.dcm")
    volume = read_dicom(tmp_path)
    assert volume.shape[0] == 5
    assert volume.meta["warnings"] == ["left out 1 doubled slice (same place, same pixels)"]


def test_a_folder_copied_into_itself_is_read_once(dicom, tmp_path):
    for name in ("a", "b"):
        dicom.series(tmp_path / name, dicom.phantom(), dicom.lps_matrix())
    volume = read_dicom(tmp_path)
    np.testing.assert_array_equal(volume.voxels, dicom.phantom() - 1024)
    assert volume.meta["warnings"] == ["left out 5 doubled slices (same place, same pixels)"]


def test_a_doubled_slice_with_other_pixels_is_refused(dicom, tmp_path):
    dicom.series(tmp_path / "a", dicom.phantom(), dicom.lps_matrix(origin=(0, 0, 40)))
    other = dicom.series(tmp_path / "b", dicom.phantom(seed=8), dicom.lps_matrix(origin=(0, 0, 40)))
    for path in other[2:]:
        path.unlink()
    with pytest.raises(InputError, match=r"different pixels at 40\.00, 42\.50 mm"):
        read_dicom(tmp_path)


def test_repeated_volumes_are_frames_told_apart_by_their_attribute(dicom, tmp_path):
    stored = [dicom.phantom(seed=n) for n in (1, 2, 3)]
    for n, echo in ((2, "30"), (0, "9"), (1, "20")):

        def change(image, k, echo=echo):
            image.EchoTime = echo

        dicom.series(tmp_path / echo, stored[n], dicom.lps_matrix(), modality="MR", change=change)
    with pytest.raises(InputError, match=r"3 volumes that differ by EchoTime .*--frame 0 to 2"):
        read_dicom(tmp_path)
    for n in range(3):
        volume = read_dicom(tmp_path, frame=n)
        np.testing.assert_array_equal(volume.voxels, stored[n])
        assert (volume.meta["frame"], volume.meta["frames"]) == (n, 3)
    with pytest.raises(UsageError, match="0 to 2 for this series, got 3"):
        read_dicom(tmp_path, frame=3)
    assert read_dicom_header(tmp_path).frames == 3


def test_repeats_without_a_telling_attribute_go_by_instance_number(dicom, tmp_path):
    stored = [dicom.phantom(seed=n) for n in (1, 2)]
    for n in (1, 0):

        def change(image, k, n=n):
            image.InstanceNumber = str(5 * n + k + 1)

        dicom.series(tmp_path / str(n), stored[n], dicom.lps_matrix(), modality="MR", change=change)
    for n in (0, 1):
        np.testing.assert_array_equal(read_dicom(tmp_path, frame=n).voxels, stored[n])


def test_one_slice_has_its_thickness_for_spacing(dicom, tmp_path):
    (path,) = dicom.series(tmp_path, dicom.phantom((1, 12, 10)), dicom.lps_matrix())
    assert read_dicom(path).spacing == pytest.approx((2.5, 0.75, 0.5))
    image = pydicom.dcmread(path)
    image.SliceThickness = None
    image.save_as(path)
    volume = read_dicom(path)
    assert volume.spacing[0] == 1.0
    assert "1 mm is assumed" in volume.meta["warnings"][0]


def test_slices_given_from_the_far_end_are_sorted_along_the_normal(dicom, tmp_path):
    matrix = dicom.lps_matrix(spacing=(-2.5, 0.75, 0.5))
    stored = dicom.phantom()
    dicom.series(tmp_path, stored, matrix)
    volume = read_dicom(tmp_path)
    np.testing.assert_array_equal(volume.voxels, stored[::-1] - 1024)
    assert np.linalg.det(volume.ijk_to_ras[:3, :3]) > 0
    np.testing.assert_allclose(volume.ijk_to_ras[:3, 3], dicom.ras(matrix)[:3, :] @ [0, 0, 4, 1], atol=1e-9)


def test_gantry_tilt_is_a_sheared_matrix_and_is_said(dicom, tmp_path):
    dicom.series(tmp_path, dicom.phantom(), dicom.lps_matrix(tilt=15.0))
    volume = read_dicom(tmp_path)
    assert volume.meta["gantry_tilt"] == pytest.approx(15.0, abs=1e-3)
    j, k = volume.ijk_to_ras[:3, 1], volume.ijk_to_ras[:3, 2]
    cosine = j @ k / np.linalg.norm(j) / np.linalg.norm(k)
    assert cosine == pytest.approx(np.sin(np.radians(15.0)))


def test_drift_within_rounding_is_no_shear(dicom, tmp_path):
    matrix = dicom.lps_matrix()
    matrix[0, 2] += 0.002
    dicom.series(tmp_path, dicom.phantom(), matrix)
    volume = read_dicom(tmp_path)
    assert volume.ijk_to_ras[0, 2] == 0
    assert volume.meta["dicom"].positions[4, 0] == pytest.approx(matrix[0, 3] + 4 * 0.002)
