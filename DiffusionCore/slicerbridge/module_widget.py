"""A module's widget as Slicer drives it: made when the module is first shown, told of each visit and of the scene."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from typing import Any

import qt
import slicer
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin


class ModuleWidget(ScriptedLoadableModuleWidget, VTKObservationMixin, ABC):
    """Keeps a module's `panel` (a `ModulePanel`) in step with the scene. The module's own widget says what its panel and
    its logic are. The panel is made of Resources/UI/<module>.ui, the library <module>Lib is reloaded with the module.
    """

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic: Any = None
        self.panel: Any = None

    @abstractmethod
    def makeLogic(self) -> Any:
        """The module's logic, which gives the parameter node."""

    @abstractmethod
    def makePanel(self, ui: Any) -> Any:
        """The module's panel of these widgets."""

    def setup(self) -> None:
        """Called when the user opens the module for the first time."""
        ScriptedLoadableModuleWidget.setup(self)
        widget = slicer.util.loadUI(self.resourcePath(f"UI/{self.moduleName}.ui"))
        self.layout.addWidget(widget)
        widget.setMRMLScene(slicer.mrmlScene)
        self.logic = self.makeLogic()
        self.panel = self.makePanel(slicer.util.childWidgetVariables(widget))
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneChanged)
        self.addObserver(scene, scene.StartImportEvent, self.onSceneStartImport)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneEndImport)
        self.initializeParameterNode()

    def initializeParameterNode(self) -> None:
        """Show the scene's parameter node, with the first scan as the input where none was chosen."""
        self.panel.set_parameters(self.logic.getParameterNode())

    def enter(self) -> None:
        """Called each time the module is opened."""
        self.initializeParameterNode()

    def exit(self) -> None:
        """Called when another module is opened: what runs goes on."""
        self.panel.pause()

    def onSceneStartClose(self, caller: Any = None, event: Any = None) -> None:
        """Called before the scene is closed: what runs is cancelled and its result thrown away."""
        self.panel.scene_closes()

    def onSceneChanged(self, caller: Any = None, event: Any = None) -> None:
        """Called after the scene was closed, or another was loaded: its choices and its result are shown."""
        if self.panel is not None and self.parent.isEntered:
            self.initializeParameterNode()

    def onSceneStartImport(self, caller: Any = None, event: Any = None) -> None:
        """Called before a scene is read: a chooser of nodes that is filled meanwhile takes the first one by itself, which
        must not become what the scene's own choice was."""
        self.panel.set_parameters(None)

    def onSceneEndImport(self, caller: Any = None, event: Any = None) -> None:
        """Called when a scene was read, but before the choosers of nodes list what is in it."""
        qt.QTimer.singleShot(0, lambda: self.onSceneChanged())

    def onReload(self) -> None:
        """Reload the library with the module."""
        library = f"{self.moduleName}Lib"
        for name in [name for name in sys.modules if name.split(".")[0] == library]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    def cleanup(self) -> None:
        """Called when the application closes or the module is reloaded: nothing stays behind."""
        self.removeObservers()
        if self.panel is not None:
            self.panel.end()
            self.panel = None
