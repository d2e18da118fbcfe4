"""`slicer.modules`, the module manager, and scripted modules loaded as the application loads them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import slicer
from PySide6 import QtCore, QtGui, QtWidgets

from .mrml_widgets import qMRMLWidget
from .strict import stand_in, stored


@stand_in
class qSlicerLoadableModule(QtCore.QObject):
    """A module of Slicer's own (Volumes, Markups, ...): here only its logic."""

    def __init__(self, name: str, logic: Any) -> None:
        super().__init__()
        self.__name, self.__logic = name, logic

    name = QtCore.Property(str, lambda self: self._qSlicerLoadableModule__name)
    title = QtCore.Property(str, lambda self: self._qSlicerLoadableModule__name)

    def logic(self) -> Any:
        return self.__logic


@stand_in
class qSlicerScriptedLoadableModuleWidget(QtWidgets.QWidget):
    """The widget that the application makes around a scripted module's own widget."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        QtWidgets.QVBoxLayout(self)
        self.__module, self.__python, self.__scene, self.__entered = module, None, None, False

    def _instantiate(self) -> None:
        """What the application does on first showing: make the Python widget, then set it up."""
        name = self.__module.property("name")
        self.__python = getattr(sys.modules[name], f"{name}Widget")(self)
        setattr(slicer.modules, f"{name}Widget", self.__python)

    moduleName = QtCore.Property(str, lambda self: self._qSlicerScriptedLoadableModuleWidget__module.property("name"))
    isEntered = QtCore.Property(bool, lambda self: self._qSlicerScriptedLoadableModuleWidget__entered)

    def _setup(self) -> None:
        self.__python.setup()

    def self(self) -> Any:
        return self.__python

    def module(self) -> Any:
        return self.__module

    def reload(self) -> None:
        self._instantiate()
        self._setup()

    def setMRMLScene(self, scene: Any) -> None:
        self.__scene = scene
        for child in self.findChildren(qMRMLWidget):
            child.setMRMLScene(scene)

    def enter(self) -> None:
        if not self.__entered:
            self.__entered = True
            if hasattr(self.__python, "enter"):
                self.__python.enter()

    def exit(self) -> None:
        if self.__entered:
            self.__entered = False
            if hasattr(self.__python, "exit"):
                self.__python.exit()


@stand_in
class qSlicerScriptedLoadableModule(QtCore.QObject):
    """`parent` of a scripted module's class: its texts, and the way to its widget."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.__path, self.__representation, self.__logic = path, None, slicer.vtkSlicerScriptedLoadableModuleLogic()
        self.__logic.SetMRMLScene(slicer.mrmlScene)

    name = QtCore.Property(str, lambda self: self._qSlicerScriptedLoadableModule__path.stem)
    path = QtCore.Property(str, lambda self: str(self._qSlicerScriptedLoadableModule__path))
    title = stored(str, "")
    helpText = stored(str, "")
    acknowledgementText = stored(str, "")
    categories = stored("QStringList", [])
    dependencies = stored("QStringList", [])
    contributors = stored("QStringList", [])
    associatedNodeTypes = stored("QStringList", [])
    hidden = stored(bool, False)
    index = stored(int, -1)
    icon = stored(QtGui.QIcon, QtGui.QIcon())
    widgetRepresentationCreationEnabled = stored(bool, True)

    def logic(self) -> Any:
        return self.__logic

    def mrmlScene(self) -> Any:
        return slicer.mrmlScene

    def widgetRepresentation(self) -> Any:
        if self.__representation is None:
            widget = qSlicerScriptedLoadableModuleWidget(self)
            self.__representation = widget
            widget._instantiate()
            widget._setup()
            widget.setMRMLScene(slicer.mrmlScene)
        return self.__representation

    def createNewWidgetRepresentation(self) -> Any:
        widget = qSlicerScriptedLoadableModuleWidget(self)
        widget._instantiate()
        widget._setup()
        widget.setMRMLScene(slicer.mrmlScene)
        return widget

    def _has_widget(self) -> bool:
        return self.__representation is not None

    def _drop_widget(self) -> None:
        if self.__representation is not None:
            self.__representation.deleteLater()
            self.__representation = None


@stand_in
class qSlicerModuleFactoryManager(QtCore.QObject):
    """Which modules there are."""

    moduleLoaded = QtCore.Signal(str)

    def __init__(self, manager: Any) -> None:
        super().__init__()
        self.__manager = manager

    def loadedModuleNames(self) -> list[str]:
        return self.__manager.modulesNames()

    def isLoaded(self, name: str) -> bool:
        return name in self.__manager.modulesNames()

    def loadedModule(self, name: str) -> Any:
        return self.__manager.module(name)


@stand_in
class qSlicerModuleManager(QtCore.QObject):
    """All modules by name, also as attributes of `slicer.modules`, in lower case."""

    moduleAboutToBeUnloaded = QtCore.Signal(str)
    moduleLoaded = QtCore.Signal(str)

    def __init__(self, logics: dict[str, Any]) -> None:
        super().__init__()
        self.__modules: dict[str, Any] = {}
        self.__factory = qSlicerModuleFactoryManager(self)
        for name, logic in logics.items():
            self.__add(name, qSlicerLoadableModule(name, logic))

    def __add(self, name: str, module: Any) -> None:
        self.__modules[name] = module
        setattr(slicer.modules, name.lower(), module)
        setattr(slicer.moduleNames, name, name)
        self.moduleLoaded.emit(name)

    def factoryManager(self) -> Any:
        return self.__factory

    def modulesNames(self) -> list[str]:
        return list(self.__modules)

    def module(self, name: str) -> Any:
        return self.__modules.get(name)

    def _load(self, path: Path) -> Any:
        """Load a scripted module from its .py file: run it, make its class with a `parent`, register it."""
        name = path.stem
        if str(path.parent) not in sys.path:
            sys.path.insert(0, str(path.parent))
        _run(name, path)
        module = qSlicerScriptedLoadableModule(path)
        self.__modules[name] = module
        instance = getattr(sys.modules[name], name)(module)
        setattr(slicer.modules, f"{name}Instance", instance)
        self.__add(name, module)
        return module

    def _unload(self, name: str) -> None:
        """What the application does with each module when it ends."""
        self.moduleAboutToBeUnloaded.emit(name)
        module = self.__modules.pop(name)
        module._drop_widget()
        for attribute in (name.lower(), f"{name}Instance", f"{name}Widget"):
            if hasattr(slicer.modules, attribute):
                delattr(slicer.modules, attribute)
        sys.modules.pop(name, None)


def _run(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
