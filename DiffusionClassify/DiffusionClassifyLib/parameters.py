"""All that the panel remembers, kept in the scene: a parameter node with a field for each choice and for the result."""

from __future__ import annotations

from typing import Annotated, Union

from slicer import (
    vtkMRMLLabelMapVolumeNode,
    vtkMRMLMarkupsROINode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
    vtkMRMLTableNode,
)
from slicer.parameterNodeWrapper import Minimum, WithinRange, parameterNodeWrapper

# The wrapper reads typing.Union, and not yet the bar between types.
Classifiable = Union[vtkMRMLScalarVolumeNode, vtkMRMLLabelMapVolumeNode, vtkMRMLSegmentationNode]  # noqa: UP007


@parameterNodeWrapper
class DiffusionClassifyParameterNode:
    """What is chosen in the panel.

    inputNode        a scan, a label map or a segmentation; never changed
    structure        the segment (id) or label (number) that is meant; "" for a scan
    roi              where to look; none: the whole of it
    model, modality  "" is the one that fits, and as recognised
    samples, steps, threads   0 is the model's, or automatic
    result           the table of the result that is looked at; what belongs to it, it refers to itself
    """

    inputNode: Classifiable
    structure: str = ""
    roi: vtkMRMLMarkupsROINode
    model: str = ""
    modality: str = ""
    samples: Annotated[int, WithinRange(0, 1000)] = 0
    steps: Annotated[int, WithinRange(0, 1000)] = 0
    seed: Annotated[int, Minimum(0)] = 0
    device: str = "auto"
    threads: Annotated[int, WithinRange(0, 1024)] = 0
    force: bool = False
    result: vtkMRMLTableNode
    showMap: bool = True
    mapOpacity: Annotated[float, WithinRange(0, 1)] = 0.6
    mapThreshold: Annotated[float, WithinRange(0, 1)] = 0.3
    showRegions: bool = True
