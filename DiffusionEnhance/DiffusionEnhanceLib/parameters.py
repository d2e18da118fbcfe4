"""All that the panel remembers, kept in the scene: a parameter node with a field for each choice and for the result."""

from __future__ import annotations

from typing import Annotated

from slicer import (
    vtkMRMLMarkupsLineNode,
    vtkMRMLMarkupsROINode,
    vtkMRMLScalarVolumeNode,
)
from slicer.parameterNodeWrapper import Minimum, WithinRange, parameterNodeWrapper


@parameterNodeWrapper
class DiffusionEnhanceParameterNode:
    """What is chosen in the panel; which volumes wait is kept beside it (`waiting`).

    inputVolume      the scan; never changed
    roi              the box to work on; none: the whole scan
    referenceVolume  the scan without noise, for figures
    allFrames        every frame of the sequence that plays the input
    preset           quick, natural or careful; `texture` 0 and 1 are quick's and natural's
    axes, finer      of super-resolution: all or slice; "" (automatic), factor or spacing (mm)
    count, condition of synthesis: how many images, and what they are asked to be, e.g. z_fraction=0.2:0.8
    keepAs           volume or sequence
    model, modality  "" is automatic and as recognised
    steps, samples, threads, tile   0 is the preset's, or automatic
    resultVolume     the result that is looked at; what belongs to it, it refers to itself
    view             "", wipe, blink, difference, uncertainty or residual
    """

    inputVolume: vtkMRMLScalarVolumeNode
    roi: vtkMRMLMarkupsROINode
    referenceVolume: vtkMRMLScalarVolumeNode
    allFrames: bool = False
    task: str = "enhance"
    axes: str = "all"
    finer: str = ""
    factor: Annotated[float, WithinRange(1.1, 8)] = 2.0
    spacing: Annotated[float, WithinRange(0.05, 10)] = 1.0
    count: Annotated[int, WithinRange(1, 64)] = 4
    condition: str = ""
    keepAs: str = "volume"
    preset: str = "quick"
    strength: Annotated[float, WithinRange(0, 1)] = 1.0
    texture: Annotated[float, WithinRange(0, 1)] = 0.0
    model: str = ""
    modality: str = ""
    ownSigma: bool = False
    sigma: Annotated[float, Minimum(0.001)] = 10.0
    steps: Annotated[int, WithinRange(0, 1000)] = 0
    samples: Annotated[int, WithinRange(0, 64)] = 0
    seed: Annotated[int, Minimum(0)] = 0
    device: str = "auto"
    threads: Annotated[int, WithinRange(0, 1024)] = 0
    tile: Annotated[int, WithinRange(0, 4096)] = 0
    force: bool = False
    trust: bool = False
    preview: bool = False
    resultVolume: vtkMRMLScalarVolumeNode
    view: str = ""
    overlayOpacity: Annotated[float, WithinRange(0, 1)] = 0.5
    wipe: Annotated[float, WithinRange(0, 100)] = 50.0
    profileLine: vtkMRMLMarkupsLineNode
