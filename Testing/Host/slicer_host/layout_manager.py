"""`slicer.app.layoutManager()`: MRML's own layout logic says which views there are; this makes them and places them."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from PySide6 import QtCore, QtWidgets

from .facts import NotInHost
from .strict import stand_in
from .view_widgets import qMRMLPlotWidget, qMRMLSliceWidget, qMRMLTableWidget, qMRMLThreeDWidget, sized

SIZE = QtCore.QSize(800, 600)


@stand_in
class qSlicerLayoutManager(QtCore.QObject):
    """Follows the layout node: on a change views are made, shown and hidden."""

    layoutChanged = QtCore.Signal(int)

    def __init__(self, scene: Any, application_logic: Any) -> None:
        super().__init__()
        self.__scene, self.__application_logic = scene, application_logic
        self.__logic = slicer.vtkMRMLLayoutLogic()
        self.__logic.SetMRMLApplicationLogic(application_logic)
        self.__logic.SetMRMLScene(scene)
        self.__viewport = QtWidgets.QWidget()
        self.__widgets: dict[str, QtWidgets.QWidget] = {}
        self.__node, self.__told, self.__busy = None, None, False
        for event in (scene.EndCloseEvent, scene.EndImportEvent, scene.EndRestoreEvent):
            scene.AddObserver(event, lambda *_: self._follow_scene())
        self._follow_scene()

    def _follow_scene(self) -> None:
        """After the scene was cleared or loaded: the layout node may be another, and views of nodes that are gone go."""
        node = self.__logic.GetLayoutNode()
        if node is not self.__node:
            self.__node = node
            node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self.__follow_layout())
        gone = [name for name in self.__widgets if self.__scene.GetNodeByID(name) is None]
        for name in gone:
            self.__drop(name)
        self.__told = None
        self.__follow_layout()

    def __drop(self, identity: str) -> None:
        widget = self.__widgets.pop(identity)
        if isinstance(widget, qMRMLSliceWidget):
            self.__application_logic.GetSliceLogics().RemoveItem(widget.sliceLogic())
        if isinstance(widget, (qMRMLSliceWidget, qMRMLThreeDWidget)):
            widget.viewWidget()._drawn().finalize()
        widget.setParent(None)
        widget.deleteLater()

    def __follow_layout(self) -> None:
        node = self.__node
        description = (node.GetViewArrangement(), node.GetCurrentLayoutDescription())
        if self.__busy or node.GetScene() is None or description == self.__told:
            return
        self.__busy, self.__told = True, description
        try:
            self.__place()
        finally:
            self.__busy = False
        self.layoutChanged.emit(node.GetViewArrangement())

    def __place(self) -> None:
        views = self.__logic.GetViewNodes()
        shown = [views.GetItemAsObject(index) for index in range(views.GetNumberOfItems())]
        for node in shown:
            if node.GetID() not in self.__widgets:
                self.__widgets[node.GetID()] = self.__made(node)
        for identity in self.__widgets:
            node = self.__scene.GetNodeByID(identity)
            node.SetMappedInLayout(node in shown)
        for widget in self.__widgets.values():
            widget.setParent(None)
            widget.hide()
        old = self.__viewport.layout()
        if old is not None:
            QtWidgets.QWidget().setLayout(old)
        outer = QtWidgets.QVBoxLayout(self.__viewport)
        outer.setContentsMargins(0, 0, 0, 0)
        root = self.__node.GetLayoutRootElement()
        if root is not None:
            self.__arrange(root, outer)
        sized(self.__viewport, SIZE)

    def __made(self, node: Any) -> QtWidgets.QWidget:
        if node.IsA("vtkMRMLSliceNode"):
            logic = slicer.vtkMRMLSliceLogic()
            logic.SetMRMLApplicationLogic(self.__application_logic)
            self.__application_logic.GetSliceLogics().AddItem(logic)
            logic.SetMRMLScene(self.__scene)
            logic.SetSliceNode(node)
            return qMRMLSliceWidget(logic, self.__application_logic)
        if node.IsA("vtkMRMLViewNode"):
            logic = slicer.vtkMRMLViewLogic()
            logic.SetMRMLApplicationLogic(self.__application_logic)
            self.__application_logic.GetViewLogics().AddItem(logic)
            logic.SetMRMLScene(self.__scene)
            return qMRMLThreeDWidget(logic, node, self.__application_logic)
        if node.IsA("vtkMRMLTableViewNode"):
            return qMRMLTableWidget(node)
        if node.IsA("vtkMRMLPlotViewNode"):
            return qMRMLPlotWidget(node)
        raise NotInHost(f"a view of {node.GetClassName()}")

    def __arrange(self, element: Any, into: QtWidgets.QLayout) -> None:
        """Turn <layout>, <item> and <view> into Qt layouts."""
        if element.GetName() == "view":
            node = self.__logic.GetViewFromElement(element)
            widget = self.__widgets[node.GetID()]
            into.addWidget(widget)
            widget.show()
            return
        if element.GetName() != "layout":
            raise ValueError(f"a layout's description has <{element.GetName()}>; it may have layout, item and view")
        kind = element.GetAttribute("type") or "horizontal"
        if kind == "grid":
            self.__arrange_grid(element, into)
            return
        if kind not in ("horizontal", "vertical"):
            raise ValueError(f"layout type {kind!r} is unknown")
        part = QtWidgets.QHBoxLayout() if kind == "horizontal" else QtWidgets.QVBoxLayout()
        part.setSpacing(2)
        into.addLayout(part)
        for index in range(element.GetNumberOfNestedElements()):
            item = element.GetNestedElement(index)
            inner = QtWidgets.QVBoxLayout()
            part.addLayout(inner, int(item.GetAttribute("splitSize") or 1))
            for child in range(item.GetNumberOfNestedElements()):
                self.__arrange(item.GetNestedElement(child), inner)

    def __arrange_grid(self, element: Any, into: QtWidgets.QLayout) -> None:
        grid = QtWidgets.QGridLayout()
        grid.setSpacing(2)
        into.addLayout(grid)
        for index in range(element.GetNumberOfNestedElements()):
            item = element.GetNestedElement(index)
            cell = [int(item.GetAttribute(name) or default) for name, default in
                    (("row", 0), ("column", 0), ("rowspan", 1), ("colspan", 1))]  # fmt: skip
            inner = QtWidgets.QVBoxLayout()
            grid.addLayout(inner, *cell)
            grid.setRowStretch(cell[0], 1)
            grid.setColumnStretch(cell[1], 1)
            for child in range(item.GetNumberOfNestedElements()):
                self.__arrange(item.GetNestedElement(child), inner)

    def __of(self, kind: type) -> list[QtWidgets.QWidget]:
        return [widget for widget in self.__widgets.values() if isinstance(widget, kind)]

    layout = QtCore.Property(
        int,
        lambda self: self._qSlicerLayoutManager__node.GetViewArrangement(),
        lambda self, layout: self._qSlicerLayoutManager__node.SetViewArrangement(layout),
    )
    threeDViewCount = QtCore.Property(int, lambda self: len(self._qSlicerLayoutManager__of(qMRMLThreeDWidget)))
    tableViewCount = QtCore.Property(int, lambda self: len(self._qSlicerLayoutManager__of(qMRMLTableWidget)))
    plotViewCount = QtCore.Property(int, lambda self: len(self._qSlicerLayoutManager__of(qMRMLPlotWidget)))

    def setLayout(self, layout: int) -> None:
        self.__node.SetViewArrangement(layout)

    def layoutLogic(self) -> Any:
        return self.__logic

    def mrmlScene(self) -> Any:
        return self.__scene

    def mrmlSliceLogics(self) -> Any:
        return self.__application_logic.GetSliceLogics()

    def sliceViewNames(self) -> list[str]:
        """Of every view that was ever made, as Slicer; which of them are in the layout, their nodes say."""
        return [widget.mrmlSliceNode().GetLayoutName() for widget in self.__of(qMRMLSliceWidget)]

    def sliceWidget(self, name: str) -> Any:
        for widget in self.__of(qMRMLSliceWidget):
            if widget.mrmlSliceNode().GetLayoutName() == name:
                return widget
        return None

    def threeDWidget(self, which: int | str) -> Any:
        widgets = self.__of(qMRMLThreeDWidget)
        if isinstance(which, str):
            return next((one for one in widgets if one.mrmlViewNode().GetLayoutName() == which), None)
        return widgets[which] if 0 <= which < len(widgets) else None

    def tableWidget(self, index: int) -> Any:
        widgets = self.__of(qMRMLTableWidget)
        return widgets[index] if 0 <= index < len(widgets) else None

    def plotWidget(self, index: int) -> Any:
        widgets = self.__of(qMRMLPlotWidget)
        return widgets[index] if 0 <= index < len(widgets) else None

    def viewWidget(self, node: Any) -> Any:
        return self.__widgets.get(node.GetID())

    def viewport(self) -> QtWidgets.QWidget:
        return self.__viewport

    def resetSliceViews(self) -> None:
        for widget in self.__of(qMRMLSliceWidget):
            widget.fitSliceToBackground()

    def resetThreeDViews(self) -> None:
        for widget in self.__of(qMRMLThreeDWidget):
            widget.threeDView().resetFocalPoint()
