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
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

HERE = Path(__file__).resolve().parent
# An installed extension has DiffusionCore beside the module; a checkout has it beside the module's folder.
if not (HERE / "DiffusionCore").exists() and (HERE.parent / "DiffusionCore").exists():
    sys.path.append(str(HERE.parent))


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


class DiffusionClassifyWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel; `DiffusionClassifyLib.panel` holds what it does."""

    def __init__(self, parent=None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.panel = None

    def setup(self) -> None:
        """Called when the user opens the module for the first time."""
        ScriptedLoadableModuleWidget.setup(self)
        from DiffusionClassifyLib.panel import ClassifyPanel

        widget = slicer.util.loadUI(self.resourcePath("UI/DiffusionClassify.ui"))
        self.layout.addWidget(widget)
        widget.setMRMLScene(slicer.mrmlScene)
        self.logic = DiffusionClassifyLogic()
        self.panel = ClassifyPanel(slicer.util.childWidgetVariables(widget))
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)
        self.initializeParameterNode()

    def initializeParameterNode(self) -> None:
        """Show the scene's parameter node, with the first scan as the input where none was chosen."""
        parameters = self.logic.getParameterNode()
        self.panel.set_parameters(parameters)

    def enter(self) -> None:
        """Called each time the module is opened."""
        self.initializeParameterNode()

    def exit(self) -> None:
        """Called when another module is opened: what runs goes on."""
        self.panel.pause()

    def onSceneStartClose(self, caller=None, event=None) -> None:
        """Called before the scene is closed: what runs is cancelled and its result thrown away."""
        self.panel.scene_closes()

    def onSceneEndClose(self, caller=None, event=None) -> None:
        """Called after the scene was closed."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onSceneEndImport(self, caller=None, event=None) -> None:
        """Called after a scene was loaded: its choices and its result are shown."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onReload(self) -> None:
        """Reload the library with the module."""
        for name in [name for name in sys.modules if name.split(".")[0] == "DiffusionClassifyLib"]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    def cleanup(self) -> None:
        """Called when the application closes or the module is reloaded: nothing stays behind."""
        self.removeObservers()
        if self.panel is not None:
            self.panel.end()
            self.panel = None


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
