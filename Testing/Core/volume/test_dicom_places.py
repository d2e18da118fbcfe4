"""Every voxel of a derived series lies where it was: oblique, tilted, cropped, resampled, left-handed."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

from DiffusionCore.volume.dicom_derivation import DerivationRecord
from DiffusionCore.volume.dicom_read import read_dicom
from DiffusionCore.volume.dicom_write import write_dicom_series
from DiffusionCore.volume.volume import Volume

RECORD = DerivationRecord("enhance", "noise reduced", model="denoise-ct", version="1.2", weights_sha256="ab" * 32)


def images(folder):
    return [pydicom.dcmread(path) for path in sorted(folder.glob("*.dcm"))]


def itk(path):
    sitk = pytest.importorskip("SimpleITK")
    return sitk.ReadImage(str(path))


@pytest.mark.parametrize("tilt", [0.0, 15.0])
@pytest.mark.parametrize("angles", [(0, 0, 0), (12, -20, 35), (0, 180, 0)])
def test_left_stays_left_through_dicom(dicom, tmp_path, angles, tilt):
    matrix = dicom.lps_matrix(turn=dicom.rotation(*angles), tilt=tilt)
    dicom.series(tmp_path / "in", dicom.phantom(), matrix)
    volume = read_dicom(tmp_path / "in")
    assert write_dicom_series(volume, tmp_path / "out", derivation=RECORD) == tmp_path / "out"
    again = read_dicom(tmp_path / "out")
    np.testing.assert_array_equal(again.voxels, volume.voxels)
    np.testing.assert_array_equal(again.ijk_to_ras, volume.ijk_to_ras)
    for k, image in enumerate(images(tmp_path / "out")):
        np.testing.assert_array_equal(np.array(image.ImagePositionPatient, float), volume.meta["dicom"].positions[k])


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    spacing=st.tuples(st.floats(0.3, 9), st.floats(0.2, 3), st.floats(0.2, 3)),
    origin=st.tuples(*[st.floats(-400, 400)] * 3),
    tilt=st.floats(-30, 30),
    seed=st.integers(0, 99),
)
def test_any_stack_comes_back_from_dicom_where_it_was(dicom, tmp_path_factory, angles, spacing, origin, tilt, seed):
    folder = tmp_path_factory.mktemp("any")
    matrix = dicom.lps_matrix(spacing, origin, dicom.rotation(*angles), tilt)
    stored = dicom.phantom((3, 4, 5), seed)
    dicom.series(folder / "in", stored, matrix)
    volume = read_dicom(folder / "in")
    corners = np.array([[i, j, k, 1] for i in (0, 4) for j in (0, 3) for k in (0, 2)]).T
    # A drift of up to 0.05 mm or a tenth of a pixel over the stack counts as rounding, not as tilt.
    np.testing.assert_allclose(volume.ijk_to_ras @ corners, dicom.ras(matrix) @ corners, atol=0.05)
    np.testing.assert_array_equal(volume.voxels, stored - 1024)
    write_dicom_series(volume, folder / "out")
    again = read_dicom(folder / "out")
    np.testing.assert_array_equal(again.ijk_to_ras, volume.ijk_to_ras)
    np.testing.assert_array_equal(again.voxels, volume.voxels)


@pytest.mark.parametrize("tilt", [0.0, 15.0])
def test_every_slice_is_at_the_same_place_in_simpleitk(dicom, tmp_path, tilt):
    matrix = dicom.lps_matrix(turn=dicom.rotation(12, -20, 35), tilt=tilt)
    dicom.series(tmp_path / "in", dicom.phantom(), matrix)
    write_dicom_series(read_dicom(tmp_path / "in"), tmp_path / "out")
    for k, path in enumerate(sorted((tmp_path / "out").iterdir())):
        image = itk(path)
        for i, j in ((0, 0), (9, 0), (0, 11), (9, 11)):
            place = image.TransformIndexToPhysicalPoint((i, j, 0))
            np.testing.assert_allclose(place, (matrix @ [i, j, k, 1])[:3], atol=1e-4)
            assert image[i, j, 0] == dicom.phantom()[k, j, i] - 1024


def test_a_stack_is_the_same_grid_in_simpleitk(dicom, tmp_path):
    sitk = pytest.importorskip("SimpleITK")
    matrix = dicom.lps_matrix(turn=dicom.rotation(12, -20, 35))
    dicom.series(tmp_path / "in", dicom.phantom(), matrix)
    write_dicom_series(read_dicom(tmp_path / "in"), tmp_path / "out")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path / "out")))
    image = reader.Execute()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), dicom.phantom() - 1024)
    place = image.TransformIndexToPhysicalPoint((9, 11, 4))
    np.testing.assert_allclose(place, (matrix @ [9, 11, 4, 1])[:3], atol=1e-4)


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm"])
def test_packaged_images_come_back_at_their_place_with_their_values(tmp_path, name):
    volume = read_dicom(get_testdata_file(name, download=False))
    write_dicom_series(volume, tmp_path / "out", derivation=RECORD)
    again = read_dicom(tmp_path / "out")
    np.testing.assert_array_equal(again.voxels, volume.voxels)
    np.testing.assert_array_equal(again.ijk_to_ras, volume.ijk_to_ras)
    assert again.modality == volume.modality


def test_unevenly_placed_slices_keep_their_own_places(dicom, tmp_path):
    def change(image, k):
        if k == 2:
            image.ImagePositionPatient[2] += 0.1

    dicom.series(tmp_path / "in", dicom.phantom(), dicom.lps_matrix(origin=(0, 0, 0)), change=change)
    write_dicom_series(read_dicom(tmp_path / "in"), tmp_path / "out")
    heights = [float(image.ImagePositionPatient[2]) for image in images(tmp_path / "out")]
    assert heights == [0, 2.5, 5.1, 7.5, 10]


def test_a_crop_lies_where_it_was_cut_and_names_its_own_source_slices(dicom, tmp_path):
    dicom.series(tmp_path / "in", dicom.phantom(), dicom.lps_matrix(turn=dicom.rotation(12, -20, 35), tilt=8))
    whole = read_dicom(tmp_path / "in")
    shift = np.eye(4)
    shift[:3, 3] = 2, 3, 1
    crop = Volume(whole.voxels[1:4, 3:9, 2:8], whole.ijk_to_ras @ shift, "CT", whole.meta)
    write_dicom_series(crop, tmp_path / "out")
    again = read_dicom(tmp_path / "out")
    np.testing.assert_allclose(again.ijk_to_ras, crop.ijk_to_ras, atol=1e-6)
    np.testing.assert_array_equal(again.voxels, crop.voxels)
    sources = [frame.header.SOPInstanceUID for frame in whole.meta["dicom"].frames]
    for k, image in enumerate(images(tmp_path / "out")):
        (item,) = image.SourceImageSequence
        assert item.ReferencedSOPInstanceUID == sources[k + 1]
        assert item.SpatialLocationsPreserved == "NO"
        assert image.FrameOfReferenceUID == whole.meta["dicom"].header.FrameOfReferenceUID


def test_fewer_slices_of_the_same_grid_keep_the_header_numbers(dicom, tmp_path):
    dicom.series(tmp_path / "in", dicom.phantom(), dicom.lps_matrix(tilt=8))
    whole = read_dicom(tmp_path / "in")
    shift = np.eye(4)
    shift[2, 3] = 3
    write_dicom_series(Volume(whole.voxels[3:], whole.ijk_to_ras @ shift, "CT", whole.meta), tmp_path / "out")
    for k, image in enumerate(images(tmp_path / "out")):
        assert image.ImagePositionPatient == whole.meta["dicom"].frames[k + 3].header.ImagePositionPatient
        assert image.SourceImageSequence[0].SpatialLocationsPreserved == "YES"


def test_finer_slices_get_places_and_thickness_of_their_own(dicom, tmp_path):
    dicom.series(tmp_path / "in", dicom.phantom(), dicom.lps_matrix(origin=(0, 0, 0)))
    whole = read_dicom(tmp_path / "in")
    fine = whole.ijk_to_ras @ np.diag([1, 1, 0.5, 1])
    write_dicom_series(Volume(np.repeat(whole.voxels, 2, axis=0), fine, "CT", whole.meta), tmp_path / "out")
    written = images(tmp_path / "out")
    assert [float(image.SliceLocation) for image in written] == pytest.approx(np.arange(10) * 1.25)
    assert {(float(image.SliceThickness), float(image.SpacingBetweenSlices)) for image in written} == {(1.25, 1.25)}
    assert sorted(int(image.InstanceNumber) for image in written) == list(range(1, 11))


def test_a_reformatted_volume_names_every_source_image(dicom, tmp_path):
    def change(image, k):
        image.LossyImageCompression = "01"

    dicom.series(tmp_path / "in", dicom.phantom(), dicom.lps_matrix(), change=change)
    whole = read_dicom(tmp_path / "in")
    turned = Volume(whole.voxels.transpose(1, 0, 2), whole.ijk_to_ras[:, [0, 2, 1, 3]], "CT", whole.meta)
    write_dicom_series(turned, tmp_path / "out")
    again = read_dicom(tmp_path / "out")
    for image in images(tmp_path / "out"):
        assert len(image.SourceImageSequence) == 5
        assert (image.LossyImageCompression, image.KVP) == ("01", 120)
    corner = again.voxels[
        tuple(np.rint(np.linalg.inv(again.ijk_to_ras) @ whole.ijk_to_ras @ [9, 2, 3, 1])[2::-1].astype(int))
    ]
    assert corner == whole.voxels[3, 2, 9]


def test_left_handed_grids_keep_every_voxel_in_place(dicom, tmp_path):
    right = dicom.ras(dicom.lps_matrix(turn=dicom.rotation(5, 6, 7)))
    left = right @ np.diag([1, 1, -1, 1])
    volume = Volume(dicom.phantom(), left, "CT")
    write_dicom_series(volume, tmp_path / "out")
    again = read_dicom(tmp_path / "out")
    np.testing.assert_array_equal(again.voxels, volume.voxels[::-1])
    np.testing.assert_allclose(again.ijk_to_ras @ [0, 0, 4, 1], left @ [0, 0, 0, 1], atol=1e-6)
