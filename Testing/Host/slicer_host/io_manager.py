"""`slicer.app.coreIOManager()`, which `slicer.util.load*` and `save*` call: files and nodes, by MRML's own storage nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
from PySide6 import QtCore

from .strict import stand_in

VOLUMES = (".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd", ".hdr", ".img", ".mgz")
READERS = {
    "VolumeFile": VOLUMES,
    "SegmentationFile": (".seg.nrrd", ".seg.nhdr"),
    "SequenceFile": (".seq.nrrd", ".seq.nhdr", ".seq.mrb"),
    "SceneFile": (".mrml", ".mrb"),
    "MarkupsFile": (".mrk.json", ".fcsv"),
    "TableFile": (".csv", ".tsv"),
    "TransformFile": (".h5", ".tfm", ".txt"),
}
STORAGE = {
    "SegmentationFile": ("vtkMRMLSegmentationNode", "vtkMRMLSegmentationStorageNode"),
    "SequenceFile": ("vtkMRMLSequenceNode", "vtkMRMLVolumeSequenceStorageNode"),
    "MarkupsFile": ("vtkMRMLMarkupsNode", "vtkMRMLMarkupsJsonStorageNode"),
    "TableFile": ("vtkMRMLTableNode", "vtkMRMLTableStorageNode"),
    "TransformFile": ("vtkMRMLTransformNode", "vtkMRMLTransformStorageNode"),
}


def known_extension(path: str) -> str:
    """The longest extension of the file's name that any reader knows, or ""."""
    name = Path(path).name.lower()
    endings = [ending for endings in READERS.values() for ending in endings if name.endswith(ending)]
    return max(endings, key=len, default="")


@stand_in
class qSlicerIOManager(QtCore.QObject):
    """Reads and writes what the panels use; another type of file raises."""

    newFileLoaded = QtCore.Signal(object)
    fileSaved = QtCore.Signal(object)

    def fileType(self, path: str) -> str:
        ending = known_extension(path)
        return next((kind for kind, endings in reversed(READERS.items()) if ending in endings), "NoFile")

    def extractKnownExtension(self, path: str, node: Any) -> str:
        return known_extension(path)

    def stripKnownExtension(self, path: str, node: Any) -> str:
        ending = known_extension(path)
        return path[: len(path) - len(ending)] if ending else path

    def fileWriterFileType(self, node: Any, format: str = "") -> str:
        for kind, (node_class, _) in STORAGE.items():
            if node.IsA(node_class):
                return kind
        return "VolumeFile"

    def fileWriterExtensions(self, node: Any) -> list[str]:
        storage = node.CreateDefaultStorageNode()
        storage.UnRegister(None)
        types = storage.GetSupportedWriteFileTypes()
        return [types.GetValue(index) for index in range(types.GetNumberOfValues())]

    def createAndAddDefaultStorageNode(self, node: Any) -> Any:
        node.AddDefaultStorageNode()
        return node.GetStorageNode()

    def addDefaultStorageNodes(self) -> None:
        for node in slicer.util.getNodesByClass("vtkMRMLStorableNode"):
            if node.GetSaveWithScene():
                node.AddDefaultStorageNode()

    def loadNodes(self, kind: str, properties: dict[str, Any], loaded: Any = None, messages: Any = None) -> bool:
        path = properties["fileName"]
        if kind == "SceneFile":
            return self.loadScene(path, properties.get("clear", True), messages)
        if not Path(path).is_file():
            return False
        node = self.__volume(path, properties) if kind == "VolumeFile" else self.__other(kind, path, properties)
        if node is None:
            return False
        if loaded is not None:
            loaded.AddItem(node)
        self.newFileLoaded.emit(properties)
        return True

    def __volume(self, path: str, properties: dict[str, Any]) -> Any:
        logic = slicer.app.moduleLogic("Volumes")
        name = properties.get("name") or self.stripKnownExtension(Path(path).name, None)
        node = logic.AddArchetypeVolume(path, name, int(properties.get("labelmap", False)))
        if node is not None and properties.get("show", True) and node.IsA("vtkMRMLScalarVolumeNode"):
            selection = slicer.app.applicationLogic().GetSelectionNode()
            selection.SetActiveVolumeID(node.GetID())
            slicer.app.applicationLogic().PropagateVolumeSelection(1)
        return node

    def __other(self, kind: str, path: str, properties: dict[str, Any]) -> Any:
        if kind not in STORAGE:
            return None
        node_class, storage_class = STORAGE[kind]
        storage = slicer.mrmlScene.AddNewNodeByClass(storage_class)
        storage.SetFileName(path)
        node = slicer.mrmlScene.AddNewNodeByClass(node_class, properties.get("name") or Path(path).name.split(".")[0])
        if not storage.ReadData(node):
            slicer.mrmlScene.RemoveNode(node)
            slicer.mrmlScene.RemoveNode(storage)
            return None
        node.SetAndObserveStorageNodeID(storage.GetID())
        if node.IsA("vtkMRMLDisplayableNode"):
            node.CreateDefaultDisplayNodes()
        return node

    def loadScene(self, path: str, clear: bool = True, messages: Any = None) -> bool:
        scene = slicer.mrmlScene
        if path.endswith(".mrb"):
            return bool(scene.ReadFromMRB(path, clear, messages))
        scene.SetURL(path)
        return bool(scene.Connect(messages) if clear else scene.Import(messages))

    def saveNodes(self, kind: str, properties: dict[str, Any], messages: Any = None, scene: Any = None) -> bool:
        path = properties["fileName"]
        if kind == "SceneFile":
            return self.saveScene(path, None, messages)
        node = slicer.mrmlScene.GetNodeByID(properties["nodeID"])
        node.AddDefaultStorageNode(path)
        storage = node.GetStorageNode()
        storage.SetFileName(path)
        storage.SetUseCompression(properties.get("useCompression", storage.GetUseCompression()))
        return bool(storage.WriteData(node))

    def saveScene(self, path: str, screenshot: Any, messages: Any = None) -> bool:
        scene = slicer.mrmlScene
        if path.endswith(".mrb"):
            return bool(scene.WriteToMRB(path))
        if path.endswith(".mrml"):
            scene.SetURL(path)
            scene.SetRootDirectory(str(Path(path).parent))
            return bool(scene.Commit(path, messages))
        Path(path).mkdir(parents=True, exist_ok=True)
        return bool(scene.SaveSceneToSlicerDataBundleDirectory(path))
