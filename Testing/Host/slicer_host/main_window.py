"""The main window: module panel on the left, views on the right, status bar below."""

from __future__ import annotations

from typing import Any

import slicer
from PySide6 import QtCore, QtWidgets

from .strict import stand_in


@stand_in
class qSlicerModuleSelectorToolBar(QtWidgets.QToolBar):
    """Switches modules: `exit` of the one, `enter` of the other."""

    moduleSelected = QtCore.Signal(str)

    def __init__(self, panel: QtWidgets.QScrollArea) -> None:
        super().__init__()
        self.__panel, self.__selected = panel, ""

    selectedModule = QtCore.Property(str, lambda self: self._qSlicerModuleSelectorToolBar__selected)

    def selectModule(self, name: str) -> None:
        module = slicer.app.moduleManager().module(name)
        if module is None:
            return
        before = slicer.app.moduleManager().module(self.__selected)
        if before is not None and hasattr(before, "_has_widget") and before._has_widget():
            before.widgetRepresentation().exit()
        self.__selected = name
        if hasattr(module, "_has_widget"):
            self.__panel.takeWidget()
            widget = module.widgetRepresentation()
            self.__panel.setWidget(widget)
            widget.enter()
        self.moduleSelected.emit(name)

    def _forget(self) -> None:
        self.__panel.takeWidget()
        self.__selected = ""


@stand_in
class qSlicerMainWindow(QtWidgets.QMainWindow):
    """As `slicer.util.mainWindow()` finds it."""

    initialWindowShown = QtCore.Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("qSlicerMainWindow")
        panel = QtWidgets.QScrollArea()
        panel.setWidgetResizable(True)
        panel.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        dock = QtWidgets.QDockWidget("Modules")
        dock.setObjectName("PanelDockWidget")
        dock.setWidget(panel)
        dock.setMinimumWidth(440)
        self.addDockWidget(QtCore.Qt.DockWidgetArea.LeftDockWidgetArea, dock)
        self.__selector = qSlicerModuleSelectorToolBar(panel)
        self.statusBar()

    def moduleSelector(self) -> Any:
        return self.__selector
