"""The module as Slicer loads it: what it is called, its panel, its logic, its own test. The work is in the library."""

from __future__ import annotations

import sys
from pathlib import Path

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
)

HERE = Path(__file__).resolve().parent
# An installed extension has DiffusionCore beside the module; a checkout has it beside the module's folder.
if not (HERE / "DiffusionCore").exists() and (HERE.parent / "DiffusionCore").exists():
    sys.path.append(str(HERE.parent))

from DiffusionCore.slicerbridge.module_widget import ModuleWidget  # noqa: E402


class DiffusionClassify(ScriptedLoadableModule):
    """What the application shows of the module before it is opened."""

    def __init__(self, parent) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Diffusion Classify")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Filtering")]
        self.parent.dependencies = []
        self.parent.contributors = ["DiffusionEnhance contributors"]
        self.parent.helpText = _(
            "Says what a scan, or a structure that was outlined, shows, by diffusion of the label: a probability for each "
            "class with its spread, where the evidence lies, and whether the input is anything the model was made for. "
            "Everything is computed on this computer; nothing is sent anywhere. Research only; not for clinical use."
        )
        self.parent.acknowledgementText = _("The models' cards name the data they were trained on, with licences.")


class DiffusionClassifyWidget(ModuleWidget):
    """The panel; `DiffusionClassifyLib.panel` holds what it does."""

    def makeLogic(self):
        """The logic below."""
        return DiffusionClassifyLogic()

    def makePanel(self, ui):
        """The panel of these widgets."""
        from DiffusionClassifyLib.panel import ClassifyPanel

        return ClassifyPanel(ui)


class DiffusionClassifyLogic(ScriptedLoadableModuleLogic):
    """What can be done without the panel."""

    def __init__(self) -> None:
        ScriptedLoadableModuleLogic.__init__(self)

    def getParameterNode(self):
        """All choices, as a `DiffusionClassifyParameterNode`."""
        from DiffusionClassifyLib.parameters import DiffusionClassifyParameterNode

        return DiffusionClassifyParameterNode(super().getParameterNode())


class DiffusionClassifyTest(ScriptedLoadableModuleTest):
    """The module's own test, in the application and in the test host."""

    def setUp(self) -> None:
        """Begin with an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        """Run all parts."""
        self.setUp()
        self.test_classify_structure()
        self.setUp()
        self.test_says_why_not()

    def test_classify_structure(self) -> None:
        """Outline a ball, press Apply, look at what came."""
        from DiffusionClassifyLib.selftest import classifies_a_structure

        classifies_a_structure(self)

    def test_says_why_not(self) -> None:
        """Without an input, Apply cannot be pressed and says why."""
        from DiffusionClassifyLib.selftest import says_why_not

        says_why_not(self)
