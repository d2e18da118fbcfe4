"""Super-resolve in the panel, with untrained models: what is asked, what comes, what is said where there is no model; and
what all tasks have in common."""

from __future__ import annotations

from pathlib import Path
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


def choose(panel: Any, task: str, model: str) -> None:
    """Choose a task and, under Advanced, its model."""
    hand.set_value(panel.ui.taskCombo, task)
    hand.open_section(panel.ui.advancedSection)
    hand.set_value(panel.ui.modelCombo, model)


def enabled(panel: Any, task: str) -> bool:
    combo = panel.ui.taskCombo
    return combo.model().item(combo.findText(task)).isEnabled()


def figures(panel: Any) -> dict[str, list[str]]:
    table = panel.ui.metricsTable
    return {table.item(row, 0).text(): [table.item(row, c).text() for c in (1, 2)] for row in range(table.rowCount)}


def test_without_a_model_a_task_cannot_be_chosen_and_says_what_to_do(
    host: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import qt

    from DiffusionCore.models import registry

    monkeypatch.setenv("DIFFUSIONCORE_MODELS", str(tmp_path))
    every = registry.list_models
    monkeypatch.setattr(registry, "list_models", lambda: [one for one in every() if one[0].task == "enhance"])
    panel_hand.small_head()
    panel = panel_hand.open_panel(host)
    panel_hand.ready(panel)
    combo = panel.ui.taskCombo
    assert [combo.itemText(index) for index in range(combo.count)] == ["Enhance", "Super-resolve", "Synthesize"]
    assert enabled(panel, "Enhance")
    for index, task, verb in ((1, "Super-resolve", "super-resolves"), (2, "Synthesize", "makes images from noise")):
        assert not enabled(panel, task)
        tip = combo.itemData(index, qt.Qt.ToolTipRole)
        assert tip.startswith(f"{task}: no installed model {verb}. Add one with `diffusioncore models add")
        assert tip in combo.toolTip
    panel.parameters.task = "synthesize"  # as a scene from another computer may say
    hand.turn()
    assert not panel.ui.applyButton.enabled
    assert panel.ui.applyButton.toolTip.startswith("Synthesize: no installed model")


def test_a_scan_is_super_resolved_in_its_own_box(host: Any, panel: Any) -> None:
    import slicer

    from DiffusionCore.slicerbridge.layouts import after_view, before_view, slice_logic
    from DiffusionCore.slicerbridge.results import INPUT, INTERPOLATED, part

    ui, head = panel.ui, panel.parameters.inputVolume
    hand.set_value(ui.taskCombo, "Super-resolve")
    assert [ui.superresGroup.isHidden(), ui.synthesisGroup.isHidden()] == [False, True]
    assert "Result: 144×128×80 voxels of 0.5×0.5×0.5 mm." in ui.taskHint.text
    assert ui.modelHint.text.startswith("tiny-x2: ")
    for widget in (ui.trustCheckBox, ui.sigmaCheckBox, ui.sigmaSpinBox):
        assert (widget.enabled, widget.toolTip) == (False, "Super-resolve does not use it.")
    assert ui.previewCheckBox.toolTip == "Only enhancement has a preview."
    assert not ui.factorSpinBox.enabled and "by a factor" in ui.factorSpinBox.toolTip
    choose(panel, "Super-resolve", "tiny-x2")
    assert ui.expectedLabel.text.startswith("about ")  # from the speed of another model
    hand.set_value(ui.finerCombo, "by a factor")
    hand.set_value(ui.factorSpinBox, 1.5)
    assert "Result: 108×96×60 voxels" in ui.taskHint.text
    panel_hand.apply(panel)
    assert ui.stateLabel.text == "finished"
    result = panel.parameters.resultVolume
    assert result.GetName() == "MRHeadNoisy super-resolved"
    assert part(result, INPUT) is head
    assert ui.expectedLabel.text.startswith("about ")
    assert "about" in ui.naturalButton.text
    assert panel_hand.voxels_of(result).shape == (60, 96, 108)
    boxes = [[0.0] * 6, [0.0] * 6]
    head.GetRASBounds(boxes[0])
    result.GetRASBounds(boxes[1])
    np.testing.assert_allclose(*boxes, atol=1e-6)
    assert panel_hand.parent_item(result) == panel_hand.parent_item(head)
    before, after = figures(panel)["consistency, % of p99.5"]
    assert float(after) <= float(before)
    host.views_picture(600, 300)
    logics = [slice_logic(view()) for view in (before_view, after_view)]
    hand.run_for(0.05)
    assert logics[0].GetSliceOffset() == logics[1].GetSliceOffset()
    shown = [
        slicer.mrmlScene.GetSingletonNode(view(), "vtkMRMLSliceCompositeNode") for view in (before_view, after_view)
    ]
    assert [one.GetBackgroundVolumeID() for one in shown] == [head.GetID(), result.GetID()]
    for way in ("wipe", "difference"):
        hand.click(panel.result.way_button(way))
        assert panel.result.views.way == way
        assert "interpolated scan" in ui.legendLabel.text
        hand.click(panel.result.way_button(way))
    assert "Only an enhanced scan" in ui.residualButton.toolTip
    assert panel_hand.voxels_of(part(result, INTERPOLATED)).shape == (60, 96, 108)
    hand.click(ui.numbersButton)


def test_the_views_scroll_together_on_grids_that_differ(host: Any, panel: Any) -> None:
    from slicer import vtkMRMLSliceNode

    from DiffusionCore.slicerbridge.layouts import after_view, before_view, slice_logic

    choose(panel, "Super-resolve", "tiny-x2")
    panel_hand.apply(panel)
    mine, other = slice_logic(before_view()), slice_logic(after_view())
    mine.StartSliceNodeInteraction(vtkMRMLSliceNode.SliceToRASFlag)
    mine.SetSliceOffset(mine.GetSliceOffset() + 3.25)
    mine.EndSliceNodeInteraction()
    assert other.GetSliceOffset() == pytest.approx(mine.GetSliceOffset())


def test_a_super_resolved_scan_is_kept_as_report_and_dicom(panel: Any, tmp_path: Path) -> None:
    import pydicom

    choose(panel, "Super-resolve", "tiny-x2")
    panel_hand.apply(panel)
    for what in ("report", "dicom"):
        panel.keep_in(what, str(tmp_path))
        panel_hand.finish(panel)
        assert panel.ui.stateLabel.text == "finished", what
    stem = "MRHeadNoisy_super-resolved"
    assert (tmp_path / f"{stem}.html").is_file()
    images = [pydicom.dcmread(path) for path in sorted((tmp_path / stem).iterdir())]
    assert len(images) == 80
    assert "resolution raised" in images[0].DerivationDescription


def test_what_cannot_be_made_finer_is_said_before_anything_runs(panel: Any) -> None:
    ui = panel.ui
    hand.set_value(ui.taskCombo, "Super-resolve")
    hand.set_value(ui.finerCombo, "to a spacing")
    hand.set_value(ui.spacingSpinBox, 2.0)
    assert (ui.applyButton.enabled, ui.applyButton.toolTip) == (
        False,
        "Spacing 2 mm is not finer than the scan's 1×1×1 mm; `preprocess` makes voxels larger.",
    )
    hand.set_value(ui.spacingSpinBox, 0.5)
    assert ui.applyButton.enabled
    hand.set_value(ui.axesCombo, "across the slices only")
    assert ui.applyButton.toolTip == "No installed model makes the slices of MR scans finer; choose other axes."
    hand.set_value(ui.axesCombo, "all axes")
    hand.set_value(ui.referenceSelector, panel_hand.small_head("MRHeadReference"))
    assert "not on the finer grid" in ui.applyButton.toolTip


def test_the_model_that_is_named_is_the_one_for_the_axes(panel: Any) -> None:
    ui, (other, *_) = panel.ui, [card for card in panel.how.models if card.name == "tiny-x2"]
    spec = other.resolution.model_copy(update={"axes": ("slices",)})
    panel.how.models = (other.model_copy(update={"name": "a-tiny-slices", "resolution": spec}), *panel.how.models)
    hand.set_value(ui.taskCombo, "Super-resolve")
    assert ui.modelHint.text.startswith("tiny-x2: ")
    hand.set_value(ui.finerCombo, "to a spacing")
    hand.set_value(ui.spacingSpinBox, 0.5)
    hand.set_value(ui.axesCombo, "across the slices only")
    assert ui.modelHint.text.startswith("a-tiny-slices: ")


def test_a_part_is_cut_out_first(panel: Any) -> None:
    import slicer

    bounds = [0.0] * 6
    panel.parameters.inputVolume.GetRASBounds(bounds)
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Part")
    roi.SetCenter(*((bounds[2 * axis] + bounds[2 * axis + 1]) / 2 for axis in range(3)))
    roi.SetSize(30, 24, 20)
    hand.set_value(panel.ui.roiSelector, roi)
    choose(panel, "Super-resolve", "tiny-x2")
    assert "Result: 60×48×40 voxels" in panel.ui.taskHint.text
    panel_hand.apply(panel)
    assert panel_hand.voxels_of(panel.parameters.resultVolume).shape == (40, 48, 60)


@pytest.mark.parametrize(("task", "model"), [("Super-resolve", "tiny-x2"), ("Synthesize", "tiny-noise")])
def test_cancel_leaves_nothing_and_the_next_run_works(panel: Any, task: str, model: str) -> None:
    import slicer

    choose(panel, task, model)
    if task == "Super-resolve":
        hand.click(panel.ui.naturalButton)
    else:
        hand.set_value(panel.ui.countSpinBox, 64)
    hand.set_value(panel.ui.stepsSpinBox, 1000 if task == "Super-resolve" else 40)
    nodes = slicer.mrmlScene.GetNumberOfNodes()
    hand.click(panel.ui.applyButton)
    panel_hand.running(panel)
    hand.click(panel.ui.applyButton)
    panel_hand.finish(panel, 30)
    assert panel.ui.stateLabel.text == "cancelled: nothing was changed"
    assert slicer.mrmlScene.GetNumberOfNodes() == nodes
    hand.set_value(panel.ui.stepsSpinBox, 2)
    panel_hand.apply(panel)
    assert panel.ui.stateLabel.text == "finished"


def test_a_model_chosen_for_one_task_is_let_go_with_it(panel: Any) -> None:
    ui = panel.ui
    hand.open_section(ui.advancedSection)
    hand.set_value(ui.modelCombo, "denoise-mr")
    hand.set_value(ui.taskCombo, "Super-resolve")
    assert panel.parameters.model == ""
    assert [ui.modelCombo.itemText(index) for index in range(ui.modelCombo.count)] == ["automatic", "tiny-x2"]
    hand.set_value(ui.taskCombo, "Enhance")
    assert ui.applyButton.enabled and ui.trustCheckBox.enabled


@pytest.mark.parametrize("part", ["test_super_resolve_sample", "test_synthesize"])
def test_the_module_s_own_test_of_each_task(host: Any, added: None, part: str) -> None:
    import sys

    import slicer

    host.load_module("DiffusionEnhance")
    host.started()
    getattr(sys.modules["DiffusionEnhance"].DiffusionEnhanceTest(), part)()
    assert slicer.modules.DiffusionEnhanceWidget.panel.parameters.resultVolume is not None
