"""A volume as a derived DICOM series: values, windows, and the same bytes for the same result."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from DiffusionCore.errors import OutputError
from DiffusionCore.volume.dicom_derivation import DerivationRecord
from DiffusionCore.volume.dicom_read import read_dicom, read_dicom_source
from DiffusionCore.volume.dicom_write import write_dicom_series
from DiffusionCore.volume.volume import Volume

RECORD = DerivationRecord("enhance", "noise reduced", model="denoise-ct", version="1.2", weights_sha256="ab" * 32)


def images(folder):
    return [pydicom.dcmread(path) for path in sorted(folder.glob("*.dcm"))]


def files(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_same_result_twice_is_the_same_bytes(dicom, tmp_path):
    dicom.series(tmp_path / "in", dicom.phantom(), dicom.lps_matrix())
    for name in ("one", "two"):
        write_dicom_series(read_dicom(tmp_path / "in"), tmp_path / name, derivation=RECORD)
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_other_voxels_processing_or_source_are_another_series(dicom, tmp_path):
    dicom.series(tmp_path / "a", dicom.phantom(), dicom.lps_matrix())
    dicom.series(tmp_path / "b", dicom.phantom(), dicom.lps_matrix(), uid="2")
    volume = read_dicom(tmp_path / "a")
    brighter = volume.voxels.copy()
    brighter[0, 0, 0] += 1
    variants = [
        (volume, RECORD),
        (volume.with_voxels(brighter), RECORD),
        (volume, DerivationRecord("enhance", "noise reduced", parameters={"seed": 1})),
        (read_dicom(tmp_path / "b"), RECORD),
    ]
    series, instances = set(), set()
    for n, (variant, record) in enumerate(variants):
        write_dicom_series(variant, tmp_path / str(n), derivation=record)
        written = images(tmp_path / str(n))
        series |= {image.SeriesInstanceUID for image in written}
        instances |= {image.SOPInstanceUID for image in written}
    assert len(series) == 4
    assert len(instances) == 20
    assert volume.meta["dicom"].header.SeriesInstanceUID not in series


def test_writing_leaves_the_source_headers_alone(dicom, tmp_path):
    dicom.series(
        tmp_path / "in", dicom.phantom(), dicom.lps_matrix(), change=lambda im, k: setattr(im, "Manufacturer", "")
    )
    volume = read_dicom(tmp_path / "in")
    before = [str(frame.header) for frame in volume.meta["dicom"].frames]
    write_dicom_series(volume, tmp_path / "out", derivation=RECORD)
    assert [str(frame.header) for frame in volume.meta["dicom"].frames] == before


def test_ct_is_rounded_to_whole_hounsfield_units_and_clipped(dicom, tmp_path):
    values = np.zeros((2, 4, 4), np.float32)
    values[0, 0] = [-1024.4, 40.6, 3000.5, 1e6]
    write_dicom_series(Volume(values, dicom.ras(dicom.lps_matrix()), "CT"), tmp_path / "out")
    first = images(tmp_path / "out")[0]
    assert (float(first.RescaleSlope), float(first.RescaleIntercept), first.RescaleType) == (1, 0, "HU")
    np.testing.assert_array_equal(first.pixel_array[0], [-1024, 41, 3000, 32767])
    assert (first.SmallestImagePixelValue, first.LargestImagePixelValue) == (-1024, 32767)


def test_whole_mr_values_are_stored_as_they_are(dicom, tmp_path):
    stored = dicom.phantom().astype(np.float32)
    write_dicom_series(Volume(stored, dicom.ras(dicom.lps_matrix()), "MR"), tmp_path / "out")
    for k, image in enumerate(images(tmp_path / "out")):
        np.testing.assert_array_equal(image.pixel_array, stored[k])
        assert "RescaleSlope" not in image
        assert image.SmallestImagePixelValue == stored[k].min()


@pytest.mark.parametrize("scale", [1e-6, 0.37, 1e7])
def test_fractional_mr_values_come_back_to_half_a_step(dicom, tmp_path, scale):
    values = (np.random.default_rng(0).random((3, 6, 5)) * scale - 0.2 * scale).astype(np.float32)
    write_dicom_series(Volume(values, dicom.ras(dicom.lps_matrix()), "MR"), tmp_path / "out")
    step = float(values.max() - values.min()) / 65535
    np.testing.assert_allclose(read_dicom(tmp_path / "out").voxels, values, rtol=0, atol=0.51 * step)


def test_a_constant_volume_can_be_written(dicom, tmp_path):
    for modality, value in (("CT", 0), ("MR", 0.25)):
        volume = Volume(np.full((2, 3, 3), value, np.float32), dicom.ras(dicom.lps_matrix()), modality)
        write_dicom_series(volume, tmp_path / modality)
        np.testing.assert_array_equal(read_dicom(tmp_path / modality).voxels, volume.voxels)


def test_padding_is_named_where_it_is_still_there(tmp_path):
    volume = read_dicom(get_testdata_file("CT_small.dcm", download=False))
    padded = volume.voxels.copy()
    padded[0, :3] = -3024
    write_dicom_series(volume.with_voxels(padded), tmp_path / "with")
    write_dicom_series(volume.with_voxels(np.maximum(padded, -1024)), tmp_path / "without")
    assert images(tmp_path / "with")[0].PixelPaddingValue == -3024
    assert "PixelPaddingValue" not in images(tmp_path / "without")[0]


def test_the_window_is_the_sources_or_that_of_the_values(dicom, tmp_path):
    def change(image, k):
        image.WindowCenter, image.WindowWidth = ["40", "600"], ["80", "1500"]
        image.WindowCenterWidthExplanation = ["BRAIN", "BONE"]

    dicom.series(tmp_path / "in", dicom.phantom(), dicom.lps_matrix(), change=change)
    write_dicom_series(read_dicom(tmp_path / "in"), tmp_path / "out")
    image = images(tmp_path / "out")[0]
    assert (image.WindowCenter, image.WindowWidth) == ([40, 600], [80, 1500])
    ramp = np.linspace(0, 1000, 8 * 50 * 50).reshape(8, 50, 50).astype(np.float32)
    write_dicom_series(Volume(ramp, dicom.ras(dicom.lps_matrix()), "MR"), tmp_path / "ramp")
    image = images(tmp_path / "ramp")[0]
    assert float(image.WindowCenter) == pytest.approx(500, abs=1)
    assert float(image.WindowWidth) == pytest.approx(990, abs=1)


def test_values_that_are_bright_where_low_stay_so(dicom, tmp_path):
    def change(image, k):
        image.PhotometricInterpretation = "MONOCHROME1"

    dicom.series(tmp_path / "in", dicom.phantom(), dicom.lps_matrix(), "MR", change=change)
    volume = read_dicom(tmp_path / "in")
    write_dicom_series(volume, tmp_path / "out")
    assert {image.PhotometricInterpretation for image in images(tmp_path / "out")} == {"MONOCHROME1"}
    np.testing.assert_array_equal(read_dicom(tmp_path / "out").voxels, volume.voxels)


def test_a_window_narrower_than_one_is_exact(dicom, tmp_path):
    values = np.random.default_rng(0).random((2, 8, 8))
    write_dicom_series(Volume(values, dicom.ras(dicom.lps_matrix()), "MR"), tmp_path / "out")
    image = images(tmp_path / "out")[0]
    assert image.VOILUTFunction == "LINEAR_EXACT"
    assert 0 < float(image.WindowWidth) < 1


def test_enhanced_sources_become_single_frames_that_name_the_frame(dicom, tmp_path):
    stored = [dicom.phantom(seed=n) for n in (1, 2)]
    dicom.enhanced(tmp_path / "e.dcm", stored, dicom.lps_matrix(tilt=5), echo_times=(5.0, 9.5))
    volume = read_dicom(tmp_path / "e.dcm", frame=1)
    write_dicom_series(volume, tmp_path / "out", derivation=RECORD)
    written = images(tmp_path / "out")
    np.testing.assert_array_equal([image.pixel_array for image in written], 2 * stored[1])
    for k, image in enumerate(written):
        assert "NumberOfFrames" not in image and "PerFrameFunctionalGroupsSequence" not in image
        assert image.SOPClassUID == pydicom.uid.MRImageStorage
        assert image.EchoTime == 9.5
        assert image.PatientName == "Müller^Test"
        # The builder stores frames from the last slice to the first, the two times of each in turn; numbered from 1.
        assert image.SourceImageSequence[0].ReferencedFrameNumber == 2 * (4 - k) + 2
    np.testing.assert_array_equal(read_dicom(tmp_path / "out").ijk_to_ras, volume.ijk_to_ras)


def test_a_derived_series_can_be_derived_from_again(dicom, tmp_path):
    dicom.series(tmp_path / "in", dicom.phantom(), dicom.lps_matrix())
    write_dicom_series(read_dicom(tmp_path / "in"), tmp_path / "one", derivation=RECORD)
    write_dicom_series(read_dicom(tmp_path / "one"), tmp_path / "two", derivation=RECORD)
    one, two = images(tmp_path / "one")[0], images(tmp_path / "two")[0]
    assert two.SourceImageSequence[0].ReferencedSOPInstanceUID == one.SOPInstanceUID
    assert two.PatientID == "T-0001"
    assert two.SeriesNumber == 2003
    purposes = [item.PurposeOfReferenceCodeSequence[0].CodeValue for item in two.ContributingEquipmentSequence]
    assert purposes == ["109101", "109102", "109101", "109102"]


def test_headers_alone_are_a_source(dicom, tmp_path):
    dicom.series(tmp_path / "in", dicom.phantom(), dicom.lps_matrix(tilt=5))
    volume = read_dicom(tmp_path / "in")
    bare = Volume(volume.voxels, volume.ijk_to_ras, "CT")
    write_dicom_series(volume, tmp_path / "one", derivation=RECORD)
    write_dicom_series(bare, tmp_path / "two", derivation=RECORD, source=read_dicom_source(tmp_path / "in"))
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_the_time_of_processing_is_written_on_request(dicom, tmp_path):
    volume = Volume(dicom.phantom(), dicom.ras(dicom.lps_matrix()), "CT")
    write_dicom_series(volume, tmp_path / "out", when=datetime(2026, 3, 4, 5, 6, 7))
    image = images(tmp_path / "out")[0]
    assert (image.ContentDate, image.ContentTime) == ("20260304", "050607")
    assert image.ContributingEquipmentSequence[0].ContributionDateTime == "20260304050607"


def test_an_existing_folder_is_kept_unless_told_otherwise(dicom, tmp_path):
    volume = Volume(dicom.phantom(), dicom.ras(dicom.lps_matrix()), "CT")
    write_dicom_series(volume, tmp_path / "out")
    before = files(tmp_path / "out")
    with pytest.raises(OutputError, match="exists"):
        write_dicom_series(volume.with_voxels(volume.voxels + 1), tmp_path / "out")
    assert files(tmp_path / "out") == before
    write_dicom_series(volume.with_voxels(volume.voxels + 1), tmp_path / "out", overwrite=True)
    assert files(tmp_path / "out") != before


def test_a_failure_while_writing_leaves_nothing(dicom, tmp_path, monkeypatch):
    from DiffusionCore.volume import dicom_write

    calls = []

    def failing(image, path):
        calls.append(path)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        path.write_bytes(b"part")

    monkeypatch.setattr(dicom_write, "_save", failing)
    with pytest.raises(OutputError, match="space"):
        write_dicom_series(Volume(dicom.phantom(), dicom.ras(dicom.lps_matrix()), "CT"), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda d: Volume(d.phantom(), np.eye(4), "OTHER"), "CT and MR, and this volume is OTHER"),
        (lambda d: Volume(d.phantom(), np.eye(4), "LABEL"), "CT and MR, and this volume is LABEL"),
        (lambda d: Volume(np.full((2, 2, 2), np.nan), np.eye(4), "MR"), "not numbers"),
        (
            lambda d: Volume(d.phantom(), np.array([[1, 0.1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), "CT"),
            "rows and columns are not perpendicular",
        ),
    ],
)
def test_volumes_that_are_no_dicom_series_are_refused(dicom, tmp_path, make, message):
    with pytest.raises(OutputError, match=message):
        write_dicom_series(make(dicom), tmp_path / "out")
    assert not (tmp_path / "out").exists()
