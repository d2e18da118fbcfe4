"""CTK's buttons and boxes that open and close."""

from __future__ import annotations

from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from .strict import stand_in, stored

HEADER = 22


@stand_in
class ctkCollapsibleButton(QtWidgets.QAbstractButton):
    """A header that is clicked to show and hide what is below; open at first."""

    contentsCollapsed = QtCore.Signal(bool)

    def __init__(self, *arguments: Any) -> None:
        text = next((one for one in arguments if isinstance(one, str)), "")
        super().__init__(next((one for one in arguments if isinstance(one, QtWidgets.QWidget)), None))
        self.__shown_before: list[QtWidgets.QWidget] = []
        self.setText(text)
        self.setCheckable(True)
        self.setChecked(True)
        self.setContentsMargins(2, HEADER, 2, 2)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Preferred, QtWidgets.QSizePolicy.Policy.Preferred)
        self.toggled.connect(lambda checked: self.setProperty("collapsed", not checked))

    def __collapse(self, collapsed: bool) -> None:
        if collapsed:
            self.__shown_before = [
                one for one in self.children() if isinstance(one, QtWidgets.QWidget) and not one.isHidden()
            ]
        for widget in self.__shown_before:
            widget.setVisible(not collapsed)
        self.setChecked(not collapsed)
        self.setMaximumHeight(HEADER if collapsed else 16777215)
        self.updateGeometry()
        self.contentsCollapsed.emit(collapsed)

    collapsed = stored(bool, False, __collapse)
    collapsedHeight = stored(int, 10)
    flat = stored(bool, False)
    contentsFrameShape = stored(int, 0)
    contentsFrameShadow = stored(int, 0)
    contentsLineWidth = stored(int, 1)
    contentsMidLineWidth = stored(int, 0)

    def sizeHint(self) -> QtCore.QSize:
        layout = self.layout()
        if self.property("collapsed") or layout is None:
            return QtCore.QSize(120, HEADER)
        return layout.totalSizeHint()

    def minimumSizeHint(self) -> QtCore.QSize:
        layout = self.layout()
        if self.property("collapsed") or layout is None:
            return QtCore.QSize(60, HEADER)
        return layout.totalMinimumSize()

    def hitButton(self, position: QtCore.QPoint) -> bool:
        return position.y() < HEADER

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtWidgets.QStylePainter(self)
        option = QtWidgets.QStyleOptionButton()
        option.initFrom(self)
        option.rect = QtCore.QRect(0, 0, self.width, HEADER)
        option.text = ("▸ " if self.property("collapsed") else "▾ ") + self.property("text")
        painter.drawControl(QtWidgets.QStyle.ControlElement.CE_PushButton, option)


@stand_in
class ctkCollapsibleGroupBox(QtWidgets.QGroupBox):
    """A group box whose check mark shows and hides what is in it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.setCheckable(True)
        self.setChecked(True)
        self.toggled.connect(lambda checked: self.setProperty("collapsed", not checked))

    def __collapse(self, collapsed: bool) -> None:
        for widget in self.children():
            if isinstance(widget, QtWidgets.QWidget):
                widget.setVisible(not collapsed)
        self.setChecked(not collapsed)

    collapsed = stored(bool, False, __collapse)
    collapsedHeight = stored(int, 14)


@stand_in
class ctkPushButton(QtWidgets.QPushButton):
    """A push button whose text can be aligned."""

    elideMode = stored(int, 3)


@stand_in
class ctkMenuButton(QtWidgets.QPushButton):
    """A push button with a menu beside it."""


@stand_in
class ctkCheckablePushButton(ctkPushButton):
    """A push button with a check box in it."""

    checkBoxToggled = QtCore.Signal(bool)
    checkBoxControlsButton = stored(bool, True)
    checkBoxUserCheckable = stored(bool, True)

    def __check(self, state: QtCore.Qt.CheckState) -> None:
        self.checkBoxToggled.emit(state == QtCore.Qt.CheckState.Checked)

    checkState = stored(QtCore.Qt.CheckState, QtCore.Qt.CheckState.Unchecked, __check)


@stand_in
class ctkExpandButton(QtWidgets.QToolButton):
    """A tool button with an arrow that turns."""

    mirrorOnExpand = stored(bool, False)


@stand_in
class ctkCheckBox(QtWidgets.QCheckBox):
    """A check box that can show icons."""


@stand_in
class ctkComboBox(QtWidgets.QComboBox):
    """A combo box with a text shown while nothing is chosen."""

    defaultText = stored(str, "")
    forceDefault = stored(bool, False)


@stand_in
class ctkSearchBox(QtWidgets.QLineEdit):
    """A line edit for searching."""

    showSearchIcon = stored(bool, False)


@stand_in
class ctkColorPickerButton(QtWidgets.QPushButton):
    """A button that shows a colour."""

    colorChanged = QtCore.Signal(QtGui.QColor)

    def __show(self, color: QtGui.QColor) -> None:
        self.setText(color.name())
        self.colorChanged.emit(color)

    color = stored(QtGui.QColor, QtGui.QColor("black"), __show)
    displayColorName = stored(bool, True)

    def setColor(self, color: QtGui.QColor) -> None:
        self.setProperty("color", color)


@stand_in
class ctkMessageBox(QtWidgets.QMessageBox):
    """A message box that can remember its answer in the settings."""

    dontShowAgainVisible = stored(bool, False)
    dontShowAgain = stored(bool, False)
    dontShowAgainSettingsKey = stored(str, "")

    def setDontShowAgain(self, again: bool) -> None:
        self.setProperty("dontShowAgain", again)


@stand_in
class ctkFittedTextBrowser(QtWidgets.QTextBrowser):
    """A text browser as high as its text."""

    collapsed = stored(bool, True)
    disableMouseScroll = stored(bool, False)
    hideDetailsText = stored(str, "")
    showDetailsText = stored(str, "")

    def setCollapsibleText(self, text: str) -> None:
        self.setText(text)

    def setCollapsibleHtml(self, text: str) -> None:
        self.setHtml(text)

    def collapsibleText(self) -> str:
        return self.toPlainText()
