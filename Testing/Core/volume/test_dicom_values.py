"""What stored DICOM pixels are worth: rescaling, signs, overlays, and other modalities."""

from __future__ import annotations

import numpy as np
import pytest

from DiffusionCore.errors import InputError
from DiffusionCore.volume.dicom_read import read_dicom


def test_whole_values_stay_whole_and_as_small_as_they_can(dicom, tmp_path):
    stored = dicom.phantom().astype(np.uint16)
    dicom.series(tmp_path / "small", stored, dicom.lps_matrix(), modality="MR")
    assert read_dicom(tmp_path / "small").voxels.dtype == np.int16
    stored[2, 3, 4] = 60000
    dicom.series(tmp_path / "large", stored, dicom.lps_matrix(), modality="MR")
    volume = read_dicom(tmp_path / "large")
    assert volume.voxels.dtype == np.int32
    assert volume.voxels[2, 3, 4] == 60000


def test_a_whole_slope_keeps_integers(dicom, tmp_path):
    def change(image, k):
        image.RescaleSlope, image.RescaleIntercept = "2", "-100"

    dicom.series(tmp_path, dicom.phantom(), dicom.lps_matrix(), change=change)
    volume = read_dicom(tmp_path)
    assert volume.voxels.dtype == np.int16
    np.testing.assert_array_equal(volume.voxels, 2 * dicom.phantom() - 100)


def test_each_slice_has_its_own_slope(dicom, tmp_path):
    def change(image, k):
        image.RescaleSlope, image.RescaleIntercept = str(0.5 + k), str(-k)

    dicom.series(tmp_path, dicom.phantom(), dicom.lps_matrix(), modality="PT", change=change)
    volume = read_dicom(tmp_path)
    assert volume.voxels.dtype == np.float32
    for k, plane in enumerate(dicom.phantom()):
        np.testing.assert_allclose(volume.voxels[k], plane * (0.5 + k) - k)


def test_pet_is_other_with_its_kind_and_units(dicom, tmp_path):
    dicom.series(tmp_path, dicom.phantom(), dicom.lps_matrix(), modality="PT")
    volume = read_dicom(tmp_path)
    assert (volume.modality, volume.meta["kind"], volume.meta["units"]) == ("OTHER", "PET", "BQML")
    assert volume.meta["modality_reason"] == "DICOM Modality is PT"


@pytest.mark.parametrize("tag", ["US", "CR", "DX", "NM"])
def test_other_modalities_are_named(dicom, tmp_path, tag):
    dicom.series(tmp_path, dicom.phantom(), dicom.lps_matrix(), change=lambda im, k: setattr(im, "Modality", tag))
    volume = read_dicom(tmp_path)
    assert (volume.modality, volume.meta["kind"]) == ("OTHER", tag)


def test_ct_that_is_not_in_hounsfield_units_is_other(dicom, tmp_path):
    dicom.series(
        tmp_path, dicom.phantom(), dicom.lps_matrix(), change=lambda im, k: setattr(im, "RescaleType", "Z_EFF")
    )
    volume = read_dicom(tmp_path)
    assert (volume.modality, volume.meta["units"]) == ("OTHER", "Z_EFF")


def test_monochrome1_values_are_kept_and_said(dicom, tmp_path):
    def change(image, k):
        image.PhotometricInterpretation = "MONOCHROME1"

    dicom.series(tmp_path, dicom.phantom(), dicom.lps_matrix(), modality="MR", change=change)
    volume = read_dicom(tmp_path)
    np.testing.assert_array_equal(volume.voxels, dicom.phantom())
    assert volume.meta["photometric"] == "MONOCHROME1"
    assert "kept as they are" in volume.meta["warnings"][0]


@pytest.mark.parametrize("signed", [True, False])
def test_overlays_in_the_high_bits_are_taken_off(dicom, tmp_path, signed):
    values = np.array([[[-5, 7, 0, 2047]]], np.int16) if signed else np.array([[[5, 7, 0, 4095]]], np.int16)
    hidden = ((values & 0x0FFF) | 0x4000).astype(np.int16 if signed else np.uint16)

    def change(image, k):
        image.BitsStored, image.HighBit = 12, 11
        image.add_new(0x60000102, "US", 14)

    dicom.series(tmp_path, hidden, dicom.lps_matrix(), modality="MR", change=change)
    np.testing.assert_array_equal(read_dicom(tmp_path).voxels, values)


def test_a_table_of_values_is_refused(dicom, tmp_path):
    def change(image, k):
        image.ModalityLUTSequence = [type(image)()]

    dicom.series(tmp_path, dicom.phantom(), dicom.lps_matrix(), change=change)
    with pytest.raises(InputError, match="mapped by a table"):
        read_dicom(tmp_path)


def test_values_above_the_lowest_bit_are_refused(dicom, tmp_path):
    def change(image, k):
        image.BitsStored, image.HighBit = 12, 15

    dicom.series(tmp_path, dicom.phantom(), dicom.lps_matrix(), change=change)
    with pytest.raises(InputError, match="HighBit 15"):
        read_dicom(tmp_path)
