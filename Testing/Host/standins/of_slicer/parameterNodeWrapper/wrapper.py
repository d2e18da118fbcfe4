"""`@parameterNodeWrapper`: a class of typed parameters over a vtkMRMLScriptedModuleNode, joined to widgets."""

from __future__ import annotations

import typing
from typing import Any

import qt
import slicer
import vtk

from .annotations import Default, findFirstAnnotation, splitAnnotations
from .storage import Storage
from .validators import Validator
from .widgets import connection

__all__ = [
    "SlicerParameterNamePropertyName",
    "findChildWidgetForParameter",
    "isParameterNodeWrapper",
    "parameterNodeWrapper",
]

SlicerParameterNamePropertyName = "SlicerParameterName"
RESERVED = (
    "allParameters",
    "default",
    "isCached",
    "dataType",
    "getValue",
    "setValue",
    "connectGui",
    "connectParametersToGui",
    "disconnectGui",
    "StartModify",
    "EndModify",
    "AddObserver",
    "RemoveObserver",
    "Modified",
    "parameterNode",
)


class _Parameter:
    """One parameter: where its value is kept, what it may be, and what it is at first."""

    def __init__(self, name: str, datatype: Any, given: Any) -> None:
        self.name, self.datatype = name, datatype
        kind, annotations = splitAnnotations(datatype)
        self.storage = Storage(kind)
        self.validators = [*self.storage.checks(), *(one for one in annotations if isinstance(one, Validator))]
        default = given if isinstance(given, Default) else findFirstAnnotation(annotations, Default)
        self.default = default or Default(self.storage.default())

    def validate(self, value: Any) -> None:
        for one in self.validators:
            if value is not None or not self.storage.optional:
                one.validate(value)


def parameterNodeWrapper(classtype: type | None = None) -> Any:
    """Class decorator; every annotated name becomes a parameter."""
    return _processed if classtype is None else _processed(classtype)


def _processed(classtype: type) -> type:
    parameters = {}
    for name, datatype in typing.get_type_hints(classtype, include_extras=True).items():
        if name in RESERVED:
            raise ValueError(f"Cannot use reserved name '{name}' in a parameterNodeWrapper")
        given = Default(getattr(classtype, name)) if hasattr(classtype, name) else None
        parameters[name] = _Parameter(name, datatype, given)
        if given is not None:
            parameters[name].validate(given.value)
        setattr(classtype, name, _property(name))
    members = {name: value for name, value in vars(_Wrapper).items() if not name.startswith("__") or name == "__init__"}
    for name, value in members.items():
        setattr(classtype, name, value)
    classtype.allParameters = parameters
    classtype._is_parameter_node_wrapper = True
    return classtype


def _property(name: str) -> property:
    return property(lambda self: self.getValue(name), lambda self, value: self.setValue(name, value))


class _Wrapper:
    """What the decorator gives to a class."""

    def __init__(self, parameterNode: Any, prefix: str | None = None) -> None:
        self.parameterNode = parameterNode
        self._prefix = prefix or ""
        self._guis: dict[int, tuple[dict[str, Any], int, Any]] = {}
        self._next_gui = 0
        self._writing_gui = False
        for name, one in self.allParameters.items():
            if not one.storage.is_in(parameterNode, self._prefix + name):
                one.storage.write(parameterNode, self._prefix + name, one.default.value)

    def _known(self, name: str) -> Any:
        if name not in self.allParameters:
            raise ValueError(f"Cannot find a param with the given name: {name}")
        return self.allParameters[name]

    def getValue(self, name: str) -> Any:
        return self._known(name).storage.read(self.parameterNode, self._prefix + name)

    def setValue(self, name: str, value: Any) -> None:
        one = self._known(name)
        one.validate(value)
        one.storage.write(self.parameterNode, self._prefix + name, value)

    def default(self, name: str) -> Any:
        return self._known(name).default

    def isCached(self, name: str) -> bool:
        return bool(self._known(name))

    @classmethod
    def dataType(cls, name: str) -> Any:
        return cls.allParameters[name].datatype

    def connectGui(self, gui: Any) -> int:
        """Join every widget whose dynamic property SlicerParameterName names a parameter."""
        widgets = gui.findChildren(qt.QWidget) if hasattr(gui, "findChildren") else vars(gui).values()
        named = {one.property(SlicerParameterNamePropertyName): one for one in widgets}
        return self.connectParametersToGui({name: widget for name, widget in named.items() if name})

    def connectParametersToGui(self, mapping: dict[str, Any]) -> int:
        for name in mapping:
            self._known(name)
        joined = {name: connection(widget, self.dataType(name)) for name, widget in mapping.items()}
        slots = {}
        for name, one in joined.items():
            one.write(self.getValue(name))
            slots[name] = self._reader(name, one)
            if one.signal is not None:
                one.signal.connect(slots[name])
        tag = self._next_gui
        self._next_gui += 1
        observer = self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._to_gui())
        self._guis[tag] = (joined, observer, slots)
        return tag

    def _reader(self, name: str, one: Any) -> Any:
        def read() -> None:
            if not self._writing_gui:
                with slicer.util.NodeModify(self):
                    self.setValue(name, one.read())

        return read

    def _to_gui(self) -> None:
        if self._writing_gui:
            return
        self._writing_gui = True
        try:
            for joined, _, _ in list(self._guis.values()):
                for name, one in joined.items():
                    one.write(self.getValue(name))
        finally:
            self._writing_gui = False

    def disconnectGui(self, tag: int) -> None:
        if tag in self._guis:
            joined, observer, slots = self._guis.pop(tag)
            for name, one in joined.items():
                if one.signal is not None:
                    one.signal.disconnect(slots[name])
            self.RemoveObserver(observer)

    def StartModify(self) -> int:
        return self.parameterNode.StartModify()

    def EndModify(self, wasModified: int) -> int:
        return self.parameterNode.EndModify(wasModified)

    def AddObserver(self, event: Any, callback: Any, priority: float = 0.0) -> int:
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag: int) -> None:
        self.parameterNode.RemoveObserver(tag)

    def Modified(self) -> None:
        self.parameterNode.Modified()


def isParameterNodeWrapper(classOrObj: Any) -> bool:
    """Whether the decorator made it."""
    return getattr(classOrObj, "_is_parameter_node_wrapper", False)


def findChildWidgetForParameter(widget: Any, parameter: str) -> Any:
    """The child that shows the parameter, or None."""
    children = widget.findChildren(qt.QWidget)
    return next((one for one in children if one.property(SlicerParameterNamePropertyName) == parameter), None)
