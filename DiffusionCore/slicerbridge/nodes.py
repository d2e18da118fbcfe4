"""Volume nodes of MRML as `Volume`, and back: grid, study, modality and DICOM images kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from slicer import util

from ..errors import InputError
from ..volume import Volume
from .overlays import ijk_to_ras
from .recognise import DICOM_UIDS, modality_of
from .voxel_memory import VTK_TYPES, set_voxels

MODALITY = "DiffusionCore.modality"  # attribute of the nodes made here
LABEL_CLASS = "vtkMRMLLabelMapVolumeNode"


def volume_from_node(node: Any, *, harden: bool = False) -> Volume:
    """The `Volume` of a scalar or label map volume node, of the scene or of a sequence.

    Its voxels are the node's own memory, not a copy: read them before the node is changed. Its matrix is the node's
    IJKToRAS with all its obliqueness, handedness and shear. Its modality is that of DICOM, of the node that was made here,
    or the guess that a file's would be; `meta["modality_reason"]` says which, `meta["dicom_instance_uids"]` are the images
    that Slicer read it from. Nothing of a patient is in `meta`.

    harden  apply the node's parent transforms to what is given; the node stays as it is. A linear one changes the
            matrix only; another resamples a clone, as Slicer's own hardening does
    Raises `InputError` if there are no voxels, several components, or a parent transform and not `harden`.
    """
    if node.GetImageData() is None or 0 in node.GetImageData().GetDimensions():
        raise InputError("the volume has no voxels; load or create some first")
    components = node.GetImageData().GetNumberOfScalarComponents()
    if components != 1:
        raise InputError(
            f"the volume has {components} components a voxel; choose a scalar volume, e.g. one made by Vector to Scalar"
        )
    voxels, matrix = _transformed(node, harden)
    modality, reason = _modality(node, voxels)
    meta: dict[str, Any] = {"source": "3D Slicer", "modality_reason": reason}
    uids = (node.GetAttribute(DICOM_UIDS) or "").split()
    if uids:
        meta["dicom_instance_uids"] = uids
    return Volume(voxels, matrix, modality, meta)


def node_from_volume(volume: Volume, name: str, *, like: Any = None) -> Any:
    """A new volume node of the scene with the volume's voxels and matrix; a label map's for "LABEL".

    Voxels that came from the worker become the node's own, others are copied.

    It is found beside `like` in the subject hierarchy, in the same study, and is shown with its window, level and colours.
    A node of another scene or of none, such as a sequence's frame, lends its window only.
    Types that VTK has not (bool, float16, int64) become the next that holds every value; `InputError` where none does.
    """
    voxels = _for_vtk(volume.voxels)
    kind = LABEL_CLASS if volume.modality == "LABEL" else "vtkMRMLScalarVolumeNode"
    node = slicer.mrmlScene.AddNewNodeByClass(kind, slicer.mrmlScene.GenerateUniqueName(name))
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(volume.ijk_to_ras.ravel())
    node.SetIJKToRASMatrix(matrix)
    _show_like(node, like)  # before the voxels: an automatic window would first look at all of them
    set_voxels(node, voxels)
    node.SetAttribute(MODALITY, volume.modality)
    if like is not None and like.GetScene() is slicer.mrmlScene:
        place_beside(node, like)
    return node


def remove_node(node: Any) -> None:
    """Remove a node from its scene with its display nodes: they would stay behind and keep a volume's voxels in memory."""
    scene = node.GetScene()
    if scene is None:
        return
    displays = []
    if node.IsA("vtkMRMLDisplayableNode"):
        displays = [node.GetNthDisplayNode(number) for number in range(node.GetNumberOfDisplayNodes())]
    scene.RemoveNode(node)
    for display in displays:
        if display is not None and display.GetScene() is scene:
            scene.RemoveNode(display)


def _transformed(node: Any, harden: bool) -> tuple[np.ndarray, np.ndarray]:
    """The node's voxels, and its matrix to world."""
    transform = node.GetParentTransformNode()
    if transform is None:
        return util.arrayFromVolume(node), ijk_to_ras(node)
    if not harden:
        raise InputError(
            "a transform is applied to the volume; harden it first (Data module, right click, Harden transform)"
        )
    if transform.IsTransformToWorldLinear():
        to_world = vtk.vtkMatrix4x4()
        transform.GetMatrixTransformToWorld(to_world)
        return util.arrayFromVolume(node), util.arrayFromVTKMatrix(to_world) @ ijk_to_ras(node)
    clone = slicer.vtkMRMLScalarVolumeNode()
    clone.SetHideFromEditors(True)  # nobody sees it come and go
    clone.SetAndObserveImageData(node.GetImageData())
    clone.CopyOrientation(node)
    slicer.mrmlScene.AddNode(clone)
    try:
        clone.SetAndObserveTransformNodeID(transform.GetID())
        clone.HardenTransform()
        return util.arrayFromVolume(clone), ijk_to_ras(clone)
    finally:
        slicer.mrmlScene.RemoveNode(clone)


def _modality(node: Any, voxels: np.ndarray) -> tuple[str, str]:
    if node.IsA(LABEL_CLASS):
        return "LABEL", "it is a label map volume"
    stated = node.GetAttribute(MODALITY)
    if stated:
        return stated, "known from what it was made from"
    return modality_of(node, voxels)


def _for_vtk(voxels: np.ndarray) -> np.ndarray:
    """The voxels in a type that VTK holds, the next that loses nothing."""
    native = voxels.dtype.newbyteorder("=")
    if native in VTK_TYPES:
        return voxels.astype(native, copy=False)
    if native.kind == "f":
        return voxels.astype("f4" if native.itemsize < 4 else "f8")
    if native.kind == "b":
        return voxels.astype("u1")
    low, high = int(voxels.min()), int(voxels.max())
    for one in VTK_TYPES:
        if one.kind in "ui" and np.iinfo(one).min <= low and high <= np.iinfo(one).max:
            return voxels.astype(one)
    if max(-low, high) <= 1 << 53:
        return voxels.astype("f8")
    raise InputError(f"the voxels ({native}, {low} to {high}) are too large for any type of VTK's")


def _show_like(node: Any, like: Any) -> None:
    node.CreateDefaultDisplayNodes()
    source = like.GetDisplayNode() if like is not None else None
    shown = node.GetDisplayNode()
    if (
        not (node.IsA("vtkMRMLScalarVolumeNode") and source is not None)
        or node.IsA(LABEL_CLASS)
        or like.IsA(LABEL_CLASS)
        or not like.IsA("vtkMRMLScalarVolumeNode")
    ):
        return
    shown.SetAutoWindowLevel(False)
    shown.SetWindowLevel(source.GetWindow(), source.GetLevel())
    shown.SetAndObserveColorNodeID(source.GetColorNodeID())
    shown.SetInterpolate(source.GetInterpolate())


def place_beside(node: Any, like: Any) -> None:
    """In the subject hierarchy under the same parent, the study of a DICOM series."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    beside = hierarchy.GetItemByDataNode(like)
    if not beside:
        return
    item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(hierarchy.GetItemParent(beside), node)
    hierarchy.SetItemParent(item, hierarchy.GetItemParent(beside))
