"""The module's own test, the same in the application and in the test host: as a hand would, by the panel's widgets."""

from __future__ import annotations

from typing import Any

import slicer
from slicer import util

from DiffusionCore.slicerbridge.patience import wait_until

PART = 20.0  # mm: half the edge of the cube that is enhanced


def open_panel() -> Any:
    """Open the module as a hand would; gives its panel."""
    util.selectModule("DiffusionEnhance")
    slicer.app.processEvents()
    return util.getModuleWidget("DiffusionEnhance").panel


def says_why_not(test: Any) -> None:
    """Without a volume Apply is disabled, with the reason as its tool tip, and so is every button of the result."""
    ui = open_panel().ui
    slicer.app.processEvents()
    test.assertFalse(ui.applyButton.enabled)
    test.assertEqual(ui.applyButton.toolTip, "Choose a volume first.")
    for button in (ui.sideBySideButton, ui.wipeButton, ui.reportButton, ui.dicomButton):
        test.assertFalse(button.enabled)
        test.assertEqual(button.toolTip, "There is no result yet.")


def enhance_sample(test: Any) -> None:
    """Enhance a part of the sample against its reference: less noise, nearer to the truth, beside the input."""
    from .sample_data import resources

    folder = resources() / "SampleData"
    noisy = util.loadVolume(str(folder / "MRHeadNoisy.nrrd"))
    clean = util.loadVolume(str(folder / "MRHeadReference.nrrd"))
    panel = open_panel()
    ui, parameters = panel.ui, panel.parameters
    ui.inputSelector.setCurrentNode(noisy)
    ui.referenceSelector.setCurrentNode(clean)
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Part")
    bounds = [0.0] * 6
    noisy.GetRASBounds(bounds)
    roi.SetCenter(*((bounds[2 * axis] + bounds[2 * axis + 1]) / 2 for axis in range(3)))
    roi.SetSize(2 * PART, 2 * PART, 2 * PART)
    ui.roiSelector.setCurrentNode(roi)
    wait_until(lambda: panel.input.noise is not None and ui.applyButton.enabled, "Apply is enabled", 30)
    test.assertTrue(ui.recognisedLabel.text.startswith("MR"))
    ui.applyButton.click()
    test.assertEqual(ui.applyButton.text, "Cancel")
    wait_until(lambda: not panel.controls.busy, "the scan is enhanced")
    test.assertEqual(panel.controls.state, "finished", panel.controls.sentence)
    result = parameters.resultVolume
    test.assertEqual(result.GetName(), "MRHeadNoisy enhanced")
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    beside = [hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) for node in (noisy, result)]
    test.assertEqual(*beside)
    rows = {ui.metricsTable.item(row, 0).text(): row for row in range(ui.metricsTable.rowCount)}
    before, after = (float(ui.metricsTable.item(rows["PSNR, dB"], column).text()) for column in (1, 2))
    test.assertGreater(after, before + 3)
    ui.formerLayoutButton.click()
