"""Looking at a result: side by side, wipe, blink, difference and maps laid over it, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import layouts
from .compare import Blink, Wipe
from .nodes import remove_node
from .overlays import background, colour_bar, hide_colour_bar, overlay
from .panel import in_words
from .recognise import image_changed_at
from .results import (
    DIFFERENCE,
    INPUT,
    INTERPOLATED,
    RESIDUAL,
    UNCERTAINTY,
    before_of,
    difference_node,
    is_synthetic,
    part,
    report_of,
)
from .sequences import why_no_result, why_not_of_this_frame
from .words import in_panel_words

WAYS = ("wipe", "blink", "difference", "uncertainty", "residual")
COMPARED = ("wipe", "difference")  # with the interpolated scan, where there is one
BY_VOXEL = ("wipe", "difference", "uncertainty", "residual", "report")  # what needs both on one grid of the world
ROLES = {"uncertainty": UNCERTAINTY, "residual": RESIDUAL}
TITLES = {"difference": "after − before", "uncertainty": "uncertainty", "residual": "structure"}
NO_RESULT = "There is no result yet."
MOVED = (
    "A transform is applied to the scan or its result; remove it in the Data module, or press Side by side or Blink."
)
FROM_NOISE = "This image was made from noise; there is no scan to compare it with."
NEEDS = {
    "uncertainty": "This result has no uncertainty: take the preset Careful with 2 samples or more.",
    "residual": "This result has no residual-structure map: tick the check of trust under Advanced.",
}
ONLY_ENHANCED = "Only an enhanced scan has a residual-structure map; what is removed from it should be noise."


class ResultViews:
    """What the views show of one result. `unit` is that of the scan's values, in words."""

    def __init__(self) -> None:
        self.result: Any = None
        self.unit = ""
        self.way = ""
        self.legend = ""
        self._mode: Any = None
        self._window: layouts.SameWindow | None = None
        self._seen: tuple[int, ...] = ()

    @property
    def source(self) -> Any:
        """The input of the result; None where it is gone."""
        return part(self.result, INPUT)

    def choose(self, result: Any, unit: str) -> bool:
        """Take another result, or none; gives whether it is another."""
        if result is self.result and (result is None or result.GetScene() is not None):
            self.unit = unit
            return False
        self.forget()
        self.result, self.unit = result, unit
        self._seen = self._voxels()
        self._hide_colour_bars()  # a scene may have been saved while one was shown
        source = self.source
        if source is not None and source.GetDisplayNode() and result.GetDisplayNode():
            self._window = layouts.SameWindow(source, result)
        return True

    def _voxels(self) -> tuple[int, ...]:
        there = (node for node in (self.source, self.result) if node is not None and node.GetScene() is not None)
        return tuple(image_changed_at(node) for node in there)

    def changed(self) -> bool:
        """Whether the scan or the result has other voxels than when that was last asked, as where another frame is played,
        or the result can no longer be shown in the way that is chosen."""
        before, self._seen = self._seen, self._voxels()
        return before != self._seen or bool(self.way and self.why_not(self.way))

    def look_again(self, wipe: float, opacity: float) -> str:
        """Show the result in the way that is chosen, made anew of the voxels as they are now; gives the way."""
        way = self.way
        self.look("")
        if (difference := part(self.result, DIFFERENCE)) is not None:
            remove_node(difference)
        return self.look(way, wipe, opacity)

    def forget(self) -> None:
        """Take everything of the result out of the views and let go of it."""
        self.look("")
        if self._window is not None:
            self._window.end()
        self.result, self._window = None, None

    def why_not(self, way: str = "") -> str:
        """Why the result cannot be shown in a way; "" if it can."""
        if self.result is None or self.result.GetScene() is None:
            return NO_RESULT
        if is_synthetic(self.result):
            return FROM_NOISE
        if self.source is None:
            return "The scan that this result was made from is gone."
        if missing := why_no_result(self.result):
            return missing
        if way in BY_VOXEL and any(node.GetParentTransformNode() is not None for node in (self.source, self.result)):
            return MOVED
        if way in ROLES and part(self.result, ROLES[way]) is None:
            return ONLY_ENHANCED if way == "residual" and part(self.result, INTERPOLATED) else NEEDS[way]
        if way in ROLES or (way in COMPARED and part(self.result, INTERPOLATED)):
            return why_not_of_this_frame(self.result)
        return ""

    def why_not_kept(self) -> str:
        """Why no report of what is shown can be written; "" if it can."""
        return self.why_not("report") or why_not_of_this_frame(self.result)

    def arrange(self, arrangement: int) -> None:
        """Show before and after in one of our layouts, in the way that is chosen."""
        if self.why_not():
            return
        way = self.way
        self.look("")
        layouts.show_pair(arrangement, self.source, self.result)
        self.look(way)

    def look(self, way: str, wipe: float = 50.0, opacity: float = 0.5) -> str:
        """Show the result in a way, or plainly for ""; gives the way, "" where it cannot be had."""
        self._end_mode()
        if not way or self.why_not(way):
            return ""
        if not layouts.ours(layouts.current_layout()):
            layouts.show_pair(layouts.SIDE_BY_SIDE, self.source, self.result)
        views = self.after_views()
        self.way = way
        if way == "wipe":
            self._mode = Wipe(before_of(self.result), self.result, views)
            self._mode.move(wipe)
            self.legend = f"left of the border: {self._before_in_words()}; right of it: after"
        elif way == "blink":
            self._mode = Blink(self.source, self.result, views)
            self.legend = "before and after in turn, two changes a second"
        elif way == "difference":
            self._show(difference_node(self.result), way, views, instead=True, opacity=1.0)
        else:
            self._show(part(self.result, ROLES[way]), way, views, instead=False, opacity=opacity)
        return way

    def _show(self, node: Any, way: str, views: tuple[str, ...], *, instead: bool, opacity: float) -> None:
        if instead:
            background(views, node)
        else:
            overlay(views, node, opacity)
        display = node.GetDisplayNode()
        low, high = display.GetWindowLevelMin(), display.GetWindowLevelMax()
        unit = "scores" if way == "residual" else self.unit
        colour_bar(node, f"{TITLES[way]} ({unit})", views)
        if way == "difference":
            self.legend = f"after − {self._before_in_words()}: blue {low:.3g}, black 0, orange +{high:.3g} {unit}"
        elif way == "residual":
            self.legend = f"structure that was taken away (orange) or added (blue), to ±{high:.3g} standard scores"
        else:
            self.legend = f"{TITLES[way]}: violet {low:.3g} to yellow {high:.3g} {unit}"

    def _before_in_words(self) -> str:
        return "before" if part(self.result, INTERPOLATED) is None else "interpolated scan"

    def move_wipe(self, percent: float) -> None:
        """Move the wipe's border."""
        if isinstance(self._mode, Wipe):
            self._mode.move(percent)

    def set_opacity(self, opacity: float) -> None:
        """How much a map covers the scan."""
        if self.way in ROLES and not self.why_not(self.way):
            overlay(self.after_views(), part(self.result, ROLES[self.way]), opacity)

    def after_views(self) -> tuple[str, ...]:
        """The slice views that show the result."""
        names = layouts.view_names(layouts.current_layout())
        return tuple(name for name in names if name.startswith("DiffusionAfter"))

    def _end_mode(self) -> None:
        way, self.way, self.legend = self.way, "", ""
        if self._mode is not None:
            self._mode.end()
            self._mode = None
        if not way or self.result is None:
            return
        self._hide_colour_bars()
        views = self.after_views()
        overlay(views, None, 0.0)
        if self.result.GetScene() is not None:
            background(views, self.result)

    def _hide_colour_bars(self) -> None:
        for role in (DIFFERENCE, UNCERTAINTY, RESIDUAL):
            node = part(self.result, role)
            if node is not None:
                hide_colour_bar(node)

    def warnings(self) -> list[str]:
        """The sentences a person should read about the result."""
        if self.result is None or self.result.GetScene() is None:
            return []
        frame = why_no_result(self.result) or why_not_of_this_frame(self.result)
        return [*([frame] if frame else []), *map(in_panel_words, report_of(self.result).get("warnings", []))]

    def findings(self) -> list[str]:
        """What else the check of trust found, in sentences; empty where it was not asked for."""
        judged = report_of(self.result).get("trust", {})
        return [words for words in judged.get("words", []) if words not in judged["alarms"]]


def guarded(action: Callable[[], Any]) -> Callable[..., None]:
    """The action of a button; what goes wrong is shown as one sentence, never as a traceback."""

    def act(*_args: Any) -> None:
        try:
            action()
        except Exception as error:
            from slicer import util

            sentence, details = in_words(error)
            util.errorDisplay(sentence, detailedText=details)

    return act
