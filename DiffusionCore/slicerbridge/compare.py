"""Looking at before and after in one place: a wipe between them, or the one and the other in turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import qt
from slicer import util

from .layouts import copy_window, slice_node
from .nodes import remove_node
from .overlays import background, hidden_volume, ijk_to_ras, overlay, place_in
from .voxel_memory import VTK_TYPES, empty, set_voxels

BLINK_MILLISECONDS = 500  # one change; slower than the three flashes a second that can do harm


class Wipe:
    """A volume that is the input up to a place across the picture and the result from there on."""

    def __init__(self, before: Any, after: Any, views: Sequence[str]) -> None:
        self.views = tuple(views)
        self.after_node = after
        self.before = util.arrayFromVolume(before)[place_in(before, after)]
        self.after = util.arrayFromVolume(after)
        self.axis, self.forward = across(after, self.views[0])
        self.at = 0
        self.node = hidden_volume(f"{after.GetName()} wipe")
        self.node.CopyOrientation(after)
        dtype = np.result_type(self.before, self.after)
        copy_window(after, self.node)  # before the voxels: an automatic window would first look at all of them
        voxels = empty(self.after.size, dtype if dtype in VTK_TYPES else np.dtype(np.float64)).reshape(self.after.shape)
        voxels[...] = self.after
        set_voxels(self.node, voxels)
        background(self.views, self.node)

    def move(self, percent: float) -> None:
        """Put the border at `percent` of the way from the picture's left to its right."""
        size = self.after.shape[self.axis]
        place = round(size * min(max(percent, 0.0), 100.0) / 100)
        target = place if self.forward else size - place
        shown = util.arrayFromVolume(self.node)
        low, high = sorted((self._border(self.at), target))
        part = tuple(slice(low, high) if axis == self.axis else slice(None) for axis in range(3))
        shown[part] = (self.before if place > self.at else self.after)[part]
        self.at = place
        util.arrayFromVolumeModified(self.node)

    def _border(self, place: int) -> int:
        return place if self.forward else self.after.shape[self.axis] - place

    def end(self) -> None:
        """Show the result again and remove the mixed volume."""
        if self.after_node.GetScene() is not None:
            background(self.views, self.after_node)
        remove_node(self.node)


def across(node: Any, view: str) -> tuple[int, bool]:
    """The array axis (0 k, 1 j, 2 i) that runs nearest to across a slice view, and whether it runs to the right."""
    to_ras = ijk_to_ras(node)[:3, :3]
    shown = slice_node(view)
    right = np.array([-1.0, 0.0, 0.0])  # an axial picture's left is the patient's right
    if shown is not None:
        right = util.arrayFromVTKMatrix(shown.GetSliceToRAS())[:3, 0]
    along = right @ (to_ras / np.linalg.norm(to_ras, axis=0))
    axis = int(np.argmax(np.abs(along)))
    return 2 - axis, bool(along[axis] > 0)


class Blink:
    """Before and after in turn, in the same views, until it is ended."""

    def __init__(self, before: Any, after: Any, views: Sequence[str]) -> None:
        self.before, self.after, self.views = before, after, tuple(views)
        self.shows_before = False
        overlay(self.views, before, 0.0)
        self.timer = qt.QTimer()
        self.timer.setInterval(BLINK_MILLISECONDS)
        self.timer.connect("timeout()", self.turn)
        self.timer.start()

    def turn(self) -> None:
        """Show the other one."""
        if self.before.GetScene() is None or self.after.GetScene() is None:
            self.end()
            return
        self.shows_before = not self.shows_before
        overlay(self.views, self.before, 1.0 if self.shows_before else 0.0)

    def end(self) -> None:
        """Show the result alone."""
        self.timer.stop()
        overlay(self.views, None, 0.0)
