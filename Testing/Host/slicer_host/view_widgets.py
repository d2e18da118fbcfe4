"""The widgets of a layout: slice, 3D, table and plot views. They are drawn when grabbed, never on a screen."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
from PySide6 import QtCore, QtGui, QtWidgets

from .mrml_widgets import qMRMLTableView, qMRMLWidget
from .plot_picture import plot_picture
from .rendering import SlicePicture, ThreeDPicture
from .strict import stand_in


def paint(widget: QtWidgets.QWidget, picture: np.ndarray) -> None:
    """Draw (height, width, 3) uint8 into the widget."""
    height, width, _ = picture.shape
    image = QtGui.QImage(picture.data, width, height, 3 * width, QtGui.QImage.Format.Format_RGB888)
    painter = QtGui.QPainter(widget)
    painter.drawImage(widget.rect, image)
    painter.end()


@stand_in
class ctkVTKAbstractView(QtWidgets.QWidget):
    """A widget around a render window."""

    def _take(self, drawn: Any) -> None:
        self.__dict__["_drawn__part"] = drawn

    def _drawn(self) -> Any:
        return self.__dict__["_drawn__part"]

    def renderWindow(self) -> Any:
        return self._drawn().window

    def interactor(self) -> Any:
        return self._drawn().interactor

    def scheduleRender(self) -> None:
        self.update()

    def forceRender(self) -> None:
        self._drawn().picture()

    def pauseRender(self) -> None:
        """The host draws only what is grabbed."""

    def resumeRender(self) -> None:
        """The host draws only what is grabbed."""

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        self._drawn().resize(max(event.size().width(), 1), max(event.size().height(), 1))

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        self._drawn().resize(max(self.width, 1), max(self.height, 1))
        paint(self, self._drawn().picture())


@stand_in
class qMRMLSliceView(ctkVTKAbstractView):
    """A slice."""

    def mrmlSliceNode(self) -> Any:
        return self._drawn().logic.GetSliceNode()

    def displayableManagerByClassName(self, name: str) -> Any:
        return self._drawn().group.GetDisplayableManagerByClassName(name)

    def convertXYZToRAS(self, xyz: list[float]) -> list[float]:
        return list(self.mrmlSliceNode().GetXYToRAS().MultiplyPoint((*xyz, 1.0))[:3])

    def convertRASToXYZ(self, ras: list[float]) -> list[float]:
        import vtk

        inverse = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(self.mrmlSliceNode().GetXYToRAS(), inverse)
        return list(inverse.MultiplyPoint((*ras, 1.0))[:3])


@stand_in
class qMRMLThreeDView(ctkVTKAbstractView):
    """A 3D view."""

    def mrmlViewNode(self) -> Any:
        return self._drawn().group.GetMRMLDisplayableNode()

    def resetFocalPoint(self) -> None:
        self._drawn().renderer.ResetCamera()

    def resetCamera(self, *_: bool) -> None:
        self._drawn().renderer.ResetCamera()

    def displayableManagerByClassName(self, name: str) -> Any:
        return self._drawn().group.GetDisplayableManagerByClassName(name)


class _Holder(qMRMLWidget):
    """A view widget holds one view and nothing around it: the host shows no controller bars."""

    def _hold(self, view: QtWidgets.QWidget) -> None:
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(view)
        self.__dict__["_view__part"] = view


@stand_in
class qMRMLSliceControllerWidget(qMRMLWidget):
    """The bar above a slice view: what a script may ask of it."""

    def __init__(self, logic: Any) -> None:
        super().__init__()
        self.__dict__["_logic__part"] = logic

    def setSliceOffsetValue(self, offset: float) -> None:
        logic = self._logic__part
        logic.StartSliceOffsetInteraction()
        logic.SetSliceOffset(offset)
        logic.EndSliceOffsetInteraction()

    def fitSliceToBackground(self) -> None:
        self._logic__part.FitSliceToBackground()
        self._logic__part.SnapSliceOffsetToIJK()

    def setSliceLink(self, linked: bool) -> None:
        composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
        for composite in composites:
            composite.SetLinkedControl(linked)

    def setSliceVisible(self, visible: bool) -> None:
        self._logic__part.GetSliceNode().SetSliceVisible(visible)

    def setForegroundOpacity(self, opacity: float) -> None:
        self._logic__part.GetSliceCompositeNode().SetForegroundOpacity(opacity)

    def sliceLogic(self) -> Any:
        return self._logic__part

    def mrmlSliceNode(self) -> Any:
        return self._logic__part.GetSliceNode()

    def mrmlSliceCompositeNode(self) -> Any:
        return self._logic__part.GetSliceCompositeNode()


@stand_in
class qMRMLSliceWidget(_Holder):
    """A slice view with its logic."""

    def __init__(self, logic: Any, application_logic: Any) -> None:
        super().__init__()
        view = qMRMLSliceView()
        view._take(SlicePicture(logic, application_logic))
        self._hold(view)
        self.__dict__.update(_logic__part=logic, _controller__part=qMRMLSliceControllerWidget(logic))

    def sliceLogic(self) -> Any:
        return self._logic__part

    def logic(self) -> Any:
        return self._logic__part

    def sliceView(self) -> QtWidgets.QWidget:
        return self._view__part

    def viewWidget(self) -> QtWidgets.QWidget:
        return self._view__part

    def sliceController(self) -> QtWidgets.QWidget:
        return self._controller__part

    def controllerWidget(self) -> QtWidgets.QWidget:
        return self._controller__part

    def mrmlSliceNode(self) -> Any:
        return self._logic__part.GetSliceNode()

    def mrmlAbstractViewNode(self) -> Any:
        return self._logic__part.GetSliceNode()

    def mrmlSliceCompositeNode(self) -> Any:
        return self._logic__part.GetSliceCompositeNode()

    def fitSliceToBackground(self) -> None:
        self._controller__part.fitSliceToBackground()

    def setSliceOrientation(self, orientation: str) -> None:
        self.mrmlSliceNode().SetOrientation(orientation)


@stand_in
class qMRMLThreeDWidget(_Holder):
    """A 3D view with its logic."""

    def __init__(self, logic: Any, node: Any, application_logic: Any) -> None:
        super().__init__()
        view = qMRMLThreeDView()
        view._take(ThreeDPicture(node, application_logic))
        self._hold(view)
        self.__dict__.update(_logic__part=logic, _node__part=node)

    def threeDView(self) -> QtWidgets.QWidget:
        return self._view__part

    def viewWidget(self) -> QtWidgets.QWidget:
        return self._view__part

    def viewLogic(self) -> Any:
        return self._logic__part

    def mrmlViewNode(self) -> Any:
        return self._node__part

    def mrmlAbstractViewNode(self) -> Any:
        return self._node__part


@stand_in
class qMRMLTableWidget(_Holder):
    """A view of the table that its view node names."""

    def __init__(self, node: Any) -> None:
        super().__init__()
        view = qMRMLTableView()
        self._hold(view)
        self.__dict__["_node__part"] = node
        view.setMRMLTableNode(node.GetTableNode())
        node.AddObserver("ModifiedEvent", lambda *_: self._follow())

    def _follow(self) -> None:
        if self._view__part.mrmlTableNode() is not self._node__part.GetTableNode():
            self._view__part.setMRMLTableNode(self._node__part.GetTableNode())

    def tableView(self) -> QtWidgets.QWidget:
        return self._view__part

    def viewWidget(self) -> QtWidgets.QWidget:
        return self._view__part

    def mrmlTableViewNode(self) -> Any:
        return self._node__part


@stand_in
class qMRMLPlotView(QtWidgets.QWidget):
    """The chart that its view node names, drawn from the real plot and table nodes."""

    def __init__(self, node: Any) -> None:
        super().__init__()
        self.__node = node

    def fitToContent(self) -> None:
        """The host's charts always fit."""

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        chart = self.__node.GetPlotChartNode()
        if chart is not None:
            paint(self, plot_picture(chart, max(self.width, 1), max(self.height, 1)))


@stand_in
class qMRMLPlotWidget(_Holder):
    """A view of a chart."""

    def __init__(self, node: Any) -> None:
        super().__init__()
        self._hold(qMRMLPlotView(node))
        self.__dict__["_node__part"] = node

    def plotView(self) -> QtWidgets.QWidget:
        return self._view__part

    def viewWidget(self) -> QtWidgets.QWidget:
        return self._view__part

    def mrmlPlotViewNode(self) -> Any:
        return self._node__part


def sized(widget: QtWidgets.QWidget, size: QtCore.QSize) -> None:
    """Give the widget its size and lay out what is in it, though it is never shown."""
    widget.resize(size)
    for part in [widget, *widget.findChildren(QtWidgets.QWidget)]:
        if part.layout() is not None:
            part.layout().activate()
