"""The module's own test, the same in the application and in the test host: as a hand would, by the panel's widgets."""

from __future__ import annotations

from typing import Any

import slicer
from slicer import util

from DiffusionCore.slicerbridge.results import is_synthetic
from DiffusionCore.slicerbridge.scans import first_volume
from DiffusionCore.slicerbridge.selftest import open_panel, wait_until

from .sample_data import resources
from .task_group import TASKS, task_of, why_no_task

PART = 20.0  # mm: half the edge of the cube that is worked on


def says_why_not(test: Any) -> None:
    """Without a volume Apply is disabled, with the reason as its tool tip, and so is every button of the result."""
    ui = open_panel("DiffusionEnhance").ui
    slicer.app.processEvents()
    test.assertFalse(ui.applyButton.enabled)
    test.assertEqual(ui.applyButton.toolTip, "Choose a volume first.")
    for button in (ui.sideBySideButton, ui.wipeButton, ui.reportButton, ui.dicomButton):
        test.assertFalse(button.enabled)
        test.assertEqual(button.toolTip, "There is no result yet.")


def enhance_sample(test: Any) -> None:
    """Enhance a part of the sample against its reference: less noise, nearer to the truth, beside the input."""
    noisy, clean = load_sample("MRHeadNoisy"), load_sample("MRHeadReference")
    panel = open_panel("DiffusionEnhance")
    ui, parameters = panel.ui, panel.parameters
    ui.inputSelector.setCurrentNode(noisy)
    ui.referenceSelector.setCurrentNode(clean)
    ui.roiSelector.setCurrentNode(middle_of(noisy))
    if not apply(test, panel):
        return
    result = parameters.resultVolume
    test.assertEqual(result.GetName(), "MRHeadNoisy enhanced")
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    beside = [hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) for node in (noisy, result)]
    test.assertEqual(*beside)
    rows = {ui.metricsTable.item(row, 0).text(): row for row in range(ui.metricsTable.rowCount)}
    before, after = (float(ui.metricsTable.item(rows["PSNR, dB"], column).text()) for column in (1, 2))
    test.assertGreater(after, before + 3)
    ui.formerLayoutButton.click()


def super_resolves_sample(test: Any) -> None:
    """Make a part of the sample finer: more voxels in the same physical box, beside the input."""
    noisy = load_sample("MRHeadNoisy")
    panel = open_panel("DiffusionEnhance")
    ui, parameters = panel.ui, panel.parameters
    ui.inputSelector.setCurrentNode(noisy)
    ui.roiSelector.setCurrentNode(middle_of(noisy))
    if not choose_task(test, panel, "super_resolve"):
        return
    if not apply(test, panel):
        return
    result = parameters.resultVolume
    test.assertEqual(result.GetName(), "MRHeadNoisy super-resolved")
    for axis in range(3):
        test.assertAlmostEqual(result.GetSpacing()[axis], noisy.GetSpacing()[axis] / 2, places=5)
        test.assertAlmostEqual(result.GetImageData().GetDimensions()[axis], 4 * PART, delta=4)
    rows = [ui.metricsTable.item(row, 0).text() for row in range(ui.metricsTable.rowCount)]
    test.assertIn("consistency, % of p99.5", rows)
    ui.formerLayoutButton.click()


def makes_an_image(test: Any) -> None:
    """Make one image from a seed, of few steps: it is marked as showing nobody and is never taken as an input."""
    panel = open_panel("DiffusionEnhance")
    if not choose_task(test, panel, "synthesize"):
        return
    parameters = panel.parameters
    parameters.count, parameters.seed, parameters.steps = 1, 3, 4
    if not apply(test, panel):
        return
    test.assertTrue(is_synthetic(parameters.resultVolume))
    test.assertTrue(parameters.resultVolume.GetName().endswith(" seed 3"))
    test.assertIsNone(first_volume())
    test.assertFalse(panel.ui.dicomButton.enabled)


def load_sample(name: str) -> Any:
    """One of the module's sample scans as a volume node."""
    return util.loadVolume(str(resources() / "SampleData" / f"{name}.nrrd"))


def middle_of(node: Any) -> Any:
    """A box around the middle of a volume node."""
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Part")
    bounds = [0.0] * 6
    node.GetRASBounds(bounds)
    roi.SetCenter(*((bounds[2 * axis] + bounds[2 * axis + 1]) / 2 for axis in range(3)))
    roi.SetSize(2 * PART, 2 * PART, 2 * PART)
    return roi


def choose_task(test: Any, panel: Any, task: str) -> bool:
    """Choose a task; where no installed model does it, see that the panel says so."""
    wait_until(lambda: panel.how.models or panel.missing, "the models are read", 30)
    slicer.app.processEvents()
    combo = panel.ui.taskCombo
    if why_no_task(task, panel.how.models):
        test.assertIn(f"{TASKS[task]}: ", combo.toolTip)
        return False
    combo.setCurrentIndex(combo.findText(TASKS[task]))
    slicer.app.processEvents()
    return True


def apply(test: Any, panel: Any) -> bool:
    """Press Apply when it can be pressed, and wait for the result; where packages are missing, which no test installs, see
    that the panel says so."""
    ui = panel.ui
    if panel.missing:
        test.assertTrue(ui.stateLabel.text.startswith("not installed"))
        return False
    needs_scan = task_of(panel.parameters) != "synthesize"
    wait_until(
        lambda: (panel.input.noise is not None or not needs_scan) and ui.applyButton.enabled, "Apply is enabled", 30
    )
    if needs_scan:
        test.assertTrue(ui.recognisedLabel.text.startswith("MR"))
    ui.applyButton.click()
    test.assertEqual(ui.applyButton.text, "Cancel")
    wait_until(lambda: not panel.controls.busy, "the result is there")
    test.assertEqual(panel.controls.state, "finished", panel.controls.sentence)
    return True
