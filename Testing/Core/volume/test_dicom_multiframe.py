"""Multi-frame DICOM: enhanced images with functional groups, and old ones without."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from DiffusionCore.errors import InputError
from DiffusionCore.volume.dicom_read import read_dicom, read_dicom_header
from DiffusionCore.volume.dicom_scan import list_series


def test_enhanced_mr_is_sorted_and_rescaled_by_its_functional_groups(dicom, tmp_path):
    matrix = dicom.lps_matrix(turn=dicom.rotation(10, 20, 30))
    dicom.enhanced(tmp_path / "e.dcm", [dicom.phantom()], matrix)
    volume = read_dicom(tmp_path / "e.dcm")
    np.testing.assert_array_equal(volume.voxels, 2 * dicom.phantom())
    np.testing.assert_allclose(volume.ijk_to_ras, dicom.ras(matrix), atol=1e-6)
    assert volume.modality == "MR"
    assert [s.count for s in list_series(tmp_path)] == [5]


def test_enhanced_ct_with_a_tilted_gantry_keeps_its_shear(dicom, tmp_path):
    matrix = dicom.lps_matrix(tilt=-12)
    dicom.enhanced(tmp_path / "e.dcm", [dicom.phantom()], matrix, modality="CT")
    volume = read_dicom(tmp_path)
    np.testing.assert_allclose(volume.ijk_to_ras, dicom.ras(matrix), atol=1e-6)
    assert volume.modality == "CT"


def test_times_of_an_enhanced_series_are_frames(dicom, tmp_path):
    stored = [dicom.phantom(seed=n) for n in (1, 2, 3)]
    dicom.enhanced(tmp_path / "e.dcm", stored, dicom.lps_matrix())
    with pytest.raises(InputError, match="3 volumes that differ by TemporalPositionIndex"):
        read_dicom(tmp_path)
    for n in range(3):
        np.testing.assert_array_equal(read_dicom(tmp_path, frame=n).voxels, 2 * stored[n])
    assert read_dicom_header(tmp_path).frames == 3


def test_functional_groups_speak_as_classic_attributes(dicom, tmp_path):
    dicom.enhanced(tmp_path / "e.dcm", [dicom.phantom(), dicom.phantom()], dicom.lps_matrix(), echo_times=(5.0, 9.5))
    header = read_dicom(tmp_path, frame=1).meta["dicom"].header
    assert (header.EchoTime, header.RepetitionTime, header.FlipAngle) == (9.5, 500, 30)


def test_stacks_of_different_orientation_are_frames(dicom, tmp_path):
    path = tmp_path / "e.dcm"
    dicom.enhanced(path, [dicom.phantom()], dicom.lps_matrix())
    image = pydicom.dcmread(path)
    turned = pydicom.Dataset()
    dicom.put_place(turned, dicom.lps_matrix(turn=dicom.rotation(90, 0, 0)), 0)
    orientation = image.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence
    del image.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence
    for n, groups in enumerate(image.PerFrameFunctionalGroupsSequence):
        groups.PlaneOrientationSequence = orientation
        if n == 4:
            groups.PlaneOrientationSequence = [dicom.subset(turned, "ImageOrientationPatient")]
            groups.FrameContentSequence[0].StackID = "2"
    image.save_as(path)
    assert read_dicom(path, frame=0).shape[0] == 4
    assert read_dicom(path, frame=1).shape[0] == 1


def test_a_frame_without_a_description_is_damage(dicom, tmp_path):
    path = tmp_path / "e.dcm"
    dicom.enhanced(path, [dicom.phantom()], dicom.lps_matrix())
    image = pydicom.dcmread(path)
    del image.PerFrameFunctionalGroupsSequence[0]
    image.save_as(path)
    with pytest.raises(InputError, match="5 frames but 4 descriptions"):
        read_dicom(path)


def legacy(dicom, path, **attributes):
    (single,) = dicom.series(path.parent / "single", dicom.phantom((1, 12, 10)), dicom.lps_matrix(), modality="MR")
    image = pydicom.dcmread(single)
    image.NumberOfFrames = "5"
    dicom.put_pixels(image, dicom.phantom())
    for keyword, value in attributes.items():
        setattr(image, keyword, value)
    image.save_as(path)


def test_frames_without_functional_groups_are_evenly_spaced_from_the_first(dicom, tmp_path):
    legacy(dicom, tmp_path / "old.dcm", SpacingBetweenSlices="2.5")
    volume = read_dicom(tmp_path / "old.dcm")
    np.testing.assert_array_equal(volume.voxels, dicom.phantom())
    np.testing.assert_allclose(volume.ijk_to_ras, dicom.ras(dicom.lps_matrix()), atol=1e-9)


def test_frames_without_any_spacing_are_refused(dicom, tmp_path):
    legacy(dicom, tmp_path / "old.dcm", SliceThickness=None)
    with pytest.raises(InputError, match="5 frames without a place or a spacing"):
        read_dicom(tmp_path / "old.dcm")


def test_a_promise_of_more_frames_than_bytes_is_damage(dicom, tmp_path):
    legacy(dicom, tmp_path / "old.dcm", NumberOfFrames="1000000000")
    with pytest.raises(InputError, match="too small for its 1000000000 frames"):
        read_dicom(tmp_path / "old.dcm")


def test_compressed_frames_are_found_one_by_one(dicom, tmp_path):
    stored = [dicom.phantom(seed=n) for n in (1, 2)]
    dicom.enhanced(tmp_path / "e.dcm", stored, dicom.lps_matrix())
    image = pydicom.dcmread(tmp_path / "e.dcm")
    image.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    image.save_as(tmp_path / "e.dcm")
    for n in (0, 1):
        np.testing.assert_array_equal(read_dicom(tmp_path / "e.dcm", frame=n).voxels, 2 * stored[n])
