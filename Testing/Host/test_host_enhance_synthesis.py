"""Synthesize in the panel: images of a seed as a volume or as a sequence, which are nobody's and are never taken as input."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel_hand
import pytest
from slicer_host import hand


@pytest.fixture
def panel(host: Any, added: None) -> Any:
    panel_hand.small_head()
    panel = panel_hand.open_panel(host)
    panel_hand.ready(panel)
    return panel


def test_images_are_made_as_a_volume(host: Any, panel: Any) -> None:
    import slicer

    from DiffusionCore.slicerbridge.results import report_of
    from DiffusionCore.slicerbridge.scans import first_volume

    ui, head = panel.ui, panel.parameters.inputVolume
    slicer.mrmlScene.RemoveNode(head)
    hand.turn()
    hand.set_value(ui.taskCombo, "Synthesize")
    hidden = [one.isHidden() for one in (ui.synthesisGroup, ui.superresGroup, ui.inputSection, ui.howSection)]
    assert hidden == [False, True, True, True]
    assert "16×16 voxels" in ui.taskHint.text and "z_fraction 0.2 to 0.8" in ui.taskHint.text
    hand.set_value(ui.countSpinBox, 3)
    hand.set_value(ui.conditionLine, "z_fraction=0.3:0.7")
    hand.open_section(ui.advancedSection)
    hand.set_value(ui.seedSpinBox, 5)
    assert ui.expectedLabel.text.startswith("How long it takes is known after the first image")
    panel_hand.apply(panel)
    assert ui.stateLabel.text == "finished"
    assert ui.expectedLabel.text.startswith("about ")
    node = panel.parameters.resultVolume
    assert (node.GetName(), panel_hand.voxels_of(node).shape) == ("tiny-noise seed 5", (3, 16, 16))
    assert report_of(node)["provenance"]["options"]["condition"] == "z_fraction=0.3:0.7"
    assert first_volume() is None
    assert panel.parameters.inputVolume is None
    red = slicer.mrmlScene.GetSingletonNode("Red", "vtkMRMLSliceCompositeNode")
    assert red.GetBackgroundVolumeID() == node.GetID()
    for button in (ui.sideBySideButton, ui.dicomButton):
        assert button.toolTip == "This image was made from noise; there is no scan to compare it with."
    first = panel_hand.voxels_of(node).copy()
    panel_hand.apply(panel)
    np.testing.assert_array_equal(panel_hand.voxels_of(panel.parameters.resultVolume), first)


def test_images_are_made_as_a_sequence(panel: Any) -> None:
    import slicer

    hand.set_value(panel.ui.taskCombo, "Synthesize")
    hand.set_value(panel.ui.countSpinBox, 2)
    hand.set_value(panel.ui.keepAsCombo, "a sequence")
    panel_hand.apply(panel)
    assert panel.ui.stateLabel.text == "finished"
    node = panel.parameters.resultVolume
    (browser,) = slicer.util.getNodesByClass("vtkMRMLSequenceBrowserNode")
    sequence = browser.GetMasterSequenceNode()
    assert sequence.GetNumberOfDataNodes() == 2
    assert browser.GetProxyNode(sequence) is node
    first = panel_hand.voxels_of(node).copy()
    assert first.shape == (1, 16, 16)
    browser.SetSelectedItemNumber(1)
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    assert np.any(panel_hand.voxels_of(node) != first)
    assert len(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")) == 2  # the head, and what plays
