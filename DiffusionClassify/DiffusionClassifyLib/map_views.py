"""The map of a result over the slice views of the layout that is shown, and the way back to what they showed."""

from __future__ import annotations

from typing import Any

from slicer import util

from DiffusionCore.slicerbridge.layouts import composite_node, restore_layout, slice_node
from DiffusionCore.slicerbridge.overlays import colour_bar, hide_colour_bar, overlay, show_spread
from DiffusionCore.slicerbridge.results import part

from .results import MAP, answer_of, backdrop_of

TITLES = {False: "saliency", True: "probability, unvalidated"}


def slice_views() -> tuple[str, ...]:
    """The slice views of the layout that is shown; none in an application without a main window."""
    nodes = util.getNodesByClass("vtkMRMLSliceNode")
    return tuple(node.GetLayoutName() for node in nodes if node.IsMappedInLayout())


def jump_to(place: tuple[float, float, float]) -> None:
    """Bring every slice view to a place (RAS, mm), in its middle."""
    for name in slice_views():
        slice_node(name).JumpSliceByCentering(*place)


class MapViews:
    """Shows one map at a time; what a person lays over the scan afterwards is left alone."""

    def __init__(self) -> None:
        self._map: Any = None
        self._views: tuple[str, ...] = ()
        self._shown: tuple[Any, ...] = ()

    def show(self, result: Any, wanted: bool, opacity: float, threshold: float) -> None:
        """Lay a result's map over the scan, transparent below a threshold; or take it away."""
        node = part(result, MAP)
        asked = (None if node is None else node.GetID(), wanted, opacity, threshold, slice_views())
        if asked == self._shown:
            return
        if node is None or not wanted:
            self.hide()
        else:
            if node is not self._map:
                self.hide()
            show_spread(node, 1.0, threshold)
            self._map, self._views = node, slice_views()
            overlay(self._views, node, opacity)
            colour_bar(node, TITLES[answer_of(result)["searched"]], self._views)
        self._shown = asked

    def hide(self) -> None:
        """Take the map away where it is still shown."""
        node, self._map, self._shown = self._map, None, ()
        if node is None:
            return
        for view in self._views:
            composite = composite_node(view)
            if composite is not None and composite.GetForegroundVolumeID() == node.GetID():
                overlay((view,), None, 0.0)
        if node.GetScene() is not None:
            hide_colour_bar(node)

    def look_at(self, result: Any) -> None:
        """Show what a result was made from in every slice view of the user's own layout, whole."""
        backdrop = backdrop_of(result)
        if backdrop is not None:
            restore_layout()  # views that say before and after are for an enhanced scan
            util.setSliceViewerLayers(background=backdrop, fit=True)
