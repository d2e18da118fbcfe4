"""A DICOM series as a volume: places, values, encodings, and what is refused."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from DiffusionCore.errors import InputError
from DiffusionCore.volume.dicom_read import read_dicom, read_dicom_header
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda image: delattr(image, "ImagePositionPatient"), "ImagePositionPatient is missing"),
        (lambda image: setattr(image, "PixelSpacing", ["0", "1"]), "PixelSpacing is 0×1 mm"),
        (lambda image: setattr(image, "PixelSpacing", None), "PixelSpacing is missing"),
        (lambda image: setattr(image, "ImageOrientationPatient", [1, 0, 0, 1, 0, 0]), "perpendicular"),
        (lambda image: setattr(image, "RescaleSlope", "0"), "RescaleSlope is zero or no number"),
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


def test_the_folder_one_stands_in_is_called_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        read_dicom(".")
    assert str(caught.value).startswith(f"{tmp_path.name}: no DICOM image here")


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


@pytest.mark.parametrize(
    ("compressor", "syntax"), [("JPEG", pydicom.uid.JPEGLosslessSV1), ("JPEG2000", pydicom.uid.JPEG2000Lossless)]
)
def test_lossless_compression_of_scanners_is_decoded(dicom, tmp_path, compressor, syntax):
    sitk = pytest.importorskip("SimpleITK")
    stored = dicom.phantom((1, 40, 32)).astype(np.uint16)
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.SetFileName(str(tmp_path / "packed.dcm"))
    writer.UseCompressionOn()
    writer.SetCompressor(compressor)
    writer.Execute(sitk.GetImageFromArray(stored[0]))
    packed = pydicom.dcmread(tmp_path / "packed.dcm")
    assert packed.file_meta.TransferSyntaxUID == syntax
    (path,) = dicom.series(tmp_path / "in", stored, dicom.lps_matrix())
    image = pydicom.dcmread(path)
    image.PixelData = packed.PixelData
    image["PixelData"].VR = "OB"
    image["PixelData"].is_undefined_length = True
    image.file_meta.TransferSyntaxUID = syntax
    image.save_as(path)
    np.testing.assert_array_equal(read_dicom(path).voxels, stored.astype(int) - 1024)


def test_an_unknown_compression_is_named(dicom, tmp_path):
    (path,) = dicom.series(tmp_path, dicom.phantom((1, 12, 10)), dicom.lps_matrix())
    image = pydicom.dcmread(path)
    image.PixelData = pydicom.encaps.encapsulate([b"\x00" * 64])
    image["PixelData"].VR = "OB"
    image.file_meta.TransferSyntaxUID = pydicom.uid.HTJ2KLossless
    image.save_as(path)
    with pytest.raises(InputError, match=r"no decoder here for High-Throughput JPEG 2000.*uncompressed"):
        read_dicom(path)


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


def test_rounded_direction_cosines_are_no_shear(dicom, tmp_path):
    def change(image, k):
        image.ImageOrientationPatient = [f"{float(x):.3f}" for x in image.ImageOrientationPatient]

    matrix = dicom.lps_matrix(turn=dicom.rotation(12, -20, 35))
    dicom.series(tmp_path, dicom.phantom(), matrix, change=change)
    columns = read_dicom(tmp_path).ijk_to_ras[:3, :2]
    assert columns[:, 0] @ columns[:, 1] == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(columns, dicom.ras(matrix)[:3, :2], atol=1e-3)


@pytest.mark.parametrize("kind", ["classic", "enhanced"])
def test_damage_anywhere_gives_one_sentence_or_a_volume(dicom, tmp_path, kind):
    if kind == "classic":
        (path,) = dicom.series(tmp_path, dicom.phantom((1, 6, 5)), dicom.lps_matrix())
    else:
        path = tmp_path / "e.dcm"
        dicom.enhanced(path, [dicom.phantom((2, 4, 4))], dicom.lps_matrix())
    whole = path.read_bytes()
    random = np.random.default_rng(5)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in random.integers(132, len(whole), random.integers(1, 5)):
            damaged[place] = random.choice([random.integers(256), *b"0123456789.- "])
        if random.random() < 0.3:
            start = random.integers(132, len(whole))
            del damaged[start : start + random.integers(1, 30)]
        path.write_bytes(damaged)
        try:
            assert read_dicom(path).voxels.size > 0
        except InputError as error:
            assert "\n" not in str(error)
