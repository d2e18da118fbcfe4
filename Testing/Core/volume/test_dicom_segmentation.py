"""Maps as DICOM segmentations: at their place, of the source's patient, valid, and refused in words where they can't be."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest

from DiffusionCore.errors import OutputError, UsageError
from DiffusionCore.volume import Volume, read_volume
from DiffusionCore.volume.dicom_derivation import DerivationRecord
from DiffusionCore.volume.dicom_segmentation import SegmentMap, write_segmentations
from DiffusionCore.volume.geometry import to_ras

hd = pytest.importorskip("highdicom")

RECORD = DerivationRecord("convert", "what the model looked at", model="m", version="0.1", weights_sha256="ab" * 32)


@pytest.fixture(params=["classic", "multi-frame", "tilted"])
def scan(request, dicom, tmp_path) -> Volume:
    voxels = np.random.default_rng(0).integers(0, 200, (6, 20, 24)).astype(np.int16)
    matrix = dicom.lps_matrix(turn=dicom.rotation(10, 5, 3), tilt=12.0 if request.param == "tilted" else 0.0)
    folder = tmp_path / "series"
    folder.mkdir()
    if request.param == "multi-frame":
        dicom.enhanced(folder / "a.dcm", [voxels], matrix)
    else:
        dicom.series(folder, voxels, matrix, "CT")
    return read_volume(folder)


def box(shape: tuple[int, int, int], *slices: slice) -> np.ndarray:
    inside = np.zeros(shape, bool)
    inside[slices] = True
    return inside


def results(scan: Volume) -> dict[str, list[SegmentMap]]:
    first = box(scan.shape, slice(1, 3), slice(4, 9), slice(5, 11))
    second = box(scan.shape, slice(2, 5), slice(8, 12), slice(3, 9))  # overlaps the first
    return {
        "saliency": [SegmentMap("saliency", np.where(first, 0.75, 0).astype(np.float32))],
        "regions": [SegmentMap("region 1", first), SegmentMap("region 2", second)],
    }


def test_every_voxel_is_at_its_place_in_the_patient(scan, tmp_path):
    folder = write_segmentations(tmp_path / "seg", scan, results(scan), RECORD)
    read = hd.seg.segread(folder / "regions.dcm")
    frames = read.PerFrameFunctionalGroupsSequence
    pixels = read.pixel_array
    seen = {1: 0, 2: 0}
    for frame, plane in zip(frames, pixels, strict=True):
        segment = int(frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        place = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float) * [-1, -1, 1]
        k = int(np.argmin([np.linalg.norm(to_ras(scan.ijk_to_ras, [0, 0, k]) - place) for k in range(scan.shape[0])]))
        np.testing.assert_allclose(to_ras(scan.ijk_to_ras, [0, 0, k]), place, atol=0.01)
        assert np.array_equal(plane != 0, results(scan)["regions"][segment - 1].voxels[k])
        seen[segment] += 1
    assert seen == {1: 2, 2: 3}


def test_saliency_keeps_its_values(scan, tmp_path):
    folder = write_segmentations(tmp_path / "seg", scan, results(scan), RECORD)
    read = hd.seg.segread(folder / "saliency.dcm")
    assert (read.SegmentationType, read.SegmentationFractionalType) == ("FRACTIONAL", "PROBABILITY")
    assert np.unique(read.pixel_array).tolist() == [0, round(0.75 * 255)]


def test_it_is_the_same_patient_and_study_and_says_what_it_is(scan, tmp_path):
    folder = write_segmentations(tmp_path / "seg", scan, results(scan), RECORD)
    source = scan.meta["dicom"].header
    for path in folder.iterdir():
        made = pydicom.dcmread(path)
        for keyword in ("PatientID", "StudyInstanceUID", "FrameOfReferenceUID"):
            assert made[keyword].value == source[keyword].value
        assert made.SeriesInstanceUID != source.SeriesInstanceUID
        assert made.ImageComments == "NOT FOR DIAGNOSTIC USE"
        assert made.SegmentSequence[0].SegmentAlgorithmType == "AUTOMATIC"


def test_the_same_result_has_the_same_identity(scan, tmp_path):
    once = write_segmentations(tmp_path / "once", scan, results(scan), RECORD)
    again = write_segmentations(tmp_path / "again", scan, results(scan), RECORD)
    uids = [[pydicom.dcmread(f / n).SOPInstanceUID for n in ("regions.dcm", "saliency.dcm")] for f in (once, again)]
    assert uids[0] == uids[1]
    assert len(set(uids[0])) == 2


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
def test_dciodvfy_finds_no_error(scan, tmp_path):
    folder = write_segmentations(tmp_path / "seg", scan, results(scan), RECORD)
    for path in folder.iterdir():
        said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False).stderr
        assert not [line for line in said.splitlines() if line.startswith("Error")], said


def test_what_is_no_dicom_is_refused():
    volume = Volume(np.zeros((3, 4, 5)), np.eye(4))
    with pytest.raises(UsageError, match="this scan is none"):
        write_segmentations(Path("seg"), volume, {}, RECORD)


def test_without_highdicom_it_says_what_to_install(scan, tmp_path, monkeypatch):
    monkeypatch.setattr("DiffusionCore.volume.dicom_segmentation.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"DiffusionCore\[seg\]"):
        write_segmentations(tmp_path / "seg", scan, results(scan), RECORD)
    assert not (tmp_path / "seg").exists()


def test_nothing_to_show_writes_nothing(scan, tmp_path):
    empty = {"regions": [SegmentMap("region 1", np.zeros(scan.shape, bool))]}
    with pytest.raises(OutputError, match="empty"):
        write_segmentations(tmp_path / "seg", scan, empty, RECORD)
    assert not (tmp_path / "seg").exists()
