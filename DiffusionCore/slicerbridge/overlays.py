"""What is laid over a scan or shown in its place: difference, uncertainty, residual structure; one legend for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import slicer
from slicer import util

from ..volume.geometry import to_ijk
from .colours import difference_colours, spread_colours
from .layouts import composite_node
from .voxel_memory import empty

PIECE = 1 << 22  # voxels computed at once: some ten milliseconds


def ijk_to_ras(node: Any) -> np.ndarray:
    """(4, 4) matrix of a volume node's own grid, mm, without parent transforms."""
    import vtk

    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return util.arrayFromVTKMatrix(matrix)


def place_in(whole: Any, part: Any) -> tuple[slice, slice, slice]:
    """The slices (k, j, i) of a volume node that another, cut from it, covers.

    Raises ValueError where the second is not a piece of the first's grid.
    """
    matrix, own = ijk_to_ras(whole), ijk_to_ras(part)
    shape = util.arrayFromVolume(part).shape[:3]
    first = to_ijk(matrix, own[:3, 3])
    begin = np.rint(first).astype(int)[::-1]
    same = np.allclose(matrix[:3, :3], own[:3, :3], atol=1e-4) and np.abs(first - np.rint(first)).max() < 1e-2
    end = begin + np.array(shape)
    if not same or begin.min() < 0 or np.any(end > util.arrayFromVolume(whole).shape[:3]):
        raise ValueError("the result is not on the scan's grid, so that no difference can be taken")
    k, j, i = (slice(int(a), int(b)) for a, b in zip(begin, end, strict=True))
    return k, j, i


def difference_of(before: Any, after: Any) -> np.ndarray:
    """After minus before where both are, float32, in the scan's units."""
    old = util.arrayFromVolume(before)[place_in(before, after)]
    new = util.arrayFromVolume(after)
    found = empty(new.size, np.dtype(np.float32)).reshape(new.shape)
    step = max(PIECE // max(new[0].size, 1), 1)
    for k in range(0, len(new), step):
        np.subtract(new[k : k + step], old[k : k + step], out=found[k : k + step], dtype=np.float32)
    return found


def largest_shown(difference: np.ndarray, sigma: float | None) -> float:
    """Half the width of the difference's colours: three sigma of the input's noise, so that what is taken from two
    scans of the same noise looks the same; without sigma what all but the largest half percent stay below.
    """
    if sigma and sigma > 0:
        return 3 * float(sigma)
    sample = np.abs(difference[:: max(len(difference) // 16, 1), ::2, ::2])
    return float(np.percentile(sample, 99.5)) or 1.0


def show_values(node: Any, colours: Any, low: float, high: float, hidden_below: float | None = None) -> None:
    """Colour a volume node between two values; what is below `hidden_below` stays transparent as an overlay."""
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID(colours.GetID())
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(low, high)
    display.SetInterpolate(False)
    display.SetApplyThreshold(hidden_below is not None)
    if hidden_below is not None:
        display.SetAutoThreshold(False)
        display.SetThreshold(hidden_below, max(float(util.arrayFromVolume(node).max()), high))


def show_difference(node: Any, largest: float) -> None:
    """Colours from -largest to +largest, black at zero."""
    show_values(node, difference_colours(), -largest, largest)


def show_spread(node: Any, high: float | None = None, hidden_below: float | None = None) -> float:
    """Colours from zero to `high`, by default what all but the largest half percent stay below; gives that value."""
    if high is None:
        voxels = util.arrayFromVolume(node)
        sample = voxels[:: max(len(voxels) // 16, 1), ::2, ::2]
        high = float(np.percentile(sample, 99.5)) or 1.0
    show_values(node, spread_colours(), 0.0, high, high / 50 if hidden_below is None else hidden_below)
    return high


def overlay(views: Sequence[str], node: Any | None, opacity: float) -> None:
    """Lay a volume node over what slice views show; None takes the overlay away."""
    for view in views:
        composite = composite_node(view)
        if composite is not None:
            composite.SetForegroundVolumeID(None if node is None else node.GetID())
            composite.SetForegroundOpacity(opacity)


def background(views: Sequence[str], node: Any) -> None:
    """Show a volume node in slice views, in place of what they show; their place and zoom stay."""
    for view in views:
        composite = composite_node(view)
        if composite is not None:
            composite.SetBackgroundVolumeID(node.GetID())


def hidden_volume(name: str) -> Any:
    """A new scalar volume node for what is only looked at: it is in no list, no tree and, with its display, no saved scene."""
    node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScalarVolumeNode")
    node.UnRegister(None)
    node.SetName(name)
    node.SetHideFromEditors(True)
    node.SetSaveWithScene(False)
    node.SetAttribute("SubjectHierarchy.ExcludeFromTree", "1")
    slicer.mrmlScene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetSaveWithScene(False)
    return node


def colour_bar(node: Any, title: str, views: Sequence[str]) -> Any:
    """A colour bar for a volume node's values in slice views; made once for a node."""
    display = node.GetDisplayNode()
    legend = slicer.modules.colors.logic().AddDefaultColorLegendDisplayNode(display)
    legend.SetTitleText(title)
    legend.SetLabelFormat("%.3g")
    legend.SetVisibility(True)
    shown = (slicer.mrmlScene.GetSingletonNode(view, "vtkMRMLSliceNode") for view in views)
    legend.SetViewNodeIDs([view.GetID() for view in shown if view is not None])
    return legend


def hide_colour_bar(node: Any) -> None:
    """Take a volume node's colour bar out of the views."""
    for number in range(node.GetNumberOfDisplayNodes()):
        found = node.GetNthDisplayNode(number)
        if found is not None and found.IsA("vtkMRMLColorLegendDisplayNode"):
            found.SetVisibility(False)
