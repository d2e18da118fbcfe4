"""Which widget can show which parameter: the exact types that Slicer accepts, and no others."""

from __future__ import annotations

import enum
import pathlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ctk
import qt
import slicer

from . import validators
from .annotations import Decimals, SingleStep, findFirstAnnotation, getNodeTypes, isNodeOrUnionOfNodes, splitAnnotations

UNBOUNDED = 2**31


@dataclass
class Connection:
    """A widget with the way to read and write its value, and its signal of a change."""

    widget: Any
    read: Callable[[], Any]
    write: Callable[[Any], None]
    signal: Any


def connection(widget: Any, datatype: Any) -> Connection:
    """How the widget shows a parameter of this type; RuntimeError if Slicer has no such connector."""
    kind, annotations = splitAnnotations(datatype)
    exact = type(widget)
    if kind is bool and exact in (qt.QCheckBox, ctk.ctkCheckBox):
        return _attribute(widget, "checked", widget.stateChanged)
    if kind is bool and exact in (qt.QPushButton, ctk.ctkCheckablePushButton):
        widget.checkable = True
        return _attribute(widget, "checked", widget.toggled)
    if kind is int and exact in (qt.QSlider, qt.QSpinBox):
        _bounds(widget, annotations, exact is qt.QSlider, int)
        return _attribute(widget, "value", widget.valueChanged)
    if kind in (int, float) and exact in (qt.QDoubleSpinBox, ctk.ctkSliderWidget, slicer.qMRMLSliderWidget, ctk.ctkDoubleSlider,
                                          ctk.ctkDoubleSpinBox, slicer.qMRMLSpinBox):  # fmt: skip
        if kind is int:
            widget.decimals = 0
        _bounds(widget, annotations, exact in (ctk.ctkSliderWidget, slicer.qMRMLSliderWidget), float)
        return Connection(
            widget, lambda: kind(widget.value), lambda value: _set(widget, "value", float(value)), widget.valueChanged
        )
    if isinstance(kind, type) and issubclass(kind, enum.Enum) and exact in (qt.QComboBox, ctk.ctkComboBox):
        return _enumeration(widget, kind)
    if kind in (str, int, float, bool) and exact in (qt.QComboBox, ctk.ctkComboBox):
        return _choices(widget, annotations)
    if kind is str and exact is qt.QLineEdit:
        return _attribute(widget, "text", widget.textChanged)
    if kind is str and exact is qt.QTextEdit:
        return Connection(widget, widget.toPlainText, widget.setPlainText, widget.textChanged)
    if kind is str and exact is qt.QLabel:
        return _attribute(widget, "text", None)
    if isinstance(kind, type) and issubclass(kind, pathlib.PurePath) and exact is ctk.ctkPathLineEdit:
        return Connection(
            widget,
            lambda: kind(widget.currentPath),
            lambda value: _set(widget, "currentPath", str(value)),
            widget.currentPathChanged,
        )
    if isNodeOrUnionOfNodes(kind) and exact is slicer.qMRMLNodeComboBox:
        widget.nodeTypes = getNodeTypes(kind)
        return Connection(widget, widget.currentNode, widget.setCurrentNode, widget.currentNodeChanged)
    raise RuntimeError(f"Unable to create GUI connector from datatype '{datatype}' to widget type '{exact}'.")


def _set(widget: Any, name: str, value: Any) -> None:
    setattr(widget, name, value)


def _attribute(widget: Any, name: str, signal: Any) -> Connection:
    def write(value: Any) -> None:
        if getattr(widget, name) != value:
            setattr(widget, name, value)

    return Connection(widget, lambda: getattr(widget, name), write, signal)


def _bounds(widget: Any, annotations: Any, needed: bool, kind: type) -> None:
    decimals, step = findFirstAnnotation(annotations, Decimals), findFirstAnnotation(annotations, SingleStep)
    if decimals is not None:
        widget.decimals = decimals.value
    if step is not None:
        widget.singleStep = step.value
    within = findFirstAnnotation(annotations, validators.WithinRange)
    lowest = within or findFirstAnnotation(annotations, validators.Minimum)
    highest = within or findFirstAnnotation(annotations, validators.Maximum)
    if needed and (lowest is None or highest is None):
        raise RuntimeError(f"Cannot have a connection to {type(widget).__name__} where the type is unbounded.")
    infinite = (-UNBOUNDED, UNBOUNDED - 1) if kind is int else (float("-inf"), float("inf"))
    widget.minimum = kind(lowest.minimum) if lowest is not None else infinite[0]
    widget.maximum = kind(highest.maximum) if highest is not None else infinite[1]


def _enumeration(widget: Any, kind: type[enum.Enum]) -> Connection:
    label = getattr(kind, "label", lambda one: one.name)
    values = list(kind)
    before = widget.currentIndex if widget.currentIndex >= 0 and widget.count == len(values) else 0
    widget.clear()
    for one in values:
        widget.addItem(label(one))
    widget.currentIndex = before

    def write(value: enum.Enum) -> None:
        widget.currentIndex = values.index(value)

    return Connection(widget, lambda: values[widget.currentIndex], write, widget.currentIndexChanged)


def _choices(widget: Any, annotations: Any) -> Connection:
    choice = findFirstAnnotation(annotations, validators.Choice)
    if choice is None:
        raise RuntimeError("ComboBoxToStringableConnector requires the Choice annotation to be used.")
    values = list(choice.choices)
    widget.clear()
    for one in values:
        widget.addItem(str(one))

    def write(value: Any) -> None:
        if value not in values:
            raise ValueError(f"Unable to find value {value} in choices {values}")
        widget.currentIndex = values.index(value)

    return Connection(widget, lambda: values[widget.currentIndex], write, widget.currentIndexChanged)
