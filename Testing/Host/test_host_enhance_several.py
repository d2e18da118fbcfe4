"""Several scans at one press of Apply: those that wait, and the frames of a sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel_hand
import pytest
from slicer_host import hand


@pytest.fixture
def head(host: Any) -> Any:
    return panel_hand.small_head()


@pytest.fixture
def panel(host: Any, enhance_worker: Any, head: Any) -> Any:
    panel = panel_hand.open_panel(host)
    panel_hand.ready(panel)
    return panel


def test_several_volumes_one_of_them_bad(panel: Any, head: Any) -> None:
    from DiffusionEnhanceLib.waiting import queue_of, set_queue

    from DiffusionCore.slicerbridge.results import INPUT, part, results_of

    bad = panel_hand.volume(np.full((8, 16, 16), 7, np.int16), "flat")
    good = panel_hand.small_head("MRHeadReference")
    set_queue(panel.parameters, [bad, good, head])
    hand.turn()
    panel_hand.apply(panel)
    assert panel.ui.stateLabel.text.startswith("failed: 1 of 3 scans failed; flat: ")
    assert [node.GetName() for node in results_of(head)] == ["MRHeadNoisy enhanced"]
    assert [node.GetName() for node in results_of(good)] == ["MRHeadReference enhanced"]
    assert part(panel.parameters.resultVolume, INPUT) is head
    assert queue_of(panel.parameters) == [bad]  # may be tried again
    hand.set_value(panel.ui.inputSelector, good)
    assert part(panel.parameters.resultVolume, INPUT) is good


def test_a_sequence_frame_by_frame(host: Any, panel: Any, head: Any, tmp_path: Any) -> None:
    import slicer

    from DiffusionCore.slicerbridge.results import DIFFERENCE, INPUT, SOURCE_UIDS, part

    reference = panel_hand.small_head("MRHeadReference")
    for frame in (head, reference):
        frame.SetAttribute("DICOM.instanceUIDs", "1.2.3")
    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "Perfusion")
    sequence.SetDataNodeAtValue(head, "0")
    sequence.SetDataNodeAtValue(reference, "1")
    browser = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "Browser")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    proxy = browser.GetProxyNode(sequence)
    hand.set_value(panel.ui.inputSelector, proxy)
    panel_hand.ready(panel)
    assert panel.ui.allFramesCheckBox.text == "Every frame of the sequence (2)"
    hand.set_value(panel.ui.allFramesCheckBox, True)
    panel_hand.apply(panel)
    assert panel.ui.stateLabel.text == "finished: 2 scans"
    made = [node for node in slicer.util.getNodesByClass("vtkMRMLSequenceNode") if node is not sequence]
    assert [node.GetNumberOfDataNodes() for node in made] == [2]
    assert browser.GetProxyNode(made[0]) is panel.parameters.resultVolume

    hand.click(panel.ui.differenceButton)
    browser.SetSelectedItemNumber(1)  # as its slider does
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    hand.run_for(0.1)
    result = panel.parameters.resultVolume
    before, after, shown = (panel_hand.voxels_of(one) for one in (proxy, result, part(result, DIFFERENCE)))
    np.testing.assert_array_equal(before, panel_hand.voxels_of(reference))
    np.testing.assert_array_equal(shown, after.astype(float) - before)
    assert result.GetAttribute(SOURCE_UIDS) == "1.2.3"  # an export belongs to the patient, whichever frame is shown
    words = "Figures and maps are those of frame 1 of the sequence; go back to it."
    assert (panel.ui.reportButton.enabled, panel.ui.reportButton.toolTip) == (False, words)
    assert words in panel.ui.warningsLabel.text

    saved = host.save_scene(tmp_path / "scene.mrb")
    host.clear_scene()
    host.load_scene(saved)
    hand.run_for(0.1)
    result = panel.parameters.resultVolume
    assert part(result, INPUT) is panel.parameters.inputVolume
    assert panel.ui.allFramesCheckBox.text == "Every frame of the sequence (2)"
    assert panel.ui.reportButton.toolTip == words


def test_a_frame_that_was_not_reached_has_no_result(panel: Any, head: Any) -> None:
    import slicer

    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "Perfusion")
    for number in range(2):
        sequence.SetDataNodeAtValue(head, str(number))
    browser = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "Browser")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    hand.set_value(panel.ui.inputSelector, browser.GetProxyNode(sequence))
    panel_hand.ready(panel)
    hand.set_value(panel.ui.allFramesCheckBox, True)
    hand.click(panel.ui.applyButton)
    hand.wait_until(lambda: "2 of 2" in panel.ui.stateLabel.text, panel_hand.PATIENCE)
    hand.click(panel.ui.applyButton)
    panel_hand.finish(panel)
    assert panel.ui.stateLabel.text == "cancelled: 1 before it was done"
    assert panel.ui.differenceButton.enabled
    browser.SetSelectedItemNumber(1)
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    hand.run_for(0.1)
    words = "This frame of the sequence has no result; play another."
    for button in (panel.ui.differenceButton, panel.ui.blinkButton, panel.ui.dicomButton):
        assert (button.enabled, button.toolTip) == (False, words)
    assert panel.ui.warningsLabel.text.startswith(f"⚠ {words}")
