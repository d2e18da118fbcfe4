"""The module's own test, the same in the application and in the test host: as a hand would, by the panel's widgets."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
from slicer import util

from DiffusionCore.slicerbridge.selftest import open_panel, wait_until

from .choice_groups import NO_INPUT, NO_MODEL
from .results import answer_of


def says_why_not(test: Any) -> None:
    """Without an input Apply is disabled, with the reason as its tool tip, and so is the report."""
    panel = open_panel("DiffusionClassify")
    test.assertFalse(panel.ui.applyButton.enabled)
    test.assertEqual(panel.ui.applyButton.toolTip, NO_INPUT)
    test.assertFalse(panel.ui.reportButton.enabled)
    test.assertEqual(panel.ui.reportButton.toolTip, "There is no result yet.")


def classifies_a_structure(test: Any) -> None:
    """Classify an outlined ball by the model that takes outlines; without one the panel says what to do."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Ball")
    k, j, i = np.indices((40, 40, 40)) - 20
    util.updateVolumeFromArray(node, ((k**2 + 2 * j**2 + i**2) < 150).astype(np.uint8))
    node.CreateDefaultDisplayNodes()
    panel = open_panel("DiffusionClassify")
    ui, parameters = panel.ui, panel.parameters
    ui.inputSelector.setCurrentNode(node)
    parameters.force = True  # a ball is no gland
    wait_until(lambda: panel.choices.models_read or panel.missing, "the models are read", 30)
    slicer.app.processEvents()
    if panel.missing:
        test.assertTrue(ui.stateLabel.text.startswith("not installed"))
        return
    if not ui.applyButton.enabled:
        outlines = [card for card, _folder in panel.choices.models if card.input == "labelmap"]
        test.assertEqual(outlines, [])
        test.assertTrue(panel.choices.models or ui.applyButton.toolTip == NO_MODEL)
        return
    ui.applyButton.click()
    test.assertEqual(ui.applyButton.text, "Cancel")
    wait_until(lambda: not panel.controls.busy, "the structure is classified")
    test.assertEqual(panel.controls.state, "finished", panel.controls.sentence)
    probabilities = [one["probability"] for one in answer_of(parameters.result)["probabilities"]]
    test.assertAlmostEqual(sum(probabilities), 1.0, places=5)
    test.assertEqual(ui.probabilitiesTable.rowCount, len(probabilities))
