"""A classification in the scene: the table of probabilities and all that belongs to it, found again after loading.

The table node refers to the others by MRML references, which a scene keeps: the input, the map, the boxes and the answer
(JSON in a text node).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import slicer

from DiffusionCore.report.markups import COLOUR
from DiffusionCore.slicerbridge.nodes import place_beside
from DiffusionCore.slicerbridge.overlays import show_spread
from DiffusionCore.slicerbridge.results import INPUT, REPORT, map_from_volume, part, report_of, set_part
from DiffusionCore.slicerbridge.tables import fill_table
from DiffusionCore.volume import Volume

MAP, REGION = "DiffusionCore.map", "DiffusionCore.region"
STRUCTURE = "DiffusionCore.structure"  # attribute: the segment or label that was classified
CHOSEN = "DiffusionCore.modality_chosen"  # attribute: what a person said that the scan is; "" for what it says itself
COLUMNS = ("class", "probability", "nine in ten samples")
KEPT = ("answer", "abstained", "warnings", "provenance")


def keep_classification(name: str, source: Any, structure: str, modality: str, values: Mapping[str, Any]) -> Any:
    """Put what `classify` answered beside its input in the scene; gives the table's node. `structure` and `modality` are
    what was chosen for it, and what its report is written with."""
    found = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", slicer.mrmlScene.GenerateUniqueName(name))
    name = found.GetName()
    fill_table(found, probability_rows(values["probabilities"]), COLUMNS)
    found.SetAttribute(STRUCTURE, structure)
    found.SetAttribute(CHOSEN, modality)
    set_part(found, INPUT, source)
    searched = isinstance(values.get("probability_map"), Volume)
    shown = values["probability_map"] if searched else values.get("saliency")
    if isinstance(shown, Volume):
        volume = map_from_volume(shown, name, "probability map" if searched else "saliency", source)
        show_spread(volume, 1.0)
        set_part(found, MAP, volume)
    boxes = [plain_box(box) for box in values["regions"]]
    for box in boxes:
        found.AddNodeReferenceID(REGION, region_node(f"{name} {box['label']}", box, source).GetID())
    text = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", f"{name} report")
    content = {key: values[key] for key in KEPT}
    content.update(probabilities=list(values["probabilities"]), regions=boxes, searched=searched)
    text.SetText(json.dumps(content, ensure_ascii=True))
    set_part(found, REPORT, text)
    for node in (found, text):
        place_beside(node, source)
    return found


def probability_rows(probabilities: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """(class, probability, interval) in words."""
    return [
        (one["name"], f"{one['probability']:.3f}", f"{one['low']:.3f} to {one['high']:.3f}") for one in probabilities
    ]


def plain_box(box: Mapping[str, Any]) -> dict[str, Any]:
    """A box of the answer as JSON can hold it."""
    return {**box, "axes": np.asarray(box["axes"]).tolist()}


def region_node(name: str, box: Mapping[str, Any], source: Any) -> Any:
    """A new, locked ROI node of a box (RAS, mm), beside the input."""
    import vtk

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", name)
    matrix = np.eye(4)
    matrix[:3, :3] = box["axes"]
    matrix[:3, 3] = box["centre"]
    to_node = vtk.vtkMatrix4x4()
    to_node.DeepCopy(matrix.ravel())
    node.SetCenter(*box["centre"])
    node.SetSize(*box["size"])
    node.SetAndObserveObjectToNodeMatrix(to_node)
    node.SetDescription(box["description"])
    node.SetLocked(True)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetColor(*COLOUR)
    display.SetSelectedColor(*COLOUR)
    display.SetFillOpacity(0.08)
    display.SetHandlesInteractive(False)
    display.SetPropertiesLabelVisibility(False)
    place_beside(node, source)
    return node


def answer_of(result: Any) -> dict[str, Any]:
    """What was answered, kept with a result; empty without one, or where the text node is gone."""
    return report_of(result) if result is not None and result.GetScene() is not None else {}


def regions_of(result: Any) -> list[Any]:
    """The ROI nodes of a result that are still there."""
    if result is None or result.GetScene() is None:
        return []
    nodes = [result.GetNthNodeReference(REGION, number) for number in range(result.GetNumberOfNodeReferences(REGION))]
    return [node for node in nodes if node is not None and node.GetScene() is not None]


def backdrop_of(result: Any) -> Any:
    """The volume node that a result is looked at over: its input, or the scan that the segmentation was drawn on."""
    source = part(result, INPUT)
    if source is None or source.IsA("vtkMRMLVolumeNode"):
        return source
    return source.GetNodeReference(source.GetReferenceImageGeometryReferenceRole())


def in_words(answer: Mapping[str, Any]) -> str:
    """The answer as a sentence; why there is none."""
    if not answer:
        return ""
    if answer["abstained"]:
        return f"No answer, abstained because {answer['abstained']}."
    if answer["searched"]:
        return "Searched field by field: no answer, but a probability map, which is unvalidated."
    said = next(one for one in answer["probabilities"] if one["name"] == answer["answer"])
    interval = f"{said['low']:.2f} to {said['high']:.2f}"
    return f"{said['name']}: probability {said['probability']:.2f} (nine in ten samples {interval})"
