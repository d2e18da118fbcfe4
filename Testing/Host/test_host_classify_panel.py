"""The panel that classifies, before anything is run: what the input is, which model looks at it, and why not."""

from __future__ import annotations

import unittest
from pathlib import Path
from typing import Any

import classify_hand
import numpy as np
import panel_hand
import pytest
from slicer_host import hand


@pytest.fixture
def panel(host: Any, classifiers: Any) -> Any:
    classifiers("both")
    return classify_hand.open_panel(host)


def test_without_an_input_it_says_what_to_choose(panel: Any) -> None:
    ui = panel.ui
    words = "Choose a scan, a label map or a segmentation first."
    assert (ui.applyButton.enabled, ui.applyButton.toolTip) == (False, words)
    assert ui.answerLabel.text == "There is no result yet."
    assert "tiny-outline: Untrained, for tests." in ui.modelHint.text
    assert "tiny-grey" in ui.modelHint.text


def test_every_disabled_control_says_why(panel: Any) -> None:
    from PySide6 import QtWidgets

    root = panel.ui.applyButton.window()
    kinds = (QtWidgets.QAbstractButton, QtWidgets.QComboBox, QtWidgets.QAbstractSpinBox, QtWidgets.QListWidget)
    named = [
        one for kind in kinds for one in root.findChildren(kind) if hasattr(panel.ui, one.property("objectName") or " ")
    ]
    mute = [one.property("objectName") for one in named if not one.isEnabled() and not one.property("toolTip")]
    assert len(named) > 12
    assert mute == []


def test_without_a_classifier_it_says_so_and_what_to_do(host: Any, classifiers: Any) -> None:
    classifiers("none")
    panel_hand.small_head()
    panel = classify_hand.open_panel(host)
    assert not panel.ui.applyButton.enabled
    for words in (panel.ui.modelHint.text, panel.ui.applyButton.toolTip):
        assert words.startswith("No classifier is installed")
        assert "diffusioncore models add FOLDER" in words
    assert (panel.ui.modelCombo.enabled, panel.ui.modelCombo.toolTip) == (False, "No classifier is installed.")


def test_a_classifier_added_later_is_found_when_the_module_is_opened_again(host: Any, classifiers: Any) -> None:
    import slicer

    classifiers("none")
    panel_hand.small_head()
    panel = classify_hand.open_panel(host)
    classifiers("both")
    slicer.util.selectModule("Volumes")
    host.open_module("DiffusionClassify")
    hand.wait_until(lambda: panel.ui.applyButton.enabled, 20)


def test_a_scan_is_the_input_already_and_takes_the_model_for_it(host: Any, classifiers: Any) -> None:
    classifiers("both")
    node = panel_hand.small_head()
    panel = classify_hand.open_panel(host)
    assert panel.ui.inputSelector.currentNode() is node
    assert panel.ui.recognisedLabel.text.startswith("MR (values 7 to 244 ")
    assert panel.ui.modelHint.text.startswith("tiny-grey: Untrained, for tests.")
    assert panel.ui.applyButton.enabled
    assert "no structure to choose" in panel.ui.structureCombo.toolTip


def test_a_label_map_takes_the_model_for_outlines_and_one_of_its_labels(panel: Any) -> None:
    voxels = classify_hand.blob()
    voxels[:4, :4, :4] = 7
    hand.set_value(panel.ui.inputSelector, classify_hand.label_map(voxels))
    assert panel.ui.recognisedLabel.text == "a label map with 2 labels"
    assert panel.ui.modelHint.text.startswith("tiny-outline: ")
    assert panel.ui.structureCombo.count == 2
    panel.ui.structureCombo.setCurrentIndex(1)
    hand.turn()
    assert panel.parameters.structure == "7"


def test_values_between_whole_numbers_are_no_labels(panel: Any) -> None:
    voxels = classify_hand.blob().astype(np.float32)
    voxels[voxels > 0] = 3
    voxels[:4, :4, :4] = 0.5
    hand.set_value(panel.ui.inputSelector, classify_hand.label_map(voxels))
    assert panel.ui.recognisedLabel.text == "a label map with 1 label"
    assert panel.ui.structureCombo.currentText.startswith("3")


def test_a_segmentation_offers_its_segments(panel: Any) -> None:
    node = classify_hand.segmentation(panel_hand.small_head())
    hand.set_value(panel.ui.inputSelector, node)
    assert panel.ui.recognisedLabel.text == "a segmentation with 2 segments"
    hand.set_value(panel.ui.structureCombo, "Empty")
    assert panel.parameters.structure == "empty"
    node.GetSegmentation().AddEmptySegment("third", "Third")
    hand.turn()
    assert panel.ui.structureCombo.count == 3
    node.GetSegmentation().GetSegment("third").SetName("Left gland")
    hand.turn()
    assert panel.ui.structureCombo.itemText(2) == "Left gland"


def test_a_model_that_takes_something_else_says_what_to_choose(panel: Any) -> None:
    hand.set_value(panel.ui.inputSelector, panel_hand.small_head())
    hand.set_value(panel.ui.modelCombo, "tiny-outline")
    assert panel.ui.applyButton.toolTip == (
        "tiny-outline takes the outline of one structure; choose its segmentation or label map."
    )
    hand.set_value(panel.ui.inputSelector, classify_hand.label_map())
    assert panel.ui.applyButton.enabled
    hand.set_value(panel.ui.modelCombo, "tiny-grey")
    assert panel.ui.applyButton.toolTip == "tiny-grey takes the grey values of a MR scan; choose the scan."


def empty() -> Any:
    return classify_hand.label_map(np.zeros((8, 8, 8), np.uint8))


def moved() -> Any:
    import slicer

    node = classify_hand.label_map()
    node.SetAndObserveTransformNodeID(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode").GetID())
    return node


def constant() -> Any:
    return panel_hand.volume(np.full((8, 16, 16), 7, np.int16), "flat")


@pytest.mark.parametrize(
    ("make", "words"), [(empty, "shows no structure"), (moved, "harden it"), (constant, "the same value")]
)
def test_what_cannot_be_classified_is_said_before_anything_runs(panel: Any, make: Any, words: str) -> None:
    hand.set_value(panel.ui.inputSelector, make())
    assert not panel.ui.applyButton.enabled
    assert words in panel.ui.applyButton.toolTip


def test_choices_come_back_with_the_scene(host: Any, panel: Any, tmp_path: Path) -> None:
    hand.set_value(panel.ui.inputSelector, classify_hand.label_map())
    hand.open_section(panel.ui.advancedSection)
    hand.set_value(panel.ui.samplesSpinBox, 7)
    hand.set_value(panel.ui.deviceCombo, "cpu")
    hand.set_value(panel.ui.modelCombo, "tiny-outline")
    saved = host.save_scene(tmp_path / "scene.mrb")
    host.clear_scene()
    host.load_scene(saved)
    hand.run_for(0.1)
    parameters = panel.parameters
    assert (parameters.samples, parameters.device, parameters.model) == (7, "cpu", "tiny-outline")
    assert panel.ui.inputSelector.currentNode().GetName() == "Gland"


def test_the_module_s_own_test(host: Any, classifiers: Any, classify_worker: Any) -> None:
    import sys

    classifiers("both")
    host.load_module("DiffusionClassify")
    host.started()
    test = sys.modules["DiffusionClassify"].DiffusionClassifyTest()
    outcome = unittest.TestResult()
    test.run(outcome)
    assert outcome.testsRun == 1
    assert outcome.errors == outcome.failures == []
