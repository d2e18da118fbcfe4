"""Which series a folder holds, and which is meant."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from DiffusionCore.errors import InputError
from DiffusionCore.volume.dicom_read import read_dicom
from DiffusionCore.volume.dicom_scan import list_series


def packaged(name):
    return get_testdata_file(name, download=False)


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


def test_a_missing_path_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_dicom(tmp_path / "none")
    with pytest.raises(InputError, match="no DICOM image"):
        read_dicom(tmp_path)


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
