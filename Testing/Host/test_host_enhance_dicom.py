"""A scan that Slicer read from its DICOM database: recognised by it, and what is exported belongs to its patient and study."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import panel_hand
import pydicom
import pytest
from slicer_host import hand

SERIES = "0020,000e"
OF_THE_STUDY = ("PatientName", "PatientID", "PatientBirthDate", "StudyInstanceUID", "StudyDate", "FrameOfReferenceUID")


def builder() -> Any:
    """The builder of small series that the core's tests use."""
    place = panel_hand.REPOSITORY / "Testing" / "Core" / "volume" / "dicom_builder.py"
    spec = importlib.util.spec_from_file_location("dicom_builder", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def scan(host: Any, tmp_path: Path) -> Any:
    """A head as Slicer shows a series of MR images: under its study, known by its images' UIDs; another series lies in
    the same folder."""
    import slicer

    dicom = builder()
    head = panel_hand.small_head()
    voxels = panel_hand.voxels_of(head).copy()
    slicer.mrmlScene.RemoveNode(head)
    matrix = dicom.lps_matrix((1.0, 1.0, 1.0), turn=dicom.rotation(4, 0, 10))
    files = dicom.series(tmp_path / "in", voxels, matrix, "MR", uid="the scan's")
    dicom.series(tmp_path / "in", voxels[:5], matrix, "MR", uid="another's", number=9)
    headers = [pydicom.dcmread(file, stop_before_pixels=True) for file in files]
    host.dicom_images(
        {
            str(header.SOPInstanceUID): {
                "0008,0060": "MR",
                SERIES: str(header.SeriesInstanceUID),
                "file": str(file),
            }
            for header, file in zip(headers, files, strict=True)
        }
    )
    node = panel_hand.volume(voxels, "3: T1", dicom.ras(matrix))
    node.SetAttribute("DICOM.instanceUIDs", " ".join(str(header.SOPInstanceUID) for header in headers))
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Patient")
    study = hierarchy.CreateStudyItem(patient, "Study")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(node), study)
    return node


@pytest.fixture
def panel(host: Any, enhance_worker: Any, scan: Any) -> Any:
    panel = panel_hand.open_panel(host)
    panel_hand.ready(panel)
    return panel


def exported(panel: Any, folder: Path) -> list[Any]:
    """The images of the panel's result, written as a hand asks for it."""
    folder.mkdir()
    panel.keep_in("dicom", str(folder))
    panel_hand.finish(panel)
    assert panel.ui.stateLabel.text == "finished"
    (made,) = folder.iterdir()
    return [pydicom.dcmread(path) for path in sorted(made.iterdir())]


def source(folder: Path) -> Any:
    return next(image for image in map(pydicom.dcmread, (folder / "in").iterdir()) if image.SeriesNumber == 3)


def belongs(images: list[Any], to: Any) -> None:
    """The images are of the patient and study of an image, in a series of their own."""
    for image in images:
        assert [image[name].value for name in OF_THE_STUDY] == [to[name].value for name in OF_THE_STUDY]
        assert image.ImageType[0] == "DERIVED"
        assert image.SeriesInstanceUID != to.SeriesInstanceUID


def test_an_enhanced_series_keeps_patient_study_and_place(panel: Any, scan: Any, tmp_path: Path) -> None:
    assert panel.ui.recognisedLabel.text.startswith("MR (from DICOM)")
    panel_hand.apply(panel)
    result = panel.parameters.resultVolume
    assert panel_hand.parent_item(result) == panel_hand.parent_item(scan)
    images = exported(panel, tmp_path / "out")
    first = source(tmp_path)
    assert len(images) == len(panel_hand.voxels_of(scan))
    belongs(images, first)
    referred = {str(image.SourceImageSequence[0].ReferencedSOPInstanceUID) for image in images}
    assert referred == set(scan.GetAttribute("DICOM.instanceUIDs").split())
    for image in images:
        of = image.SourceImageSequence[0].ReferencedSOPInstanceUID
        own = next(one for one in map(pydicom.dcmread, (tmp_path / "in").iterdir()) if one.SOPInstanceUID == of)
        assert image.ImagePositionPatient == own.ImagePositionPatient
        assert "denoise-mr" in image.DerivationDescription


def test_a_part_and_a_finer_scan_belong_to_the_same_study(panel: Any, tmp_path: Path) -> None:
    import slicer

    bounds = [0.0] * 6
    panel.parameters.inputVolume.GetRASBounds(bounds)
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Part")
    roi.SetCenter(*((bounds[2 * axis] + bounds[2 * axis + 1]) / 2 for axis in range(3)))
    roi.SetSize(24, 24, 16)
    hand.set_value(panel.ui.roiSelector, roi)
    hand.set_value(panel.ui.taskCombo, "Super-resolve")
    panel_hand.apply(panel)
    images = exported(panel, tmp_path / "out")
    belongs(images, source(tmp_path))
    np.testing.assert_allclose(np.float64(images[0].PixelSpacing), 0.5)


def test_a_result_of_a_result_is_still_the_patients(panel: Any, scan: Any, tmp_path: Path) -> None:
    panel_hand.apply(panel)
    hand.set_value(panel.ui.inputSelector, panel.parameters.resultVolume)
    panel_hand.ready(panel)
    panel_hand.apply(panel)
    assert panel.parameters.resultVolume.GetName() == "3: T1 enhanced enhanced"
    belongs(exported(panel, tmp_path / "out"), source(tmp_path))


def test_images_that_are_gone_from_the_disk_are_said_and_nothing_is_written(panel: Any, tmp_path: Path) -> None:
    panel_hand.apply(panel)
    for file in (tmp_path / "in").iterdir():
        file.unlink()
    (tmp_path / "out").mkdir()
    panel.keep_in("dicom", str(tmp_path / "out"))
    panel_hand.finish(panel)
    assert panel.ui.stateLabel.text.startswith("failed: ")
    assert list((tmp_path / "out").iterdir()) == []
