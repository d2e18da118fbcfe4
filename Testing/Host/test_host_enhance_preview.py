"""The live preview: the slab in view, equal to the full run there, thrown away when stale, in nobody's way."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel_hand
import pytest
from slicer_host import hand


@pytest.fixture
def panel(host: Any, enhance_worker: Any) -> Any:
    import slicer

    head = panel_hand.small_head()
    slicer.util.setSliceViewerLayers(background=head, fit=True)
    panel = panel_hand.open_panel(host)
    panel_hand.ready(panel)
    return panel


def shown(panel: Any) -> Any:
    """Wait for a preview; its node."""
    hand.wait_until(lambda: panel.preview._node is not None, panel_hand.PATIENCE, "a preview is shown")
    return panel.preview._node


def test_the_slab_in_view_is_what_the_full_run_gives_there(panel: Any) -> None:
    import slicer

    from DiffusionCore.slicerbridge.overlays import place_in

    hand.set_value(panel.ui.previewCheckBox, True)
    node = shown(panel)
    region = panel.preview.shown_region
    assert region[1:] == [[0, 64], [0, 72]]
    assert region[0][1] - region[0][0] == 1  # the view shows the middle of a slice
    composite = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceCompositeNode()
    assert (composite.GetForegroundVolumeID(), composite.GetForegroundOpacity()) == (node.GetID(), 1.0)
    preview = panel_hand.voxels_of(node).astype(np.float64).copy()
    slices = place_in(panel.parameters.inputVolume, node)
    assert panel.ui.previewLabel.text.startswith("preview of the slice in view: ")
    panel_hand.apply(panel)
    whole = panel_hand.voxels_of(panel.parameters.resultVolume).astype(np.float64)
    np.testing.assert_allclose(preview, whole[slices], rtol=0, atol=1e-5 * whole.max())


def test_scrolling_throws_a_stale_preview_away_and_makes_another(panel: Any) -> None:
    import slicer

    hand.set_value(panel.ui.previewCheckBox, True)
    shown(panel)
    first = panel.preview.shown_region
    logic = slicer.app.layoutManager().sliceWidget("Red").sliceLogic()
    logic.SetSliceOffset(logic.GetSliceOffset() + 9)
    assert panel.preview._node is None
    shown(panel)
    assert panel.preview.shown_region[0][0] == first[0][0] + 9
    assert len([n for n in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") if "preview" in n.GetName()]) == 1


def test_a_view_that_shows_something_else_has_none(panel: Any) -> None:
    import slicer

    widgets = {name: slicer.app.layoutManager().sliceWidget(name) for name in ("Red", "Green", "Yellow")}
    other = panel_hand.small_head("MRHeadReference")
    for name, node in (("Red", panel.parameters.inputVolume), ("Green", other), ("Yellow", other)):
        widgets[name].mrmlSliceCompositeNode().SetBackgroundVolumeID(node.GetID())
    hand.set_value(panel.ui.previewCheckBox, True)
    node = shown(panel)
    logic = widgets["Green"].sliceLogic()
    logic.SetSliceOffset(logic.GetSliceOffset() + 5)
    assert panel.preview._node is node
    assert widgets["Green"].mrmlSliceCompositeNode().GetForegroundVolumeID() is None
    widgets["Red"].mrmlSliceCompositeNode().SetBackgroundVolumeID(other.GetID())
    hand.set_value(panel.ui.strengthSlider, 0.5)
    hand.wait_until(lambda: panel.ui.previewLabel.text == "preview: no slice view shows the scan", 10)


def test_another_strength_makes_another_preview(panel: Any) -> None:
    hand.set_value(panel.ui.previewCheckBox, True)
    before = panel_hand.voxels_of(shown(panel)).copy()
    hand.set_value(panel.ui.strengthSlider, 0.0)
    hand.run_for(0.05)
    after = panel_hand.voxels_of(shown(panel))
    assert (before != after).any()


def test_apply_comes_before_a_preview_that_runs(panel: Any) -> None:
    hand.set_value(panel.ui.previewCheckBox, True)
    hand.wait_until(lambda: panel.preview.running, 30, "a preview is computed")
    panel_hand.apply(panel)
    assert panel.ui.stateLabel.text == "finished"


def test_the_view_called_before_shows_the_scan_as_it_was(panel: Any) -> None:
    """With the preview still ticked when a result is shown."""
    import slicer

    from DiffusionCore.slicerbridge import layouts

    hand.set_value(panel.ui.previewCheckBox, True)
    shown(panel)
    hand.click(panel.ui.applyButton)
    panel_hand.finish(panel)
    words = "preview: no slice view but Before shows the scan"
    hand.wait_until(lambda: panel.ui.previewLabel.text == words, panel_hand.PATIENCE)
    before = layouts.composite_node(layouts.before_view())
    assert before.GetBackgroundVolumeID() == panel.parameters.inputVolume.GetID()
    assert before.GetForegroundVolumeID() is None
    hand.click(panel.ui.formerLayoutButton)
    node = shown(panel)
    composite = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceCompositeNode()
    assert composite.GetForegroundVolumeID() == node.GetID()


def test_views_that_another_layout_makes_are_followed_too(host: Any, panel: Any) -> None:
    import slicer

    hand.set_value(panel.ui.previewCheckBox, True)
    shown(panel)
    manager = slicer.app.layoutManager()
    assert slicer.mrmlScene.GetSingletonNode("Slice4", "vtkMRMLSliceNode") is None
    manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutThreeOverThreeView)
    hand.turn()
    view = next(name for name in host.shown_views() if name not in ("Red", "Green", "Yellow"))
    manager.sliceWidget(view).mrmlSliceCompositeNode().SetBackgroundVolumeID(panel.parameters.inputVolume.GetID())
    logic = manager.sliceWidget(view).sliceLogic()
    logic.FitSliceToAll()
    logic.SetSliceOffset(logic.GetSliceOffset() + 5)
    node = shown(panel)
    assert manager.sliceWidget(view).mrmlSliceCompositeNode().GetForegroundVolumeID() == node.GetID()


def test_off_leaves_the_views_and_the_scene_as_they_were(panel: Any) -> None:
    import slicer

    nodes = slicer.mrmlScene.GetNumberOfNodes()
    hand.set_value(panel.ui.previewCheckBox, True)
    shown(panel)
    hand.set_value(panel.ui.previewCheckBox, False)
    hand.run_for(0.05)
    composite = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceCompositeNode()
    assert composite.GetForegroundVolumeID() is None
    assert slicer.mrmlScene.GetNumberOfNodes() == nodes


def test_a_scene_is_saved_as_it_is_without_the_preview(panel: Any) -> None:
    import slicer

    hand.set_value(panel.ui.previewCheckBox, True)
    shown(panel)
    composite = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceCompositeNode()
    slicer.mrmlScene.InvokeEvent(slicer.mrmlScene.StartSaveEvent)
    assert composite.GetForegroundVolumeID() is None
    assert not [n for n in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") if "preview" in n.GetName()]
    shown(panel)  # and is there again


@pytest.mark.parametrize(("view", "axis"), [("Red", 0), ("Green", 1), ("Yellow", 2)])
def test_the_region_is_a_slab_along_the_axis_that_a_view_looks_along(panel: Any, view: str, axis: int) -> None:
    import slicer

    from DiffusionCore.slicerbridge.preview import region_in_view

    volume = panel.scans.volume(panel.parameters.inputVolume)
    region = region_in_view(volume, slicer.app.layoutManager().sliceWidget(view).mrmlSliceNode())
    sizes = [high - low for low, high in region]
    assert sizes[axis] in (1, 2)
    assert [size for other, size in enumerate(sizes) if other != axis] == [
        size for other, size in enumerate(volume.shape) if other != axis
    ]
