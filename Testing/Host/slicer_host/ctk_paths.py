"""CTK's widgets for files and folders."""

from __future__ import annotations

from typing import Any

from PySide6 import QtCore, QtWidgets

from .strict import stand_in, stored


@stand_in
class ctkPathLineEdit(QtWidgets.QWidget):
    """A line for a path, with a button to browse."""

    currentPathChanged = QtCore.Signal(str)
    validInputChanged = QtCore.Signal(bool)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        line = QtWidgets.QLineEdit()
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(line)
        self.__dict__["_line__part"] = line
        line.textChanged.connect(self.currentPathChanged)

    currentPath = QtCore.Property(
        str, lambda self: self._line__part.property("text"), lambda self, path: self._line__part.setText(path)
    )
    nameFilters = stored("QStringList", [])
    label = stored(str, "")
    settingKey = stored(str, "")
    filters = stored(int, 0)
    options = stored(int, 0)
    showBrowseButton = stored(bool, True)
    showHistoryButton = stored(bool, True)

    def setCurrentPath(self, path: str) -> None:
        self._line__part.setText(path)

    def addCurrentPathToHistory(self) -> None:
        """The host keeps no history."""


@stand_in
class ctkDirectoryButton(QtWidgets.QWidget):
    """A button that shows a folder and asks for another."""

    directoryChanged = QtCore.Signal(str)
    directorySelected = QtCore.Signal(str)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(next((one for one in arguments if isinstance(one, QtWidgets.QWidget)), None))
        QtWidgets.QHBoxLayout(self).addWidget(QtWidgets.QPushButton())

    def __show(self, path: str) -> None:
        self.findChild(QtWidgets.QPushButton).setText(path)
        self.directoryChanged.emit(path)

    directory = stored(str, ".", __show)
    caption = stored(str, "")
    text = stored(str, "")
