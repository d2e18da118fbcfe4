"""Voxels in memory of VTK's: what the worker answers is read into it beside the event loop, and a node takes it as it is.

A copy into a node's own memory holds the application up: by 50 to 70 ms for 256³ floats, more for larger scans.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from slicer import util
from vtk.util.numpy_support import get_vtk_array_type, vtk_to_numpy

# What VTK holds and Slicer writes.
VTK_TYPES = tuple(np.dtype(name) for name in ("u1", "i1", "u2", "i2", "i4", "f4", "f8"))


def empty(count: int, dtype: np.dtype) -> np.ndarray:
    """`count` voxels that hold anything, (count,), in memory of VTK's where it has the type. May be called in any thread."""
    if dtype not in VTK_TYPES:
        return np.empty(count, dtype)
    array = vtk.vtkDataArray.CreateDataArray(get_vtk_array_type(dtype))
    if not array.Allocate(count):
        raise MemoryError
    array.SetNumberOfValues(count)
    array.SetName("ImageScalars")
    return vtk_to_numpy(array)


def set_voxels(node: Any, voxels: np.ndarray) -> None:
    """Give a new volume node voxels (K, J, I) of a type that VTK has: `empty` memory becomes its own, other is copied."""
    array = _array_of(voxels)
    if array is None:
        util.updateVolumeFromArray(node, voxels)
        return
    image = vtk.vtkImageData()
    node.SetAndObserveImageData(image)  # while it is empty: an automatic window would look at all of the voxels here
    image.SetDimensions(*reversed(voxels.shape))
    image.GetPointData().SetScalars(array)
    node.StorableModified()
    node.Modified()
    node.InvokeEvent(slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent, node)


def _array_of(voxels: np.ndarray) -> Any:
    """The vtkDataArray whose memory voxels lie in, all of it and in its order; None of others, and where an image has it
    already: two nodes never share voxels."""
    memory = voxels
    while isinstance(memory, np.ndarray):
        memory = memory.base
    array = getattr(memory, "obj", memory)
    if not (isinstance(array, vtk.vtkDataArray) and array.GetReferenceCount() == 1 and voxels.flags.c_contiguous):
        return None
    same = array.GetNumberOfValues() == voxels.size and array.GetDataType() == get_vtk_array_type(voxels.dtype)
    return array if same else None
