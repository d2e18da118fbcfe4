"""Layouts in which before and after stand side by side, linked, at one window; and the way back to the user's own.

Everything is done to MRML nodes, which Slicer's layout manager follows. The views have names of their own, so that the
user's Red, Green and Yellow are as they were when the former layout comes back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import qt
import slicer
import vtk

OURS = ONE_VIEW, SIDE_BY_SIDE, THREE_PLANES, NUMBERS = 7100, 7101, 7102, 7103
FIRST_FREE = 4  # views of a group scroll together; 0 to 3 are Slicer's own groups
VIEW_GROUP = 71 + FIRST_FREE
PLANES = ("Axial", "Coronal", "Sagittal")
TABLE_VIEW, PLOT_VIEW = "DiffusionNumbers", "DiffusionPlot"
COLOURS = {"Axial": "#F34A33", "Coronal": "#6EB04B", "Sagittal": "#EDD54C"}
FORMER = "DiffusionCore.FormerLayout"


def before_view(plane: str = "Axial") -> str:
    """The name of the slice view that shows the input in a plane."""
    return f"DiffusionBefore{plane}"


def after_view(plane: str = "Axial") -> str:
    """The name of the slice view that shows the result in a plane."""
    return f"DiffusionAfter{plane}"


def view_names(arrangement: int) -> tuple[str, ...]:
    """The slice views of one of our layouts, before and after of each plane."""
    planes = PLANES if arrangement == THREE_PLANES else PLANES[:1]
    return tuple(name for plane in planes for name in (before_view(plane), after_view(plane)))


def before_views() -> tuple[str, ...]:
    """The slice views of the layout that is shown whose label says that they show the input."""
    return view_names(current_layout())[::2] if ours(current_layout()) else ()


def layout_xml(arrangement: int) -> str:
    """The description of one of our layouts as vtkMRMLLayoutNode reads it."""
    if arrangement == ONE_VIEW:
        return _row(_slice(before_view(), "Axial", "Before"))
    if arrangement == SIDE_BY_SIDE:
        return _row(_slice(before_view(), "Axial", "Before"), _slice(after_view(), "Axial", "After"))
    if arrangement == THREE_PLANES:
        rows = (
            _row(_slice(before_view(plane), plane, f"Before {plane[0]}"), _slice(after_view(plane), plane, "After"))
            for plane in PLANES
        )
        return _column(*rows)
    if arrangement == NUMBERS:
        pictures = _row(_slice(before_view(), "Axial", "Before"), _slice(after_view(), "Axial", "After"))
        figures = _row(_view("vtkMRMLTableViewNode", TABLE_VIEW, "N"), _view("vtkMRMLPlotViewNode", PLOT_VIEW, "P"))
        return _column(pictures, figures)
    raise ValueError(f"no layout {arrangement}")


def _slice(name: str, plane: str, label: str) -> str:
    return _view(
        "vtkMRMLSliceNode",
        name,
        label,
        ("orientation", plane),
        ("viewcolor", COLOURS[plane]),
        ("viewgroup", str(VIEW_GROUP)),
    )


def _view(kind: str, name: str, label: str, *properties: tuple[str, str]) -> str:
    given = "".join(
        f'<property name="{key}" action="default">{value}</property>'
        for key, value in (("viewlabel", label), *properties)
    )
    return f'<view class="{kind}" singletontag="{name}">{given}</view>'


def _row(*parts: str) -> str:
    return f'<layout type="horizontal">{"".join(f"<item>{part}</item>" for part in parts)}</layout>'


def _column(*parts: str) -> str:
    return f'<layout type="vertical" split="true">{"".join(f"<item>{part}</item>" for part in parts)}</layout>'


def layout_node() -> Any:
    """The scene's layout node; None in an application without a main window, which has no views."""
    return slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")


def register_layouts() -> None:
    """Make our layouts known to the application. When it starts: a scene that was saved in one of them is else loaded
    without any view."""
    node = layout_node()
    for arrangement in OURS if node is not None else ():
        if not node.IsLayoutDescription(arrangement):
            node.AddLayoutDescription(arrangement, layout_xml(arrangement))


def current_layout() -> int:
    """The number of the layout that is shown."""
    node = layout_node()
    return slicer.vtkMRMLLayoutNode.SlicerLayoutNone if node is None else int(node.GetViewArrangement())


def ours(arrangement: int) -> bool:
    """Whether a layout is one of this file's."""
    return arrangement in OURS


def show_layout(arrangement: int) -> None:
    """Change to one of our layouts and remember the one before, in the layout node, so that a saved scene knows it."""
    register_layouts()
    node = layout_node()
    if node is None:
        return
    if not ours(current_layout()):
        node.SetAttribute(FORMER, str(current_layout()))
    node.SetViewArrangement(arrangement)


def one_view_first(then: Callable[[], None]) -> None:
    """Call `then`, which shows both views; where they are yet to be made, after a turn that makes the first of them: to
    make one takes the application tens of milliseconds."""
    if composite_node(before_view()) is not None:
        then()
        return
    show_layout(ONE_VIEW)
    qt.QTimer.singleShot(0, then)


def former_layout() -> int | None:
    """The layout that was shown before ours; None while the user's own is shown."""
    remembered = layout_node().GetAttribute(FORMER) if ours(current_layout()) else None
    return int(remembered) if remembered else None


def restore_layout() -> None:
    """Bring the former layout back, if one of ours is shown."""
    former = former_layout()
    if former is not None:
        layout_node().SetViewArrangement(former)
        layout_node().RemoveAttribute(FORMER)


def slice_node(view: str) -> Any:
    """The slice node of a view by its name; None where it has never been shown."""
    return slicer.mrmlScene.GetSingletonNode(view, "vtkMRMLSliceNode")


def composite_node(view: str) -> Any:
    """The node that says which volumes a slice view shows; None where it has never been shown."""
    return slicer.mrmlScene.GetSingletonNode(view, "vtkMRMLSliceCompositeNode")


def slice_logic(view: str) -> Any:
    """The logic of a slice view by its name; None where it has never been shown."""
    return slicer.app.applicationLogic().GetSliceLogicByLayoutName(view)


def show_pair(arrangement: int, before: Any, after: Any) -> None:
    """Show two volume nodes side by side: linked, the whole slice in view, both at the same place."""
    show_layout(arrangement)
    for view in view_names(arrangement):
        composite = composite_node(view)
        if composite is None:
            continue
        composite.SetLinkedControl(False)
        volume = after if view.startswith("DiffusionAfter") else before
        composite.SetBackgroundVolumeID(volume.GetID())
        composite.SetForegroundVolumeID(None)
        composite.SetLabelVolumeID(None)
    fit(arrangement, after)
    qt.QTimer.singleShot(0, lambda: fit(arrangement, after))  # again when the views have their sizes
    for view in view_names(arrangement):
        composite = composite_node(view)
        if composite is not None:
            composite.SetHotLinkedControl(True)
            composite.SetLinkedControl(True)


def fit(arrangement: int, volume: Any) -> None:
    """Show the whole slice through the middle of a volume in each of a layout's views, if it is still shown.

    Before and after lie at one physical place, that of a slice of the result, whose grid may be finer than the scan's.
    """
    if volume.GetScene() is None or current_layout() != arrangement:
        return
    centre = centre_of(volume)
    for view in view_names(arrangement):
        logic, node = slice_logic(view), slice_node(view)
        if logic is not None and node is not None:
            logic.FitSliceToBackground()
            node.JumpSliceByCentering(*centre)
            logic.SnapSliceOffsetToIJK()
    for plane in PLANES:
        logic, after = slice_logic(before_view(plane)), slice_logic(after_view(plane))
        if logic is not None and after is not None and before_view(plane) in view_names(arrangement):
            logic.SetSliceOffset(after.GetSliceOffset())
            if logic.GetSliceNode().GetDimensions() == after.GetSliceNode().GetDimensions():
                logic.GetSliceNode().SetFieldOfView(*after.GetSliceNode().GetFieldOfView())


def show_numbers(table: Any, chart: Any) -> None:
    """Put a table node and a plot chart node, where there are any, into the views of the layout with numbers."""
    view = slicer.mrmlScene.GetSingletonNode(TABLE_VIEW, "vtkMRMLTableViewNode")
    if view is not None and table is not None:
        view.SetTableNodeID(table.GetID())
    view = slicer.mrmlScene.GetSingletonNode(PLOT_VIEW, "vtkMRMLPlotViewNode")
    if view is not None and chart is not None:
        view.SetPlotChartNodeID(chart.GetID())


def centre_of(volume: Any) -> tuple[float, float, float]:
    """The middle of a volume node in RAS millimetres, its parent transforms included."""
    bounds = [0.0] * 6
    volume.GetRASBounds(bounds)
    return tuple((bounds[2 * axis] + bounds[2 * axis + 1]) / 2 for axis in range(3))


@dataclass(eq=False)
class SameWindow:
    """Keeps window and level of two volumes equal for as long as it is kept: whichever is changed, the other follows."""

    first: Any
    second: Any

    def __post_init__(self) -> None:
        self._busy = False
        self._observed: list[tuple[Any, int]] = []
        copy_window(self.first, self.second)
        for mine, other in ((self.first, self.second), (self.second, self.first)):
            display = mine.GetDisplayNode()
            tag = display.AddObserver(vtk.vtkCommand.ModifiedEvent, self._follow(mine, other))
            self._observed.append((display, tag))

    def _follow(self, changed: Any, other: Any) -> Callable[[Any, str], None]:
        def follow(_caller: Any, _event: str) -> None:
            if not self._busy and changed.GetScene() and other.GetScene():
                self._busy = True
                try:
                    copy_window(changed, other)
                finally:
                    self._busy = False

        return follow

    def end(self) -> None:
        """Let the two volumes go their own ways."""
        for display, tag in self._observed:
            display.RemoveObserver(tag)
        self._observed = []


def copy_window(source: Any, target: Any) -> None:
    """Give one volume node's window, level and colours to another."""
    mine, other = source.GetDisplayNode(), target.GetDisplayNode()
    if mine is None or other is None:
        return
    window, level = mine.GetWindow(), mine.GetLevel()
    if (other.GetWindow(), other.GetLevel(), other.GetAutoWindowLevel()) == (window, level, 0):
        return
    other.SetAutoWindowLevel(False)
    other.SetWindowLevel(window, level)
    if mine.GetColorNodeID():
        other.SetAndObserveColorNodeID(mine.GetColorNodeID())
