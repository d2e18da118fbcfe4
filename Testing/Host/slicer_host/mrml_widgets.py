"""Slicer's widgets over the real scene: choosing a node, showing a table, numbers with units."""

from __future__ import annotations

from typing import Any, ClassVar

import shiboken6
import vtk
from PySide6 import QtCore, QtGui, QtWidgets

from .ctk_numbers import ctkDoubleSpinBox, ctkRangeWidget, ctkSliderWidget
from .strict import stand_in, stored


class SceneObserver:
    """Calls back a widget on events of VTK objects, and lets go of them when the widget dies."""

    def __init__(self, widget: QtCore.QObject) -> None:
        self.widget = widget
        self.observed: list[tuple[Any, int]] = []

    def watch(self, observed: Any, event: Any, callback: Any) -> None:
        def called(*_: Any) -> None:
            if shiboken6.isValid(self.widget):
                callback()
            else:
                self.release()

        self.observed.append((observed, observed.AddObserver(event, called)))

    def release(self) -> None:
        for observed, tag in self.observed:
            observed.RemoveObserver(tag)
        self.observed = []


@stand_in
class qMRMLWidget(QtWidgets.QWidget):
    """A widget that knows the scene and tells it on."""

    mrmlSceneChanged = QtCore.Signal(object)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.__scene = None

    def setMRMLScene(self, scene: Any) -> None:
        if scene is not self.__scene:
            self.__scene = scene
            self.mrmlSceneChanged.emit(scene)

    def mrmlScene(self) -> Any:
        return self.__scene


@stand_in
class qMRMLNodeComboBox(QtWidgets.QWidget):
    """A list of the scene's nodes of some classes. Without "None" the first node is chosen by itself, as in Slicer."""

    currentNodeChanged = QtCore.Signal(object)
    currentNodeIDChanged = QtCore.Signal(str)
    nodeAdded = QtCore.Signal(object)
    nodeAddedByUser = QtCore.Signal(object)
    nodeActivated = QtCore.Signal(object)
    _chosen_or_not = QtCore.Signal(bool)
    slicer_overloads_: ClassVar = {"currentNodeChanged(bool)": "_chosen_or_not"}

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        combo = QtWidgets.QComboBox()
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(combo)
        self.__dict__["_combo__part"] = combo
        self.__scene, self.__ids, self.__told = None, [], ""
        self.__attributes: list[tuple[str, str, Any]] = []
        self.__on_scene, self.__on_nodes = SceneObserver(self), SceneObserver(self)
        combo.currentIndexChanged.connect(lambda _: self.__tell())
        combo.activated.connect(lambda _: self.nodeActivated.emit(self.currentNode()))

    def mrmlScene(self) -> Any:
        return self.__scene

    def setMRMLScene(self, scene: Any) -> None:
        self.__on_scene.release()
        self.__scene = scene
        if scene is not None:
            for event in (
                scene.NodeAddedEvent,
                scene.NodeRemovedEvent,
                scene.EndCloseEvent,
                scene.EndBatchProcessEvent,
            ):
                self.__on_scene.watch(scene, event, self.__refill)
        self.__refill()
        self.setEnabled(scene is not None)

    def __listed(self) -> list[Any]:
        nodes = []
        for index in range(self.__scene.GetNumberOfNodes() if self.__scene else 0):
            node = self.__scene.GetNthNode(index)
            if node.GetHideFromEditors() and not self.property("showHidden"):
                continue
            if any(self.__fits(node, kind) for kind in self.property("nodeTypes")):
                nodes.append(node)
        return nodes

    def __fits(self, node: Any, kind: str) -> bool:
        if not (node.IsA(kind) if self.property("showChildNodeTypes") else node.GetClassName() == kind):
            return False
        for of_kind, attribute, value in self.__attributes:
            found = node.GetAttribute(attribute)
            if kind == of_kind and (found is None or (value is not None and found != str(value))):
                return False
        return True

    def __refill(self, *_: Any) -> None:
        if self.__scene is not None and self.__scene.IsBatchProcessing():
            return
        combo, before, rows = self._combo__part, self.__told, list(self.__ids)
        self.__on_nodes.release()
        combo.blockSignals(True)
        combo.clear()
        self.__ids = [""] if self.property("noneEnabled") else []
        if self.__ids:
            combo.addItem(self.property("noneDisplay"))
        for node in self.__listed():
            self.__ids.append(node.GetID())
            combo.addItem(node.GetName())
            self.__on_nodes.watch(node, vtk.vtkCommand.ModifiedEvent, self.__rename)
        combo.setCurrentIndex(self.__row_of(before, rows))
        combo.blockSignals(False)
        self.__tell()

    def __row_of(self, before: str, rows: list[str]) -> int:
        """The row that is chosen when the list has become another, as by QComboBox and qMRMLNodeComboBox: what was chosen
        stays; where it is gone, the one above it, and none if it was the first; of a list that was empty the first."""
        if before in self.__ids:
            return self.__ids.index(before)
        if before in rows:
            return min(rows.index(before), len(self.__ids)) - 1
        return 0 if self.__ids and not rows else -1

    def __rename(self) -> None:
        for index, identity in enumerate(self.__ids):
            node = self.__scene.GetNodeByID(identity) if identity else None
            if node is not None and self._combo__part.itemText(index) != node.GetName():
                self._combo__part.setItemText(index, node.GetName())

    def __tell(self) -> None:
        if self.property("currentNodeID") != self.__told:
            self.__told = self.property("currentNodeID")
            node = self.currentNode()
            self.currentNodeChanged.emit(node)
            self._chosen_or_not.emit(node is not None)
            self.currentNodeIDChanged.emit(self.__told)

    def __identity(self) -> str:
        index = self._combo__part.property("currentIndex")
        return self.__ids[index] if 0 <= index < len(self.__ids) else ""

    def __choose(self, identity: str) -> None:
        wanted = identity or ""
        self._combo__part.setCurrentIndex(self.__ids.index(wanted) if wanted in self.__ids else -1)

    currentNodeID = QtCore.Property(str, __identity, __choose)
    nodeTypes = stored("QStringList", [], lambda self, _: self._qMRMLNodeComboBox__refill())
    noneEnabled = stored(bool, False, lambda self, _: self._qMRMLNodeComboBox__refill())
    noneDisplay = stored(str, "None", lambda self, _: self._qMRMLNodeComboBox__refill())
    showHidden = stored(bool, False, lambda self, _: self._qMRMLNodeComboBox__refill())
    showChildNodeTypes = stored(bool, True, lambda self, _: self._qMRMLNodeComboBox__refill())
    hideChildNodeTypes = stored("QStringList", [])
    addEnabled = stored(bool, True)
    removeEnabled = stored(bool, True)
    editEnabled = stored(bool, False)
    renameEnabled = stored(bool, False)
    selectNodeUponCreation = stored(bool, True)
    baseName = stored(str, "")

    def currentNode(self) -> Any:
        identity = self.__identity()
        return self.__scene.GetNodeByID(identity) if self.__scene is not None and identity else None

    def setCurrentNode(self, node: Any) -> None:
        self.__choose(node if isinstance(node, str) else node.GetID() if node is not None else "")

    def setCurrentNodeID(self, identity: str) -> None:
        self.__choose(identity)

    def setCurrentNodeIndex(self, index: int) -> None:
        self._combo__part.setCurrentIndex(index + bool(self.property("noneEnabled")))

    def nodeCount(self) -> int:
        return len(self.__listed())

    def nodeFromIndex(self, index: int) -> Any:
        return self.__listed()[index] if 0 <= index < len(self.__listed()) else None

    def addAttribute(self, kind: str, attribute: str, value: Any = None) -> None:
        self.__attributes.append((kind, attribute, value))
        self.__refill()

    def removeAttribute(self, kind: str, attribute: str) -> None:
        self.__attributes = [one for one in self.__attributes if one[:2] != (kind, attribute)]
        self.__refill()

    def addNode(self, kind: str | None = None) -> Any:
        kind = kind or self.property("nodeTypes")[0]
        name = self.__scene.GenerateUniqueName(
            self.property("baseName") or kind.removeprefix("vtkMRML").removesuffix("Node")
        )
        node = self.__scene.AddNewNodeByClass(kind, name)
        if self.property("selectNodeUponCreation"):
            self.setCurrentNode(node)
        self.nodeAdded.emit(node)
        self.nodeAddedByUser.emit(node)
        return node

    def removeCurrentNode(self) -> None:
        self.__scene.RemoveNode(self.currentNode())


@stand_in
class qMRMLTableView(QtWidgets.QTableView):
    """The cells of a table node."""

    mrmlSceneChanged = QtCore.Signal(object)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.__scene, self.__node, self.__watch = None, None, SceneObserver(self)

    def setMRMLScene(self, scene: Any) -> None:
        self.__scene = scene
        self.mrmlSceneChanged.emit(scene)

    def mrmlScene(self) -> Any:
        return self.__scene

    def mrmlTableNode(self) -> Any:
        return self.__node

    def setMRMLTableNode(self, node: Any) -> None:
        self.__watch.release()
        self.__node = node
        if node is not None:
            self.__watch.watch(node, vtk.vtkCommand.ModifiedEvent, self.__fill)
        self.__fill()

    def __fill(self) -> None:
        table = self.__node.GetTable() if self.__node is not None else None
        rows, columns = (table.GetNumberOfRows(), table.GetNumberOfColumns()) if table else (0, 0)
        model = QtGui.QStandardItemModel(rows, columns, self)
        for column in range(columns):
            model.setHorizontalHeaderItem(column, QtGui.QStandardItem(table.GetColumnName(column)))
            for row in range(rows):
                model.setItem(row, column, QtGui.QStandardItem(self.__node.GetCellText(row, column)))
        self.setModel(model)

    firstRowLocked = stored(bool, False)
    firstColumnLocked = stored(bool, False)
    transposed = stored(bool, False)


@stand_in
class qMRMLSliderWidget(ctkSliderWidget):
    """A slider whose unit comes from the scene; the host shows the unit it is given."""

    quantity = stored(str, "")

    def setMRMLScene(self, scene: Any) -> None:
        self.__dict__["_scene__part"] = scene

    def mrmlScene(self) -> Any:
        return self.__dict__.get("_scene__part")


@stand_in
class qMRMLRangeWidget(ctkRangeWidget):
    """A range whose unit comes from the scene."""

    quantity = stored(str, "")

    def setMRMLScene(self, scene: Any) -> None:
        self.__dict__["_scene__part"] = scene


@stand_in
class qMRMLSpinBox(ctkDoubleSpinBox):
    """A spin box whose unit comes from the scene."""

    quantity = stored(str, "")

    def setMRMLScene(self, scene: Any) -> None:
        self.__dict__["_scene__part"] = scene
