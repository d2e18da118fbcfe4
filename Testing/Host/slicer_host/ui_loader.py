"""Loads .ui files with Slicer's and CTK's widgets; one that Slicer lacks raises instead of becoming a plain QWidget."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

from PySide6 import QtCore, QtUiTools, QtWidgets

from . import strict


class QUiLoader(QtUiTools.QUiLoader):
    """`load(file)` as Slicer's: custom widgets by name, connections of the file joined, wrong properties refused."""

    def createWidget(
        self, class_name: str, parent: QtWidgets.QWidget | None = None, name: str = ""
    ) -> QtWidgets.QWidget:
        cls = strict.widget_class(class_name)
        if cls is not None:
            widget = cls(parent)
            widget.setObjectName(name)
            return widget
        widget = super().createWidget(class_name, parent, name)
        if widget is None:
            raise ValueError(f"{name}: Qt has no widget {class_name}")
        return widget

    def load(self, file: Any, parent: QtWidgets.QWidget | None = None) -> QtWidgets.QWidget:
        path = file.fileName() if hasattr(file, "fileName") else file
        root = ElementTree.parse(path).getroot()
        connections = _taken_connections(root)
        content = QtCore.QBuffer()
        content.setData(ElementTree.tostring(root))
        widget = super().load(content, parent)
        if widget is None:
            raise ValueError(f"{path}: {self.errorString()}")
        by_name = {
            one.property("objectName"): one for one in [widget, *widget.findChildren(QtCore.QObject)] if _named(one)
        }
        _check_properties(root, by_name)
        for sender, signal, receiver, slot in connections:
            by_name[sender].connect(signal, by_name[receiver], slot)
        return widget


def _named(one: QtCore.QObject) -> bool:
    return bool(one.property("objectName"))


def _check_properties(root: ElementTree.Element, by_name: dict[str, QtCore.QObject]) -> None:
    """Qt sets an unknown property as a dynamic one without a word; Designer writes stdset="0" where that is meant."""
    for element in root.iter("widget"):
        widget = by_name.get(element.get("name", ""))
        if widget is None:
            continue
        for given in element.findall("property"):
            name = given.get("name", "")
            if given.get("stdset") != "0" and widget.metaObject().indexOfProperty(name) < 0:
                raise ValueError(f"{element.get('name')}: {element.get('class')} has no property {name}")


def _taken_connections(root: ElementTree.Element) -> list[tuple[str, ...]]:
    """Take the connections out of the file: Qt's form builder does not see signals and slots that are declared in Python."""
    found = [
        tuple(connection.findtext(part, "") for part in ("sender", "signal", "receiver", "slot"))
        for connection in root.iterfind("connections/connection")
    ]
    for element in root.findall("connections"):
        root.remove(element)
    return found
