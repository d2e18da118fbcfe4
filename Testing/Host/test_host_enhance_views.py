"""Looking at a result: real views, real pictures, compared with pictures that a person has looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel_hand
import pytest
import result_hand
from slicer_host import hand
from slicer_host.pictures import assert_like_reference


@pytest.fixture
def panel(host: Any) -> Any:
    return result_hand.open_panel(host)


def picture(host: Any, width: int = 600, height: int = 300) -> np.ndarray:
    host.views_picture(width, height)  # the views get their sizes
    import slicer

    from DiffusionCore.slicerbridge import layouts

    layouts.fit(layouts.current_layout(), slicer.util.getNode("MRHeadNoisy"))
    hand.turn()
    return host.views_picture(width, height)


def test_before_and_after_side_by_side_at_the_same_window(host: Any, panel: Any) -> None:
    assert host.shown_views() == ["DiffusionBeforeAxial", "DiffusionAfterAxial"]
    before, after = panel.parameters.inputVolume.GetDisplayNode(), panel.parameters.resultVolume.GetDisplayNode()
    assert_like_reference(picture(host), "enhance-side-by-side")
    before.SetWindowLevel(80, 150)
    assert (after.GetWindow(), after.GetLevel()) == (80, 150)
    after.SetWindowLevel(120, 90)
    assert (before.GetWindow(), before.GetLevel()) == (120, 90)


def test_the_views_scroll_together(panel: Any) -> None:
    from slicer import vtkMRMLSliceNode

    from DiffusionCore.slicerbridge.layouts import after_view, before_view, slice_logic

    mine, other = slice_logic(before_view()), slice_logic(after_view())
    mine.StartSliceNodeInteraction(vtkMRMLSliceNode.SliceToRASFlag)
    mine.SetSliceOffset(mine.GetSliceOffset() + 7)
    mine.EndSliceNodeInteraction()
    assert other.GetSliceOffset() == pytest.approx(mine.GetSliceOffset())


def test_the_former_layout_comes_back(host: Any, panel: Any) -> None:
    import slicer

    from DiffusionCore.slicerbridge import layouts

    assert layouts.current_layout() == layouts.SIDE_BY_SIDE
    hand.click(panel.ui.threePlanesButton)
    assert len(host.shown_views()) == 6
    hand.click(panel.ui.formerLayoutButton)
    assert layouts.current_layout() == slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView
    assert (panel.ui.formerLayoutButton.enabled, panel.ui.formerLayoutButton.toolTip) == (
        False,
        "The layout has not been changed.",
    )


def test_three_planes(host: Any, panel: Any) -> None:
    hand.click(panel.ui.threePlanesButton)
    assert_like_reference(picture(host, 500, 660), "enhance-three-planes")


def test_wipe(host: Any, panel: Any) -> None:
    import slicer

    nodes = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode")
    hand.click(panel.ui.wipeButton)
    assert "left of the border: before" in panel.ui.legendLabel.text
    assert_like_reference(picture(host), "enhance-wipe")
    hand.set_value(panel.ui.wipeSlider, 80)
    node = slicer.util.getNode("MRHeadNoisy enhanced wipe")
    assert not node.GetSaveWithScene() and not node.GetDisplayNode().GetSaveWithScene()
    mixed = panel_hand.voxels_of(node)
    before, after = (
        panel_hand.voxels_of(node) for node in (panel.parameters.inputVolume, panel.parameters.resultVolume)
    )
    shown_before = (mixed == before).all(axis=(0, 1))
    assert 0.78 < shown_before.mean() < 0.82
    assert (mixed == after).all(axis=(0, 1))[~shown_before].all()
    hand.click(panel.ui.wipeButton)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == nodes
    assert panel.ui.wipeSlider.toolTip == "Press Wipe first."


def test_blink(host: Any, panel: Any) -> None:
    from DiffusionCore.slicerbridge.layouts import after_view, composite_node

    hand.click(panel.ui.blinkButton)
    composite = composite_node(after_view())
    seen = set()
    hand.wait_until(lambda: seen.add(composite.GetForegroundOpacity()) or len(seen) == 2, 10)
    assert seen == {0.0, 1.0}
    hand.click(panel.ui.blinkButton)
    assert composite.GetForegroundVolumeID() is None


def test_difference_in_symmetric_colours_of_three_sigma(host: Any, panel: Any) -> None:
    hand.click(panel.ui.differenceButton)
    assert panel.ui.legendLabel.text == "after − before: blue -42, black 0, orange +42 grey levels"
    from DiffusionCore.slicerbridge.results import DIFFERENCE, part

    node = part(panel.parameters.resultVolume, DIFFERENCE)
    before, after = (
        panel_hand.voxels_of(one).astype(float) for one in (panel.parameters.inputVolume, panel.parameters.resultVolume)
    )
    np.testing.assert_array_equal(panel_hand.voxels_of(node), after - before)
    assert_like_reference(picture(host), "enhance-difference")


def test_uncertainty_over_the_result(host: Any, panel: Any) -> None:
    hand.click(panel.ui.uncertaintyButton)
    assert panel.ui.legendLabel.text.startswith("uncertainty: violet 0 to yellow ")
    assert_like_reference(picture(host), "enhance-uncertainty")
    from DiffusionCore.slicerbridge.layouts import after_view, composite_node

    hand.set_value(panel.ui.overlaySlider, 0.2)
    assert composite_node(after_view()).GetForegroundOpacity() == pytest.approx(0.2)


def test_residual_structure_is_added_to_the_picture(host: Any, panel: Any) -> None:
    hand.click(panel.ui.residualButton)
    assert "taken away (orange) or added (blue)" in panel.ui.legendLabel.text
    assert_like_reference(picture(host), "enhance-residual")


def test_one_way_at_a_time(panel: Any) -> None:
    for way in ("wipe", "difference", "uncertainty", "blink", "residual"):
        hand.click(panel.result.way_button(way))
        checked = [name for name in ("wipe", "blink", "difference", "uncertainty", "residual")
                   if panel.result.way_button(name).checked]  # fmt: skip
        assert checked == [way]
    hand.click(panel.ui.formerLayoutButton)
    assert not panel.ui.residualButton.checked


def test_numbers_and_plots_beside_the_picture(host: Any, panel: Any) -> None:
    hand.click(panel.ui.numbersButton)
    assert_like_reference(picture(host, 700, 560), "enhance-numbers", tolerance=32, share=0.02)
    rows = [panel.ui.metricsTable.item(row, 0).text() for row in range(panel.ui.metricsTable.rowCount)]
    assert rows[:3] == ["noise, grey levels", "SNR", "PSNR, dB"]
    assert rows[3:] == [
        "tissue flagged as structure, %",
        "mean of tissue, grey levels",
        "bright tissue, mL",
        "half the 90 % interval in tissue, grey levels",
    ]
    assert panel.ui.warningsLabel.text.splitlines() == [
        "⚠ what was removed is not only noise",
        "⚠ the noise is correlated between neighbouring voxels, so that part of it may remain",
        "• the mean of tissue stayed",
    ]


def test_the_line_profile_follows_the_line(panel: Any) -> None:
    import slicer

    from DiffusionCore.slicerbridge.results import CHART, part

    hand.click(panel.ui.profileButton)
    chart = part(panel.parameters.resultVolume, CHART)
    table = chart.GetNthPlotSeriesNode(0).GetTableNode()
    length = slicer.util.arrayFromTableColumn(table, "distance")[-1]
    assert length == pytest.approx(72, abs=1)
    line = panel.parameters.profileLine
    line.SetNthControlPointPosition(1, *[a + b for a, b in zip(_place(line, 0), (-20, 0, 0), strict=True)])
    hand.wait_until(lambda: slicer.util.arrayFromTableColumn(table, "distance")[-1] == pytest.approx(20), 10)
    before = slicer.util.arrayFromTableColumn(table, "before")
    assert np.isfinite(before).any()


def _place(line: Any, number: int) -> list[float]:
    place = [0.0, 0.0, 0.0]
    line.GetNthControlPointPositionWorld(number, place)
    return place


def test_the_panel_s_picture(host: Any, panel: Any) -> None:
    assert_like_reference(host.panel_picture("DiffusionEnhance"), "enhance-panel", tolerance=40, share=0.03)


def test_the_first_time_the_two_views_are_made_in_turns_of_their_own(
    host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import slicer

    from DiffusionCore.slicerbridge import layouts

    host.application.layout_manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
    called: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(layouts, "composite_node", lambda view: None)  # as if no test before had shown the views
        layouts.one_view_first(lambda: called.append(layouts.current_layout()))
    assert (called, layouts.current_layout()) == ([], layouts.ONE_VIEW)
    hand.run_for(0.05)
    assert called == [layouts.ONE_VIEW]
    layouts.restore_layout()
    assert layouts.current_layout() == slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView
    layouts.one_view_first(lambda: called.append(layouts.current_layout()))
    assert called == [layouts.ONE_VIEW, slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView]


def test_a_result_that_comes_while_another_module_is_open_leaves_its_views_alone(host: Any, panel: Any) -> None:
    import slicer

    from DiffusionCore.slicerbridge import layouts
    from DiffusionCore.slicerbridge.nodes import volume_from_node
    from DiffusionCore.slicerbridge.results import keep_result

    hand.click(panel.ui.formerLayoutButton)
    own = layouts.current_layout()
    slicer.util.selectModule("Volumes")
    head = panel.parameters.inputVolume
    values = {"volume": volume_from_node(panel.parameters.resultVolume), "metrics": result_hand.METRICS}
    newer = keep_result("MRHeadNoisy enhanced", head, values, {})
    panel.done(newer, values)
    hand.run_for(0.1)
    assert layouts.current_layout() == own
    host.open_module("DiffusionEnhance")
    hand.run_for(0.1)
    assert (layouts.current_layout(), panel.result.views.result) == (layouts.SIDE_BY_SIDE, newer)


@pytest.mark.parametrize("which", ["inputVolume", "resultVolume"])
def test_under_a_transform_nothing_is_compared_voxel_by_voxel(panel: Any, which: str) -> None:
    """Maps, border and line would lie where the grid is, not where the transform puts it."""
    import slicer

    ui, node = panel.ui, getattr(panel.parameters, which)
    hand.click(ui.wipeButton)
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "moved")
    node.SetAndObserveTransformNodeID(transform.GetID())
    hand.run_for(0.05)
    assert not ui.wipeButton.checked
    for name in ("wipe", "difference", "uncertainty", "residual", "profile", "report", "dicom"):
        button = getattr(ui, f"{name}Button")
        assert (button.enabled, button.toolTip.split(";")[0]) == (
            False,
            "A transform is applied to the scan or its result",
        )
    assert ui.blinkButton.enabled and ui.sideBySideButton.enabled
    node.SetAndObserveTransformNodeID(None)
    hand.run_for(0.05)
    assert ui.wipeButton.enabled and ui.reportButton.enabled


@pytest.mark.filterwarnings("error:.*observer")
def test_a_result_that_is_the_input_too_is_followed_as_both(panel: Any) -> None:
    import slicer

    result, head = panel.parameters.resultVolume, panel.parameters.inputVolume
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "moved")
    hand.set_value(panel.ui.inputSelector, result)
    hand.run_for(0.05)
    result.SetAndObserveTransformNodeID(transform.GetID())
    hand.run_for(0.05)
    assert panel.ui.applyButton.toolTip.startswith("A transform is applied to this volume")
    result.SetAndObserveTransformNodeID(None)
    hand.set_value(panel.ui.inputSelector, head)
    hand.run_for(0.05)
    result.SetAndObserveTransformNodeID(transform.GetID())
    hand.run_for(0.05)
    assert panel.ui.wipeButton.toolTip.startswith("A transform is applied to the scan or its result")
