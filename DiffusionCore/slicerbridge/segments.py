"""Segments of a segmentation as `Volume`s: the mask of one structure on its own grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from slicer import util
from vtk.util.numpy_support import vtk_to_numpy

from ..errors import InputError
from ..volume import Volume
from ..volume.geometry import to_ras


def segments_of(node: Any) -> dict[str, str]:
    """Names of a segmentation node's segments by their ids, in their order."""
    segmentation = node.GetSegmentation()
    ids = [segmentation.GetNthSegmentID(number) for number in range(segmentation.GetNumberOfSegments())]
    return {one: segmentation.GetSegment(one).GetName() for one in ids}


def volume_from_segment(node: Any, segment: str) -> Volume:
    """The mask of a segment, 0 and 1, with a voxel of nothing around it, so that its border is one.

    A segmentation that has no binary label map yet is given one. Raises `InputError` if the segment is gone, if there is
    nothing in it, or under a parent transform.
    """
    if node.GetParentTransformNode() is not None:
        raise InputError("a transform is applied to the segmentation; harden it in the Data module first")
    image = slicer.vtkOrientedImageData()
    found = node.GetSegmentation().GetSegment(segment) is not None
    if not (
        found and node.CreateBinaryLabelmapRepresentation() and node.GetBinaryLabelmapRepresentation(segment, image)
    ):
        raise InputError("the segment is not there, or has no label map; choose another")
    extent = image.GetExtent()
    shape = tuple(extent[2 * axis + 1] - extent[2 * axis] + 1 for axis in (2, 1, 0))
    if min(shape) < 1:
        raise InputError("the segment is empty; draw the structure first")
    inside = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(shape) != 0
    if not inside.any():
        raise InputError("the segment is empty; draw the structure first")
    to_world = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(to_world)
    matrix = util.arrayFromVTKMatrix(to_world)
    corner = to_ras(matrix, [extent[0] - 1, extent[2] - 1, extent[4] - 1])
    matrix[:3, 3] = corner
    meta = {"source": "3D Slicer", "modality_reason": "it is a segment"}
    return Volume(np.pad(inside, 1).astype(np.uint8), matrix, "LABEL", meta)
