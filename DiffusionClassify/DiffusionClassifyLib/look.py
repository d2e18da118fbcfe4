"""What the input is: a scan, or structures that were outlined, and what speaks against classifying it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from DiffusionCore.slicerbridge.nodes import LABEL_CLASS
from DiffusionCore.slicerbridge.recognise import image_changed_at, look_at, voxels_of
from DiffusionCore.slicerbridge.segments import segments_of
from DiffusionCore.tasks.classification.input import labels_in

SEGMENTATION = "vtkMRMLSegmentationNode"
MOST_LABELS = 64


@dataclass(frozen=True)
class InputLook:
    """What can be told of an input at once.

    kind        "volume" or "labelmap"; modality is CT, MR, LABEL or OTHER
    words       what a person is told it is
    structures  names of the segments or labels, by what `structure` of the parameter node holds
    problem     why it cannot be classified, and what to do; "" if it can
    """

    kind: str
    modality: str
    words: str
    structures: dict[str, str] = field(default_factory=dict)
    problem: str = ""


def look_at_input(node: Any, stated: str = "") -> InputLook:
    """Look at a volume, label map or segmentation node; `stated` is the modality that a person says it is."""
    if node.IsA(SEGMENTATION):
        return _outlined("a segmentation", "segment", segments_of(node), node)
    if node.IsA(LABEL_CLASS):
        if node.GetImageData() is None or 0 in node.GetImageData().GetDimensions():
            return InputLook(
                "labelmap", "LABEL", "no voxels", problem="This label map has no voxels; load or draw one."
            )
        return _outlined("a label map", "label", labels_of(node), node)
    look = look_at(node, stated)
    if look.modality == "LABEL":
        return _outlined(f"a label map ({look.reason})", "label", labels_of(node), node)
    problem = look.problem or ("This is a single slice; classifiers need several." if look.single_slice else "")
    return InputLook("volume", look.modality, problem or look.in_words(), problem=problem)


def is_outline(node: Any, stated: str = "") -> bool:
    """Whether a volume node shows structures, and not grey values."""
    return bool(node.IsA(LABEL_CLASS)) or look_at(node, stated).modality == "LABEL"


def _outlined(what: str, part: str, structures: dict[str, str], node: Any) -> InputLook:
    count = len(structures)
    words = f"{what} with {count} {part}{'' if count == 1 else 's'}"
    problem = ""
    if node.GetParentTransformNode() is not None:
        problem = "A transform is applied to it; harden it in the Data module first."
    elif not structures:
        problem = "It shows no structure; outline one in the Segment Editor first."
    return InputLook("labelmap", "LABEL", words, structures, problem)


def labels_of(node: Any) -> dict[str, str]:
    """The labels of a label map by their numbers, with the names of the node's colours."""
    values = [int(value) for value in labels_in(voxels_of(node)) if float(value).is_integer()][:MOST_LABELS]
    display = node.GetDisplayNode()
    colours = display.GetColorNode() if display is not None and node.IsA(LABEL_CLASS) else None
    names = {value: (colours.GetColorName(value) if colours is not None else "") or "" for value in values}
    return {str(value): f"{value}: {name}" if name else f"label {value}" for value, name in names.items()}


def changed_at(node: Any) -> int:
    """A number that changes when what is in a node does: voxels, segments, their names."""
    if not node.IsA(SEGMENTATION):
        return image_changed_at(node)
    # a segment that is drawn on or called otherwise leaves the segmentation's own time as it was
    segmentation = node.GetSegmentation()
    source = segmentation.GetSourceRepresentationName()
    drawn = [segmentation.GetSegment(one).GetRepresentation(source) for one in segments_of(node)]
    times = tuple(0 if one is None else one.GetMTime() for one in drawn)
    named = tuple(segments_of(node).values())
    return hash((segmentation.GetMTime(), times, named, node.GetTransformNodeID() or ""))
