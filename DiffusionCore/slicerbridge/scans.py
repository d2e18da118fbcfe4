"""The scans of the scene that a panel works on: which one first, as `Volume`s, and the part of them that a box means."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from slicer import util

from ..volume.geometry import box_slices
from .nodes import volume_from_node
from .recognise import MAP, image_changed_at, look_at
from .results import INPUT, is_synthetic

GONE = "the scan was removed while it was worked on; its result was thrown away"
Box = tuple[list[float], list[float]]
CHANGED = "the scan was changed while it was worked on; the result is of the scan as it was"


@dataclass(eq=False)
class Scans:
    """Volume nodes as `Volume`s; the last one is kept, so that the worker is given the same voxels only once."""

    _node: Any = None
    _seen: Any = None
    _volume: Any = field(default=None, repr=False)

    def volume(self, node: Any, modality: str = "") -> Any:
        """The scan of a volume node, with the modality that the panel shows."""
        seen = (node.GetID(), image_changed_at(node), modality)
        if node is not self._node or seen != self._seen:
            look = look_at(node, modality)
            if look.problem:
                raise ValueError(f"{node.GetName()}: {look.problem}")
            volume = volume_from_node(node)
            meta = {**volume.meta, "modality_reason": look.reason}
            self._node, self._seen = node, seen
            self._volume = replace(volume, modality=look.modality, meta=meta)
        return self._volume

    def forget(self) -> None:
        """Let go of the scan."""
        self._node = self._seen = self._volume = None


def region_of(volume: Any, roi: Any) -> list[list[int]] | None:
    """[[k0, k1], [j0, j1], [i0, i1]] of what an ROI node's box can touch; None without an ROI. Raises `UsageError`
    where it lies outside the scan."""
    return region_within(volume, box_of(roi))


def box_of(roi: Any) -> Box | None:
    """The lowest and the highest corner, RAS mm, of an ROI node's box as it is now; None without an ROI. Raises
    ValueError where it has no size."""
    if roi is None:
        return None
    bounds = [0.0] * 6
    roi.GetRASBounds(bounds)
    if bounds[0] >= bounds[1]:
        raise ValueError("the box has no size yet; place it in a slice view, or choose the whole scan")
    return bounds[0::2], bounds[1::2]


def region_within(volume: Any, box: Box | None) -> list[list[int]] | None:
    """`region_of` for a box that was taken before."""
    return None if box is None else [[part.start, part.stop] for part in box_slices(volume, *box)]


def place_in_middle(roi: Any, node: Any) -> None:
    """Let an ROI node's box be the middle half of another node, along each axis of the world."""
    bounds = [0.0] * 6
    node.GetRASBounds(bounds)
    low, high = bounds[0::2], bounds[1::2]
    if all(one < other for one, other in zip(low, high, strict=True)):
        roi.SetCenter(*((one + other) / 2 for one, other in zip(low, high, strict=True)))
        roi.SetSize(*((other - one) / 2 for one, other in zip(low, high, strict=True)))


def first_volume() -> Any:
    """The first scan of the scene that is not a result of ours; None if there is none."""
    for node in util.getNodesByClass("vtkMRMLScalarVolumeNode"):
        own = node.GetNodeReference(INPUT) is not None or is_synthetic(node) or node.GetAttribute(MAP)
        scan = node.GetClassName() == "vtkMRMLScalarVolumeNode" and not node.GetHideFromEditors()
        if scan and not own and node.GetImageData() is not None:
            return node
    return None
