"""A DICOM series as a volume: places, order, values, and what is refused."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from DiffusionCore.errors import InputError, UsageError
from DiffusionCore.volume.dicom_read import read_dicom, read_dicom_header
from DiffusionCore.volume.dicom_scan import list_series
from DiffusionCore.volume.dicom_write import write_dicom_series


def packaged(name):
    return get_testdata_file(name, download=False)


@pytest.mark.parametrize("tilt", [0.0, 15.0])
@pytest.mark.parametrize("angles", [(0, 0, 0), (12, -20, 35), (0, 180, 0)])
def test_every_voxel_is_where_its_slice_header_says(dicom, tmp_path, angles, tilt):
    matrix = dicom.lps_matrix(turn=dicom.rotation(*angles), tilt=tilt)
    stored = dicom.phantom()
    dicom.series(tmp_path, stored, matrix)
    volume = read_dicom(tmp_path)
    np.testing.assert_allclose(volume.ijk_to_ras, dicom.ras(matrix), atol=1e-6)
    np.testing.assert_array_equal(volume.voxels, stored - 1024)
    assert volume.modality == "CT"
    np.testing.assert_allclose(volume.meta["dicom"].positions, [matrix[:3, 3] + k * matrix[:3, 2] for k in range(5)])


def test_left_is_left(dicom, tmp_path):
    # DICOM's x grows to the left: the last column of an axial image lies to the patient's left, and R of RAS is minus.
    dicom.series(tmp_path, dicom.phantom(), dicom.lps_matrix(origin=(0, 0, 0)))
    volume = read_dicom(tmp_path)
    right = [(volume.ijk_to_ras @ [i, 0, 0, 1])[0] for i in (0, 9)]
    assert right == [0.0, pytest.approx(-9 * 0.5)]


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


def test_other_files_and_subfolders_do_not_matter(dicom, tmp_path):
    dicom.series(tmp_path / "a" / "b", dicom.phantom(), dicom.lps_matrix())
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "short.bin").write_bytes(b"\x08\x00\x05")
    assert read_dicom(tmp_path).shape == (5, 12, 10)


def test_several_series_are_listed_and_chosen_by_number_or_uid(dicom, tmp_path):
    dicom.series(tmp_path, dicom.phantom(), dicom.lps_matrix(), uid="1", number=3)
    dicom.series(tmp_path, dicom.phantom((4, 12, 10)), dicom.lps_matrix(), uid="2", number=4)
    with pytest.raises(
        InputError, match=r"2 series; .*--series.* 3 \"Head 2.5\" \(CT, 5 images\), 4 .*4 images"
    ) as caught:
        read_dicom(tmp_path)
    assert "ller" not in str(caught.value)
    found = list_series(tmp_path)
    assert [(s.number, s.description, s.modality, s.count) for s in found] == [
        (3, "Head 2.5", "CT", 5),
        (4, "Head 2.5", "CT", 4),
    ]
    assert read_dicom(tmp_path, series=4).shape[0] == 4
    assert read_dicom(tmp_path, series="3").shape[0] == 5
    assert read_dicom(tmp_path, series=found[1].uid).shape[0] == 4
    with pytest.raises(InputError, match="no series 9"):
        read_dicom(tmp_path, series=9)


def test_series_of_one_number_are_told_apart_by_uid(dicom, tmp_path):
    for uid in ("1", "2"):
        dicom.series(tmp_path / uid, dicom.phantom(), dicom.lps_matrix(), uid=uid)
    uids = [s.uid for s in list_series(tmp_path)]
    for choice in (None, 3):
        with pytest.raises(InputError) as caught:
            read_dicom(tmp_path, series=choice)
        assert all(uid in str(caught.value) for uid in uids)


def test_a_localizer_series_is_left_aside(dicom, tmp_path):
    def scout(image, k):
        image.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]

    dicom.series(tmp_path, dicom.phantom(), dicom.lps_matrix(), uid="1", number=3)
    dicom.series(tmp_path, dicom.phantom((1, 12, 10)), dicom.lps_matrix(), uid="2", number=1, change=scout)
    volume = read_dicom(tmp_path)
    assert volume.shape[0] == 5
    assert any("localizer" in w for w in volume.meta["warnings"])


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda image: delattr(image, "ImagePositionPatient"), "ImagePositionPatient is missing"),
        (lambda image: setattr(image, "PixelSpacing", ["0", "1"]), "PixelSpacing is 0×1 mm"),
        (lambda image: setattr(image, "PixelSpacing", None), "PixelSpacing is missing"),
        (lambda image: setattr(image, "ImageOrientationPatient", [1, 0, 0, 1, 0, 0]), "perpendicular"),
        (lambda image: setattr(image, "RescaleSlope", "0"), "rescale slope is 0"),
        (lambda image: setattr(image, "PhotometricInterpretation", "PALETTE COLOR"), "colour image"),
        (lambda image: setattr(image, "Modality", "RTDOSE"), "not a scan"),
        (lambda image: setattr(image, "PixelData", image.PixelData[:-9]), "truncated or damaged"),
    ],
)
def test_images_that_cannot_be_placed_or_valued_are_refused(dicom, tmp_path, change, message):
    paths = dicom.series(tmp_path, dicom.phantom(), dicom.lps_matrix())
    for path in paths:
        image = pydicom.dcmread(path)
        change(image)
        image.save_as(path)
    with pytest.raises(InputError, match=message):
        read_dicom(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("MR_truncated.dcm", "truncated or damaged"),
        ("SC_rgb_rle.dcm", "colour image"),
        ("rtdose.dcm", "not a scan"),
        ("liver_1frame.dcm", "not a scan"),
        ("JPEG-lossy.dcm", "ImagePositionPatient is missing"),
        ("reportsi.dcm", "no DICOM image"),
        ("README.txt", "no DICOM image"),
        ("rtplan_truncated.dcm", "no DICOM image|damaged"),
    ],
)
def test_packaged_files_that_are_no_scans_are_refused_in_one_sentence(name, message):
    with pytest.raises(InputError, match=message) as caught:
        read_dicom(packaged(name))
    assert str(caught.value).startswith(name)
    assert "\n" not in str(caught.value)


def test_a_missing_path_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_dicom(tmp_path / "none")
    with pytest.raises(InputError, match="no DICOM image"):
        read_dicom(tmp_path)


def test_packaged_ct_is_in_hounsfield_units_with_its_padding():
    volume = read_dicom(packaged("CT_small.dcm"))
    stored = pydicom.dcmread(packaged("CT_small.dcm")).pixel_array
    np.testing.assert_array_equal(volume.voxels[0], stored.astype(int) - 1024)
    assert (volume.modality, volume.meta["units"], volume.voxels.dtype) == ("CT", "HU", np.int16)
    assert (volume.meta["pixel_padding_stored"], volume.meta["pixel_padding"]) == (-2000, -3024)
    assert volume.spacing == pytest.approx((5.0, 0.661468, 0.661468))
    assert volume.ijk_to_ras[:3, 3] == pytest.approx([158.135803, 179.035797, -75.699997])


@pytest.mark.parametrize("name", ["RLE", "bigendian", "expb", "implicit", "jp2klossless", "jpeg_ls_lossless", "padded"])
def test_every_encoding_of_one_image_gives_the_same_volume(name):
    reference = read_dicom(packaged("MR_small.dcm"))
    volume = read_dicom(packaged(f"MR_small_{name}.dcm"))
    np.testing.assert_array_equal(volume.voxels, reference.voxels)
    np.testing.assert_array_equal(volume.ijk_to_ras, reference.ijk_to_ras)
    assert volume.modality == "MR"


def test_an_unknown_compression_is_named(dicom, tmp_path):
    (path,) = dicom.series(tmp_path, dicom.phantom((1, 12, 10)), dicom.lps_matrix())
    image = pydicom.dcmread(path)
    image.PixelData = pydicom.encaps.encapsulate([b"\x00" * 64])
    image["PixelData"].VR = "OB"
    image.file_meta.TransferSyntaxUID = pydicom.uid.HTJ2KLossless
    image.save_as(path)
    with pytest.raises(InputError, match=r"no decoder here for High-Throughput JPEG 2000.*uncompressed"):
        read_dicom(path)


def test_the_packaged_folder_of_series_is_listed():
    folder = packaged("DICOMDIR")
    found = {(s.number, s.modality, s.count) for s in list_series(folder)}
    assert {(2, "CT", 4), (5, "CT", 5), (700, "MR", 7)} <= found
    assert read_dicom(folder, series=5).shape == (5, 16, 16)
    with pytest.raises(InputError, match=r"missing: between -99\.48 and 103\.02 mm"):
        read_dicom(folder, series=next(s.uid for s in list_series(folder) if s.description == "Routine Brain"))


def test_a_file_without_preamble_is_read(dicom, tmp_path):
    (path,) = dicom.series(tmp_path, dicom.phantom((1, 12, 10)), dicom.lps_matrix())
    image = pydicom.dcmread(path)
    bare = tmp_path / "bare"
    pydicom.dcmwrite(bare, image, implicit_vr=True, little_endian=True, force_encoding=True, enforce_file_format=False)
    data = bare.read_bytes()
    start = data.index(b"\x08\x00\x05\x00")
    bare.write_bytes(data[start:])
    path.unlink()
    np.testing.assert_array_equal(read_dicom(bare).voxels, dicom.phantom((1, 12, 10)) - 1024)


@pytest.mark.parametrize("length", [132, 140, 300, 420, 800])
def test_a_cut_file_in_a_folder_is_named_in_a_warning(dicom, tmp_path, length):
    paths = dicom.series(tmp_path, dicom.phantom(), dicom.lps_matrix())
    (tmp_path / "cut.dcm").write_bytes(paths[0].read_bytes()[:length])
    volume = read_dicom(tmp_path)
    assert volume.shape[0] == 5
    assert volume.meta["warnings"] == ["1 damaged DICOM files were left out: cut.dcm"]
    with pytest.raises(InputError, match="damaged DICOM file"):
        read_dicom(tmp_path / "cut.dcm")


def test_header_agrees_with_the_volume(dicom, tmp_path):
    dicom.series(tmp_path, dicom.phantom(), dicom.lps_matrix(tilt=10))
    header, volume = read_dicom_header(tmp_path), read_dicom(tmp_path)
    assert (header.shape, header.spacing, header.frames) == (volume.shape, volume.spacing, 1)
    np.testing.assert_array_equal(header.ijk_to_ras, volume.ijk_to_ras)
    assert header.format == "DICOM"


def test_meta_says_nothing_about_the_patient(dicom, tmp_path):
    dicom.series(tmp_path, dicom.phantom(), dicom.lps_matrix())
    text = repr(read_dicom(tmp_path).meta)
    assert "ller" not in text and "T-0001" not in text and "1970" not in text


def test_odd_values_are_not_quoted_in_warnings_or_logs(dicom, tmp_path, caplog, recwarn):
    paths = dicom.series(tmp_path, dicom.phantom(), dicom.lps_matrix())
    for path in paths:
        path.write_bytes(path.read_bytes().replace(b"19700101", b"1970-1-1"))
    volume = read_dicom(tmp_path)
    write_dicom_series(volume, tmp_path / "out")
    assert not recwarn.list
    assert "1970" not in caplog.text
    assert pydicom.dcmread(tmp_path / "out" / "00001.dcm")["PatientID"].value == "T-0001"
