"""Classify as a hand does it: press Apply, read the answer, click a region, write the report; and all that can go wrong."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import classify_hand
import numpy as np
import panel_hand
import pytest
from slicer_host import hand


@pytest.fixture
def panel(host: Any, classifiers: Any, classify_worker: Any) -> Any:
    classifiers("both")
    return classify_hand.open_panel(host)


@pytest.fixture
def outlined(panel: Any) -> Any:
    """The panel with a label map that was classified."""
    hand.set_value(panel.ui.inputSelector, classify_hand.label_map())
    panel_hand.apply(panel)
    return panel


def table(panel: Any) -> list[list[str]]:
    shown = panel.ui.probabilitiesTable
    return [[shown.item(row, column).text() for column in range(3)] for row in range(shown.rowCount)]


def test_an_outline_gives_probabilities_saliency_and_regions_beside_it(outlined: Any) -> None:
    from DiffusionClassifyLib.results import MAP, regions_of

    from DiffusionCore.slicerbridge.results import INPUT, part

    panel, result = outlined, outlined.parameters.result
    node = panel.parameters.inputNode
    assert panel.ui.stateLabel.text == "finished"
    assert result.GetName() == "Gland classified"
    assert part(result, INPUT) is node
    rows = table(panel)
    assert [row[0] for row in rows] == ["normal", "mass"]
    assert sum(float(row[1]) for row in rows) == pytest.approx(1, abs=0.002)
    for _name, p, interval in rows:
        low, high = map(float, interval.split(" to "))
        assert low <= float(p) <= high
    said = max(rows, key=lambda row: float(row[1]))[0]
    assert panel.ui.answerLabel.text.startswith(f"{said}: probability 0.")
    saliency = part(result, MAP)
    assert saliency.GetName() == "Gland classified saliency"
    values = panel_hand.voxels_of(saliency)
    assert values.shape == classify_hand.blob().shape
    assert 0 <= values.min() <= values.max() <= 1
    np.testing.assert_array_equal(panel_hand.voxels_of(node), classify_hand.blob())
    boxes = regions_of(result)
    assert len(boxes) == panel.ui.regionsList.count > 0
    assert all(box.GetLocked() for box in boxes)
    parents = {panel_hand.parent_item(one) for one in (node, result, saliency, *boxes)}
    assert len(parents) == 1


def test_boxes_lie_where_the_answer_says(outlined: Any) -> None:
    import slicer
    import vtk
    from DiffusionClassifyLib.results import answer_of, regions_of

    result = outlined.parameters.result
    for box, node in zip(answer_of(result)["regions"], regions_of(result), strict=True):
        place = [0.0, 0.0, 0.0]
        node.GetCenterWorld(place)
        np.testing.assert_allclose(place, box["centre"], atol=1e-4)
        np.testing.assert_allclose(node.GetSize(), box["size"], atol=1e-4)
        matrix = vtk.vtkMatrix4x4()
        matrix.DeepCopy(node.GetObjectToWorldMatrix())
        np.testing.assert_allclose(slicer.util.arrayFromVTKMatrix(matrix)[:3, :3], box["axes"], atol=1e-6)


def test_a_click_on_a_region_brings_every_view_there(outlined: Any) -> None:
    from DiffusionClassifyLib.results import answer_of
    from PySide6 import QtCore, QtTest

    regions = outlined.ui.regionsList
    boxes = answer_of(outlined.parameters.result)["regions"]
    row = len(boxes) - 1
    spot = regions.visualItemRect(regions.item(row)).center()
    QtTest.QTest.mouseClick(regions.viewport(), QtCore.Qt.LeftButton, QtCore.Qt.NoModifier, spot)
    hand.turn()
    for place in classify_hand.centre_of_views():
        np.testing.assert_allclose(place, boxes[row]["centre"], atol=1e-3)


def test_a_segment_is_classified_as_its_label_map_would_be(panel: Any) -> None:
    over = panel_hand.small_head()
    node = classify_hand.segmentation(over)
    hand.set_value(panel.ui.inputSelector, node)
    panel_hand.apply(panel)
    assert panel.ui.stateLabel.text == "finished"
    assert panel.parameters.result.GetName() == "Gland classified"
    from DiffusionClassifyLib.results import MAP, backdrop_of

    from DiffusionCore.slicerbridge.results import part

    assert backdrop_of(panel.parameters.result) is over
    saliency = part(panel.parameters.result, MAP)
    inside = [0.0] * 6
    saliency.GetRASBounds(inside)
    whole = [0.0] * 6
    over.GetRASBounds(whole)
    np.testing.assert_allclose(np.mean(inside), np.mean(whole), atol=6)
    hand.set_value(panel.ui.structureCombo, "Empty")
    panel_hand.apply(panel)
    assert panel.ui.stateLabel.text == "failed: the segment is empty; draw the structure first"


def test_a_scan_is_classified_at_a_box_and_searched_without_one(panel: Any) -> None:
    from DiffusionClassifyLib.results import MAP, answer_of

    from DiffusionCore.slicerbridge.results import part

    node = panel_hand.small_head()
    hand.set_value(panel.ui.inputSelector, node)
    hand.set_value(panel.ui.roiSelector, classify_hand.box(classify_hand.middle(node)))
    panel_hand.apply(panel)
    assert [row[0] for row in table(panel)] == ["other tissue", "tumour"]
    assert panel.ui.mapCheckBox.text == "Show the saliency"
    hand.set_value(panel.ui.roiSelector, None)
    panel_hand.apply(panel)
    assert panel.ui.answerLabel.text.startswith("Searched field by field: no answer")
    assert "⚠ the probability map is unvalidated" in panel.ui.warningsLabel.text
    assert panel.ui.mapCheckBox.text == "Show the probability"
    assert table(panel) == []
    result = panel.parameters.result
    assert answer_of(result)["searched"]
    assert panel_hand.voxels_of(part(result, MAP)).shape == panel_hand.voxels_of(node).shape


def test_a_box_outside_the_scan_is_one_sentence(panel: Any) -> None:
    hand.set_value(panel.ui.inputSelector, panel_hand.small_head())
    hand.set_value(panel.ui.roiSelector, classify_hand.box((900.0, 900.0, 900.0)))
    panel_hand.apply(panel)
    assert panel.ui.stateLabel.text.startswith("failed: ")
    assert panel.parameters.result is None


def test_abstaining_is_said_with_its_reason(host: Any, classifiers: Any, panel: Any) -> None:
    import slicer

    classifiers("strict")
    slicer.util.selectModule("Volumes")
    host.open_module("DiffusionClassify")
    hand.wait_until(
        lambda: panel.ui.modelHint.text.startswith("tiny-strict") or panel.choices.models[0][0].name == "tiny-strict",
        20,
    )
    hand.set_value(panel.ui.inputSelector, classify_hand.label_map())
    panel_hand.apply(panel)
    ui = panel.ui
    assert ui.stateLabel.text == "finished"
    assert ui.answerLabel.text.startswith(
        "No answer, abstained because the input is unlike what 'tiny-strict' was trained"
    )
    assert table(panel) == []
    assert (ui.mapCheckBox.enabled, ui.mapCheckBox.toolTip) == (
        False,
        "This result has no map: the model gave no answer.",
    )
    assert ui.reportButton.enabled
    hand.open_section(ui.advancedSection)
    hand.set_value(ui.forceCheckBox, True)
    panel_hand.apply(panel)
    assert "answered all the same, as asked" in ui.warningsLabel.text
    assert len(table(panel)) == 2


def long_job(panel: Any) -> None:
    hand.set_value(panel.ui.inputSelector, classify_hand.label_map())
    hand.open_section(panel.ui.advancedSection)
    hand.set_value(panel.ui.samplesSpinBox, 1000)
    hand.set_value(panel.ui.stepsSpinBox, 1000)
    hand.click(panel.ui.applyButton)
    panel_hand.running(panel)


def test_cancel_leaves_nothing_and_the_next_run_works(panel: Any) -> None:
    import slicer

    long_job(panel)
    assert panel.ui.applyButton.text == "Cancel"
    nodes = slicer.mrmlScene.GetNumberOfNodes()
    hand.click(panel.ui.applyButton)
    panel_hand.finish(panel, 30)
    assert panel.ui.stateLabel.text == "cancelled: nothing was changed"
    assert slicer.mrmlScene.GetNumberOfNodes() == nodes
    hand.set_value(panel.ui.samplesSpinBox, 2)
    hand.set_value(panel.ui.stepsSpinBox, 2)
    panel_hand.apply(panel)
    assert panel.ui.stateLabel.text == "finished"


def test_a_segment_drawn_on_while_it_is_worked_on_is_said_in_the_result(panel: Any) -> None:
    import slicer

    node = classify_hand.segmentation(panel_hand.small_head())
    hand.set_value(panel.ui.inputSelector, node)
    panel_hand.apply(panel)
    assert "was changed while" not in panel.ui.warningsLabel.text
    hand.click(panel.ui.applyButton)
    segment = node.GetSegmentation().GetNthSegment(0)
    drawn = slicer.vtkOrientedImageData()
    drawn.DeepCopy(segment.GetRepresentation("Binary labelmap"))
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    logic.SetBinaryLabelmapToSegment(drawn, node, node.GetSegmentation().GetNthSegmentID(0), logic.MODE_REPLACE)
    panel_hand.finish(panel)
    assert "was changed while it was worked on" in panel.ui.warningsLabel.text


def test_a_worker_killed_from_outside_is_said(panel: Any) -> None:
    long_job(panel)
    os.kill(panel.worker.pid, signal.SIGKILL)
    panel_hand.finish(panel, 30)
    assert panel.ui.stateLabel.text.startswith("failed: the worker is gone")
    assert panel.ui.detailsButton.enabled


def test_the_scene_closed_while_it_runs_stays_empty(host: Any, panel: Any) -> None:
    import slicer

    long_job(panel)
    host.clear_scene()
    hand.run_for(1.0)
    assert slicer.util.getNodesByClass("vtkMRMLTableNode") == []
    assert panel.controls.state == "cancelled"


def test_an_input_removed_while_it_runs_takes_its_result_along(panel: Any) -> None:
    import slicer

    hand.set_value(panel.ui.inputSelector, classify_hand.label_map())
    hand.click(panel.ui.applyButton)
    slicer.mrmlScene.RemoveNode(panel.parameters.inputNode)
    panel_hand.finish(panel)
    assert "the scan was removed while it was worked on" in panel.ui.stateLabel.text
    assert slicer.util.getNodesByClass("vtkMRMLTableNode") == []


def test_a_report_of_three_files(host: Any, outlined: Any, tmp_path: Path) -> None:
    from DiffusionCore.report.markups import read_markups

    host.as_a_person()
    host.dialogs.answer(str(tmp_path), saying="report")
    hand.click(outlined.ui.reportButton)
    why_not = "Not while a scan is worked on."  # the report itself is
    assert (outlined.ui.reportButton.enabled, outlined.ui.reportButton.toolTip) == (False, why_not)
    panel_hand.finish(outlined)
    assert outlined.ui.stateLabel.text == "finished"
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["Gland_classified.json", "Gland_classified.mrk.json", "Gland_classified.png"]
    report = json.loads((tmp_path / files[0]).read_text())
    assert report["provenance"]["model"]["name"] == "tiny-outline"
    assert report["notice"] == "Research only. Not for clinical use."
    shown = {name: f"{one['probability']:.3f}" for name, one in report["probabilities"].items()}
    assert shown == {row[0]: row[1] for row in table(outlined)}
    assert len(read_markups(tmp_path / files[1])) == outlined.ui.regionsList.count
    assert len(report["regions"]) == outlined.ui.regionsList.count


@pytest.mark.parametrize("chosen", ["CT", ""])
def test_a_report_takes_the_scan_for_what_it_was_classified_as_whatever_is_chosen_now(panel: Any, chosen: str) -> None:
    from DiffusionClassifyLib.results import keep_classification
    from DiffusionClassifyLib.runs import report_job

    head = panel_hand.small_head("MRHeadReference")
    values = {"probabilities": [], "regions": [], "answer": "", "abstained": "", "warnings": [], "provenance": {}}
    result = keep_classification("Head classified", head, "", chosen, values)
    hand.set_value(panel.ui.modalityCombo, "MR" if chosen else "CT")
    job = report_job(result, panel.scans, "", lambda files: None)
    assert job.volumes()["volume"].modality == (chosen or "MR")


def test_a_result_comes_back_with_the_scene(host: Any, outlined: Any, tmp_path: Path) -> None:
    from DiffusionClassifyLib.results import MAP, regions_of

    from DiffusionCore.slicerbridge.results import part

    words, rows = outlined.ui.answerLabel.text, table(outlined)
    saved = host.save_scene(tmp_path / "scene.mrb")
    host.clear_scene()
    assert outlined.ui.answerLabel.text == "There is no result yet."
    host.load_scene(saved)
    hand.run_for(0.1)
    assert (outlined.ui.answerLabel.text, table(outlined)) == (words, rows)
    result = outlined.parameters.result
    assert part(result, MAP) is not None
    assert len(regions_of(result)) == outlined.ui.regionsList.count
