"""A result and the scene: saved and loaded again, parts of it removed."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel_hand
import pytest
import result_hand
from slicer_host import hand


@pytest.fixture
def panel(host: Any) -> Any:
    return result_hand.open_panel(host)


def test_a_map_of_a_result_is_no_scan(panel: Any) -> None:
    """A selector whose node is removed takes the one above by itself: it may be one."""
    import slicer

    from DiffusionCore.slicerbridge.results import RESIDUAL, part
    from DiffusionCore.slicerbridge.scans import first_volume

    scan, below = panel.parameters.inputVolume, panel_hand.small_head("MRHeadReference")
    hand.set_value(panel.ui.inputSelector, below)
    residual = part(panel.parameters.resultVolume, RESIDUAL)
    slicer.mrmlScene.RemoveNode(below)
    hand.run_for(0.05)
    assert panel.ui.inputSelector.currentNode() is residual
    reason = "This is the residual structure of a result; choose a scan."
    assert (panel.ui.applyButton.enabled, panel.ui.applyButton.toolTip) == (False, reason)
    assert first_volume() is scan
    slicer.mrmlScene.RemoveNode(scan)
    assert first_volume() is panel.parameters.resultVolume  # the only one left that looks like a scan


def test_a_scene_comes_back_with_result_overlays_table_and_choices(host: Any, panel: Any, tmp_path: Any) -> None:
    import slicer

    from DiffusionCore.slicerbridge.results import DIFFERENCE, INPUT, RESIDUAL, TABLE, UNCERTAINTY, part

    hand.click(panel.ui.differenceButton)
    hand.click(panel.ui.differenceButton)
    hand.set_value(panel.ui.strengthSlider, 0.7)
    after = panel_hand.voxels_of(panel.parameters.resultVolume).copy()
    saved = host.save_scene(tmp_path / "scene.mrb")
    host.clear_scene()
    assert panel.ui.applyButton.toolTip == "Choose a volume first."
    host.load_scene(saved)
    hand.run_for(0.1)
    result = panel.parameters.resultVolume
    assert result.GetName() == "MRHeadNoisy enhanced"
    np.testing.assert_array_equal(panel_hand.voxels_of(result), after)
    assert part(result, INPUT) is panel.parameters.inputVolume
    for role in (UNCERTAINTY, RESIDUAL, DIFFERENCE, TABLE):
        assert part(result, role) is not None, role
    assert panel.ui.strengthSlider.value == pytest.approx(0.7)
    assert panel.ui.metricsTable.rowCount == 7
    assert panel.ui.warningsLabel.text.startswith("⚠ what was removed")
    hand.click(panel.ui.uncertaintyButton)
    assert panel.ui.legendLabel.text.startswith("uncertainty: violet 0")
    assert slicer.util.getNodesByClass("vtkMRMLPlotChartNode") == []


@pytest.mark.parametrize("closed_first", [False, True])
def test_of_several_volumes_a_scene_comes_back_with_the_one_that_was_chosen(
    host: Any, tmp_path: Any, closed_first: bool
) -> None:
    panel_hand.small_head()
    panel = panel_hand.open_panel(host)
    hand.set_value(panel.ui.inputSelector, panel_hand.small_head("MRHeadReference"))
    saved = host.save_scene(tmp_path / "scene.mrb")
    if closed_first:
        host.clear_scene()
    host.load_scene(saved)
    hand.run_for(0.1)
    assert panel.parameters.inputVolume.GetName() == "MRHeadReference"
    assert panel.ui.inputSelector.currentNode() is panel.parameters.inputVolume


def test_a_scene_saved_while_a_wipe_is_looked_at_comes_back_with_it(host: Any, panel: Any, tmp_path: Any) -> None:
    from DiffusionCore.slicerbridge.layouts import THREE_PLANES, after_view, composite_node, current_layout

    def background() -> str:
        import slicer

        return slicer.mrmlScene.GetNodeByID(composite_node(after_view("Coronal")).GetBackgroundVolumeID()).GetName()

    hand.click(panel.ui.threePlanesButton)
    hand.click(panel.ui.wipeButton)
    hand.set_value(panel.ui.wipeSlider, 80)
    saved = host.save_scene(tmp_path / "scene.mrb")
    host.load_scene(saved)
    hand.run_for(0.1)
    assert (current_layout(), panel.ui.wipeButton.checked, panel.ui.wipeSlider.value) == (THREE_PLANES, True, 80)
    assert background() == "MRHeadNoisy enhanced wipe"
    hand.click(panel.ui.wipeButton)
    assert background() == "MRHeadNoisy enhanced"


def test_a_scene_saved_in_one_of_our_layouts_has_views_before_the_module_is_opened(host: Any) -> None:
    import slicer

    from DiffusionCore.slicerbridge.layouts import OURS

    node = slicer.app.layoutManager().layoutLogic().GetLayoutNode()
    for arrangement in OURS:
        node.SetLayoutDescription(arrangement, "")  # as in an application that has just started
    host.load_module("DiffusionEnhance")
    host.started()
    assert all(node.IsLayoutDescription(arrangement) for arrangement in OURS)


def test_the_result_gone_takes_its_buttons_along(panel: Any) -> None:
    import slicer

    hand.click(panel.ui.wipeButton)
    slicer.mrmlScene.RemoveNode(panel.parameters.resultVolume)
    hand.run_for(0.05)
    for name in ("wipeButton", "sideBySideButton", "reportButton"):
        button = getattr(panel.ui, name)
        assert (button.enabled, button.toolTip) == (False, "There is no result yet.")


@pytest.mark.parametrize(("way", "role"), [("uncertainty", "UNCERTAINTY"), ("difference", "DIFFERENCE")])
def test_a_map_removed_while_it_is_looked_at(panel: Any, way: str, role: str) -> None:
    """A difference is made again when it is asked for; an uncertainty cannot be."""
    import slicer

    from DiffusionCore.slicerbridge import results

    button = panel.result.way_button(way)
    hand.click(button)
    slicer.mrmlScene.RemoveNode(results.part(panel.parameters.resultVolume, getattr(results, role)))
    hand.run_for(0.05)
    if way == "difference":
        hand.click(button)
        hand.click(button)
        assert results.part(panel.parameters.resultVolume, results.DIFFERENCE) is not None
        assert button.checked
    else:
        assert not button.checked
        assert button.toolTip.startswith("This result has no uncertainty")
        assert panel.ui.legendLabel.text == ""


def test_a_result_that_is_undone_and_done_again(host: Any, panel: Any) -> None:
    import slicer

    scene, result = slicer.mrmlScene, panel.parameters.resultVolume
    scene.SetUndoOn()
    try:
        for node in slicer.util.getNodesByClass("vtkMRMLNode"):
            node.SetUndoEnabled(True)
        scene.SaveStateForUndo()
        hand.click(panel.ui.wipeButton)
        scene.RemoveNode(result)
        hand.run_for(0.05)
        assert panel.ui.wipeButton.toolTip == "There is no result yet."
        scene.Undo()
        hand.run_for(0.05)
        assert panel.parameters.resultVolume.GetName() == "MRHeadNoisy enhanced"
        hand.click(panel.ui.differenceButton)
        scene.Redo()
        hand.run_for(0.05)
        assert panel.ui.wipeButton.toolTip == "There is no result yet."
    finally:
        scene.ClearUndoStack()
        scene.SetUndoOff()
