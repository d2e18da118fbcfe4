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


class DiffusionEnhance(ScriptedLoadableModule):
    """What the application shows of the module before it is opened."""

    def __init__(self, parent) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Diffusion Enhance")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Filtering")]
        self.parent.dependencies = []
        self.parent.contributors = ["DiffusionEnhance contributors"]
        self.parent.helpText = _(
            "Removes noise from CT and MR scans or makes their voxels finer by conditional diffusion models, shows "
            "before and after side by side, with figures, and makes images from noise. Everything is computed on "
            "this computer; nothing is sent anywhere. Research only; not for clinical use."
        )
        self.parent.acknowledgementText = _(
            "The bundled models were trained on public scans; their cards name the sources and licences."
        )
        slicer.app.connect("startupCompleted()", register)


def register() -> None:
    """Make the module's sample scans and layouts known, once the other modules are there."""
    from DiffusionEnhanceLib.sample_data import register_sample_data

    from DiffusionCore.slicerbridge.layouts import register_layouts

    register_layouts()
    register_sample_data()


class DiffusionEnhanceWidget(ModuleWidget):
    """The panel; `DiffusionEnhanceLib.panel` holds what it does."""

    def makeLogic(self):
        """The logic below."""
        return DiffusionEnhanceLogic()

    def makePanel(self, ui):
        """The panel of these widgets."""
        from DiffusionEnhanceLib.panel import EnhancePanel

        return EnhancePanel(ui)


class DiffusionEnhanceLogic(ScriptedLoadableModuleLogic):
    """What can be done without the panel."""

    def __init__(self) -> None:
        ScriptedLoadableModuleLogic.__init__(self)

    def getParameterNode(self):
        """All choices, as a `DiffusionEnhanceParameterNode`."""
        from DiffusionEnhanceLib.parameters import DiffusionEnhanceParameterNode

        return DiffusionEnhanceParameterNode(super().getParameterNode())


class DiffusionEnhanceTest(ScriptedLoadableModuleTest):
    """The module's own test, in the application and in the test host."""

    def setUp(self) -> None:
        """Begin with an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        """Run all parts."""
        for part in (
            self.test_enhance_sample,
            self.test_super_resolve_sample,
            self.test_synthesize,
            self.test_says_why_not,
        ):
            self.setUp()
            part()

    def test_enhance_sample(self) -> None:
        """Load the sample, press Apply, look at what came."""
        from DiffusionEnhanceLib.selftest import enhance_sample

        enhance_sample(self)

    def test_super_resolve_sample(self) -> None:
        """Make a part of the sample finer; without a model for it the panel says so."""
        from DiffusionEnhanceLib.selftest import super_resolves_sample

        super_resolves_sample(self)

    def test_synthesize(self) -> None:
        """Make an image from a seed; without a model for it the panel says so."""
        from DiffusionEnhanceLib.selftest import makes_an_image

        makes_an_image(self)

    def test_says_why_not(self) -> None:
        """Without a volume, Apply cannot be pressed and says why."""
        from DiffusionEnhanceLib.selftest import says_why_not

        says_why_not(self)
