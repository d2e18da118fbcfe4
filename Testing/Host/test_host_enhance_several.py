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


def played(name: str, frames: list[Any], browser: Any = None) -> tuple[Any, Any]:
    """(browser, volume node that shows a frame) of a new sequence of copies of volume nodes, which a browser plays."""
    import slicer

    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", name)
    for number, frame in enumerate(frames):
        sequence.SetDataNodeAtValue(frame, str(number))
    if browser is None:
        browser = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "Browser")
        browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    else:
        browser.AddSynchronizedSequenceNodeID(sequence.GetID())
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    return browser, browser.GetProxyNode(sequence)


def go_to(browser: Any, frame: int) -> None:
    """Show a frame, as the browser's slider does."""
    import slicer

    browser.SetSelectedItemNumber(frame)
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    hand.run_for(0.1)


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
    browser, proxy = played("Perfusion", [head, reference])
    sequence = browser.GetSequenceNode(proxy)
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
    go_to(browser, 1)
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
    browser, proxy = played("Perfusion", [head, head])
    hand.set_value(panel.ui.inputSelector, proxy)
    panel_hand.ready(panel)
    hand.set_value(panel.ui.allFramesCheckBox, True)
    hand.click(panel.ui.applyButton)
    hand.wait_until(lambda: "2 of 2" in panel.ui.stateLabel.text, panel_hand.PATIENCE)
    hand.click(panel.ui.applyButton)
    panel_hand.finish(panel)
    assert panel.ui.stateLabel.text == "cancelled: 1 scan was done before"
    assert panel.ui.differenceButton.enabled
    go_to(browser, 1)
    words = "This frame of the sequence has no result; play another."
    for button in (panel.ui.differenceButton, panel.ui.blinkButton, panel.ui.dicomButton):
        assert (button.enabled, button.toolTip) == (False, words)
    assert panel.ui.warningsLabel.text.startswith(f"⚠ {words}")


def test_a_sequence_against_a_sequence_within_a_box_and_another_volume_after_it(panel: Any, head: Any) -> None:
    import slicer
    from DiffusionEnhanceLib.waiting import set_queue

    from DiffusionCore.slicerbridge.results import report_of, results_of

    clean = panel_hand.small_head("MRHeadReference")
    browser, proxy = played("Perfusion", [head, head])
    _, truth = played("Truth", [clean, head], browser)
    slicer.mrmlScene.RemoveNode(clean)
    ui = panel.ui
    hand.set_value(ui.inputSelector, proxy)
    hand.set_value(ui.referenceSelector, proxy)
    assert ui.applyButton.toolTip.startswith("The reference is the volume itself")
    hand.set_value(ui.referenceSelector, truth)
    roi = ui.roiSelector.addNode()
    hand.set_value(ui.allFramesCheckBox, True)
    set_queue(panel.parameters, [head])
    panel_hand.ready(panel)
    assert ui.expectedLabel.text.endswith(" for each of 2 frames, and 1 more after it")
    go_to(browser, 1)  # the run takes frame by frame, whichever is shown
    hand.click(ui.applyButton)
    roi.SetSize(9, 9, 9)  # the run has the box that it began with
    panel_hand.finish(panel)
    assert ui.stateLabel.text == "finished: 3 scans"
    (result,) = results_of(proxy)
    made = browser.GetSequenceNode(result)
    assert [panel_hand.voxels_of(made.GetNthDataNode(n)).shape for n in range(2)] == [(20, 32, 36)] * 2
    figures = report_of(result)["figures"]["reference"]
    assert figures["after"]["PSNR, dB"] > figures["before"]["PSNR, dB"] + 3  # of frame 1 against frame 1
    (other,) = results_of(head)
    assert panel_hand.voxels_of(other).shape == panel_hand.voxels_of(head).shape
    assert "reference" not in report_of(other)["figures"]


def test_a_sequence_that_is_no_longer_played_is_said(panel: Any, head: Any) -> None:
    import slicer

    browser, proxy = played("Perfusion", [head, head])
    hand.set_value(panel.ui.inputSelector, proxy)
    panel_hand.ready(panel)
    hand.set_value(panel.ui.allFramesCheckBox, True)
    hand.click(panel.ui.applyButton)
    slicer.mrmlScene.RemoveNode(browser)
    panel_hand.finish(panel)
    assert "not played from its sequence any more" in panel.ui.stateLabel.text


def test_a_volume_changed_while_it_waits_is_enhanced_as_it_is_then(panel: Any, head: Any) -> None:
    import slicer
    from DiffusionEnhanceLib.waiting import set_queue

    from DiffusionCore.slicerbridge.results import report_of, results_of

    second = panel_hand.small_head("MRHeadReference")
    set_queue(panel.parameters, [second])
    hand.click(panel.ui.applyButton)
    panel_hand.voxels_of(second)[:] += 1
    slicer.util.arrayFromVolumeModified(second)
    panel_hand.finish(panel)
    (result,) = results_of(second)
    assert not [words for words in report_of(result)["warnings"] if "was changed" in words]
