"""A live preview: the slab around the slice in view, enhanced as soon as scrolling stops, thrown away when stale."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import qt
import slicer
from slicer import util

from ..volume import Volume
from .layouts import before_views, copy_window
from .nodes import remove_node
from .overlays import hidden_volume
from .words import in_panel_words

NO_VIEW = "preview: no slice view shows the scan"
STILL_MILLISECONDS = 250  # without a change of the view: scrolling has stopped
AT_A_SLICE = 1e-3  # of a slice's distance: a view that is this near to a slice's middle shows that slice alone


class LivePreview:
    """Follows the slice views and asks the worker for the part that is looked at.

    ask   gives (node, its volume, the options of the task), or None while there can be no preview
    tell  is given one line for a person
    """

    def __init__(
        self,
        worker: Any,
        ask: Callable[[], tuple[Any, Volume, Mapping[str, Any]] | None],
        tell: Callable[[str], None],
    ) -> None:
        self.worker, self.ask, self.tell = worker, ask, tell
        self.running = self._cancelling = False
        self.shown_region: list[list[int]] | None = None
        self.seconds: float | None = None
        self._on = False
        self._number = 0
        self._source: Any = None  # the scan
        self._view: Any = None
        self._node: Any = None
        self._before: tuple[Any, Any, float] | None = None
        self._places: dict[str, tuple[float, ...]] = {}
        self._observed: list[tuple[Any, int]] = []  # the scene, and the views
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(STILL_MILLISECONDS)
        self._timer.connect("timeout()", self._begin)

    @property
    def on(self) -> bool:
        """Whether the views are followed."""
        return self._on

    def start(self) -> None:
        """Follow the slice views that show the scan; begin with the first."""
        if self._on:
            return
        self._on = True
        scene = slicer.mrmlScene
        self._observed.append((scene, scene.AddObserver(scene.NodeAddedEvent, self._follow_views)))
        # a scene is saved with what its views show without us
        self._observed.append((scene, scene.AddObserver(scene.StartSaveEvent, lambda *_event: self._stale())))
        self._follow_views()
        self._timer.start()

    def _follow_views(self, *_event: Any) -> None:
        """Follow the slice views that are not followed yet; another layout may have made them."""
        for node in util.getNodesByClass("vtkMRMLSliceNode"):
            if node.GetID() not in self._places:
                self._places[node.GetID()] = place_of(node)
                self._observed.append((node, node.AddObserver("ModifiedEvent", self._moved)))

    def stop(self) -> None:
        """Follow no view, throw away what runs, and show the scan as it is."""
        self._on = False
        self._number += 1
        self._timer.stop()
        for node, tag in self._observed:
            node.RemoveObserver(tag)
        self._observed, self._places = [], {}
        self._source = self._view = None
        self.clear()
        self._cancel()

    def refresh(self) -> None:
        """The options or the scan have changed: what is shown is stale."""
        if self._on:
            self._stale()

    def give_way(self, then: Callable[[], None]) -> None:
        """Call `then`, after telling the worker to cancel the preview that runs: a job that comes now waits for that."""
        self._timer.stop()
        self._number += 1
        self._cancel()
        then()

    def clear(self) -> None:
        """Take the preview out of the view and remove its node."""
        if self._before is not None:
            composite, node_id, opacity = self._before
            if composite.GetScene() is not None and composite.GetForegroundVolumeID() == self._node_id():
                composite.SetForegroundVolumeID(node_id)
                composite.SetForegroundOpacity(opacity)
            self._before = None
        if self._node is not None:
            remove_node(self._node)
        self._node = self.shown_region = None

    def _node_id(self) -> str | None:
        return None if self._node is None else self._node.GetID()

    def _view_of(self, node: Any) -> Any:
        """The view that was moved last, if it shows the scan, else the first that does; None if none does."""
        views = util.getNodesByClass("vtkMRMLSliceNode")
        return next((view for view in (self._view, *views) if view is not None and shows(view, node)), None)

    def _moved(self, view: Any, _event: str) -> None:
        place, before = place_of(view), self._places.get(view.GetID())
        if place == before:
            return
        self._places[view.GetID()] = place
        if self._source is None or shows(view, self._source):
            if before is None or place[:-1] != before[:-1]:  # scrolled, not only shown by another layout
                self._view = view
            self._stale()

    def _stale(self) -> None:
        self._number += 1
        self.clear()
        self._timer.start()

    def _begin(self) -> None:
        if not self._on:
            return
        if self.running:
            self._cancel()  # its end starts the next
            return
        if self.worker.busy:  # something short in the background
            self._timer.start()
            return
        asked = self.ask()
        if asked is None:
            return
        node, volume, options = asked
        self._source, self._view = node, self._view_of(node)
        if self._view is None:
            self.tell("preview: no slice view but Before shows the scan" if before_views() else NO_VIEW)
            return
        region = region_in_view(volume, self._view)
        if region is None:
            self.tell("preview: the scan is not in this view")
            return
        number, view, started = self._number, self._view, time.monotonic()
        self.running = True
        self.tell("preview …")

        def finished(values: Mapping[str, Any]) -> None:
            self._ended()
            if number == self._number and self._on and node.GetScene() is not None:
                self.seconds = time.monotonic() - started
                self._show(node, values["volume"], view, region)
                self.tell(f"preview of the slice in view: {self.seconds:.1f} s")
            elif self._on:
                self._timer.start()

        def failed(sentence: str, *_details: Any) -> None:
            self._ended()
            if number == self._number:
                self.tell(f"no preview: {in_panel_words(sentence)}")
            elif self._on:
                self._timer.start()

        def cancelled() -> None:
            self._ended()
            if self._on:
                self._timer.start()

        self.worker.submit(
            "preview",
            {**options, "region": region},
            {"volume": volume},
            on_progress=lambda *_event: None,
            on_finished=finished,
            on_failed=failed,
            on_cancelled=cancelled,
        )

    def _cancel(self) -> None:
        """Cancel what runs, once: a second cancel would meet the job that waits for the first."""
        if self.running and not self._cancelling:
            self._cancelling = True
            self.worker.cancel()

    def _ended(self) -> None:
        self.running = self._cancelling = False

    def _show(self, source: Any, volume: Volume, view: Any, region: list[list[int]]) -> None:
        self.clear()
        composite = composite_of(view)
        if composite is None:
            return
        node = hidden_volume(f"{source.GetName()} preview")
        node.SetIJKToRASMatrix(util.vtkMatrixFromArray(np.array(volume.ijk_to_ras)))
        voxels = volume.voxels if volume.voxels.dtype.kind != "b" else volume.voxels.astype(np.uint8)
        util.updateVolumeFromArray(node, np.ascontiguousarray(voxels))
        copy_window(source, node)
        self._node, self.shown_region = node, region
        self._before = (composite, composite.GetForegroundVolumeID(), composite.GetForegroundOpacity())
        composite.SetForegroundVolumeID(node.GetID())
        composite.SetForegroundOpacity(1.0)


def place_of(view: Any) -> tuple[float, ...]:
    """Where a slice view lies, whatever its zoom and position in the plane: its normal and its distance along it, and
    whether it is seen."""
    matrix = util.arrayFromVTKMatrix(view.GetSliceToRAS())
    normal = matrix[:3, 2]
    return tuple(np.round([*normal, normal @ matrix[:3, 3], view.IsMappedInLayout()], 4))


def shows(view: Any, node: Any) -> bool:
    """Whether a slice view of the layout that is shown has a volume node beneath whatever lies over it. The view that a
    person takes for the scan as it was is never one of them."""
    seen = view.GetScene() is not None and view.IsMappedInLayout() and view.GetLayoutName() not in before_views()
    composite = composite_of(view) if seen else None
    return composite is not None and composite.GetBackgroundVolumeID() == node.GetID()


def composite_of(view: Any) -> Any:
    """The composite node of a slice view's node."""
    return slicer.mrmlScene.GetSingletonNode(view.GetLayoutName(), "vtkMRMLSliceCompositeNode")


def region_in_view(volume: Volume, view: Any) -> list[list[int]] | None:
    """[[k0, k1], [j0, j1], [i0, i1]]: the slab of the scan around a slice view's plane; None if it does not meet it.

    Of a plane along the grid the slice that it shows, or the two that it lies between; of an oblique one all that it
    crosses along the axis it is nearest to.
    """
    matrix = util.arrayFromVTKMatrix(view.GetSliceToRAS())
    normal, place = matrix[:3, 2], matrix[:3, 3]
    axes = volume.ijk_to_ras[:3, :3] / np.linalg.norm(volume.ijk_to_ras[:3, :3], axis=0)
    axis = int(np.argmax(np.abs(normal @ axes)))
    size = volume.shape[::-1]
    corners = []
    others = [other for other in range(3) if other != axis]
    along = volume.ijk_to_ras[:3, axis]
    for a in (0, size[others[0]] - 1):
        for b in (0, size[others[1]] - 1):
            ijk = np.zeros(3)
            ijk[others[0]], ijk[others[1]] = a, b
            start = volume.ijk_to_ras[:3, :3] @ ijk + volume.ijk_to_ras[:3, 3]
            corners.append(normal @ (place - start) / (normal @ along))
    low, high = int(np.floor(min(corners) + AT_A_SLICE)), int(np.ceil(max(corners) - AT_A_SLICE)) + 1
    low, high = max(low, 0), min(high, size[axis])
    if high <= low:
        return None
    region = [[0, n] for n in size]
    region[axis] = [low, high]
    return region[::-1]


__all__ = ["LivePreview", "region_in_view"]
