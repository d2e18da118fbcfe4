"""The group Result: how before and after are looked at, the figures, what can be kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
from slicer.util import VTKObservationMixin

from DiffusionCore.slicerbridge import layouts
from DiffusionCore.slicerbridge.plots import histogram, line_profile, middle_line
from DiffusionCore.slicerbridge.results import CHART, INPUT, TABLE, before_of, part, set_part
from DiffusionCore.slicerbridge.tables import COLUMNS, table_rows
from DiffusionCore.slicerbridge.views import WAYS, ResultViews, guarded
from DiffusionCore.slicerbridge.widgets import allow, say, show_rows

LAYOUTS = {
    "sideBySideButton": (layouts.SIDE_BY_SIDE, "Before and after beside each other; they scroll together."),
    "threePlanesButton": (layouts.THREE_PLANES, "Before and after in all three planes."),
    "numbersButton": (layouts.NUMBERS, "Before and after, the figures and the plot."),
}
TIPS = {
    "wipe": "A border between before and after that the slider moves.",
    "blink": "Before and after in turn in the same view: what changes is seen at once.",
    "difference": "After minus before; the colours span three times the noise, the same on every scan.",
    "uncertainty": "How much the samples differ, over the result.",
    "residual": "Where what was removed looks like anatomy rather than noise, over the result.",
}


class ResultGroup(VTKObservationMixin):
    """Shows the parameter node's result; `keep` is called with "report" or "dicom" to write something."""

    def __init__(self, ui: Any, keep: Callable[[str], None]) -> None:
        VTKObservationMixin.__init__(self)
        self.ui = ui
        self.views = ResultViews()
        self.parameters: Any = None
        self._not_now = ""
        for name, (arrangement, _tip) in LAYOUTS.items():
            self._button(name).connect("clicked()", guarded(lambda number=arrangement: self.arrange(number)))
        ui.formerLayoutButton.connect("clicked()", guarded(self.restore))
        for way in WAYS:
            self.way_button(way).connect("clicked(bool)", lambda on, way=way: self.choose_way(way if on else ""))
        ui.wipeSlider.connect("valueChanged(double)", self.views.move_wipe)  # the parameter node follows by itself
        ui.overlaySlider.connect("valueChanged(double)", self.views.set_opacity)
        self._plot_timer = qt.QTimer()
        self._plot_timer.setSingleShot(True)
        self._plot_timer.setInterval(50)
        self._plot_timer.connect("timeout()", guarded(self.plot))
        ui.profileButton.connect("clicked()", guarded(self.draw_profile))
        ui.plotCombo.connect("currentIndexChanged(int)", guarded(self.plot))
        ui.reportButton.connect("clicked()", guarded(lambda: keep("report")))
        ui.dicomButton.connect("clicked()", guarded(lambda: keep("dicom")))

    def _button(self, name: str) -> Any:
        return getattr(self.ui, name)

    def way_button(self, way: str) -> Any:
        """The button of a way to look."""
        return self._button(f"{way}Button")

    def show(self, parameters: Any, unit: str, not_now: str = "") -> None:
        """Show a parameter node's result, or that there is none; `not_now`: why none can be written at this moment."""
        self.parameters, self._not_now = parameters, not_now
        result = None if parameters is None else parameters.resultVolume
        if self.views.choose(result, unit):
            self._look_as_chosen()
        elif self.views.changed():
            self._look_again()
        self._show_buttons()
        self._show_table()
        words = [f"⚠ {words}" for words in self.views.warnings()] + [f"• {words}" for words in self.views.findings()]
        say(self.ui.warningsLabel, "\n".join(words))

    def _look_as_chosen(self) -> None:
        """Another result, or the one of a scene that was loaded, is looked at in the layout that is shown, if it is ours,
        and in the way that the parameter node says."""
        if self.parameters is None:
            return
        shown, way = layouts.current_layout(), self.parameters.view
        if layouts.ours(shown):
            self.arrange(shown)
            qt.QTimer.singleShot(0, lambda: self.choose_way(way))  # in a turn of its own, as it may be long
        else:
            self.choose_way("")

    def _look_again(self) -> None:
        """Another frame is played, or the scan was changed: what was made of the voxels before is made anew."""
        if self.parameters is None:
            return
        guarded(lambda: self.views.look_again(self.parameters.wipe, self.parameters.overlayOpacity))()
        self.parameters.view = self.views.way
        if layouts.current_layout() == layouts.NUMBERS:
            self._plot_timer.start()

    def end(self) -> None:
        """Take everything out of the views; the user's layout comes back."""
        self._plot_timer.stop()
        self.removeObservers()
        self.views.forget()
        layouts.restore_layout()

    def arrange(self, arrangement: int) -> None:
        """Show before and after in one of our layouts."""
        self.views.arrange(arrangement)
        if arrangement == layouts.NUMBERS:
            self.plot()
        self._show_buttons()

    def restore(self) -> None:
        """Bring the user's own layout back."""
        self.choose_way("")
        layouts.restore_layout()
        self._show_buttons()

    def choose_way(self, way: str) -> None:
        """Look in one way, or plainly."""
        if self.parameters is None:
            return
        guarded(lambda: self.views.look(way, self.parameters.wipe, self.parameters.overlayOpacity))()
        self.parameters.view = self.views.way
        self._show_buttons()

    def plot(self) -> None:
        """Make the plot that is chosen and show it with the table where the layout has them."""
        result = self.views.result
        if self.views.why_not("difference"):
            return
        chart = part(result, CHART)
        if self.ui.plotCombo.currentIndex == 1:
            chart = line_profile(part(result, INPUT), result, self.views.unit, self.profile_line(result), chart)
        else:
            chart = histogram(before_of(result), result, self.views.unit, chart)
        set_part(result, CHART, chart)
        layouts.show_numbers(part(result, TABLE), chart)

    def profile_line(self, result: Any) -> list[list[float]]:
        """The two ends of the line that was drawn, or of one across the middle."""
        line = self.parameters.profileLine
        if line is None or line.GetNumberOfDefinedControlPoints() < 2:
            return middle_line(result)
        ends = []
        for number in range(2):
            place = [0.0, 0.0, 0.0]
            line.GetNthControlPointPositionWorld(number, place)
            ends.append(place)
        return ends

    def draw_profile(self) -> None:
        """Put a line across the result, which a person can then move; the plot follows it."""
        result = self.views.result
        if self.parameters is None or self.views.why_not("difference"):
            return
        line = self.parameters.profileLine
        if line is None:
            line = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", "Profile")
            line.CreateDefaultDisplayNodes()
            for place in middle_line(result):
                line.AddControlPoint(*place)
            self.parameters.profileLine = line
        self._observe_line(line)
        self.ui.plotCombo.setCurrentIndex(1)
        self.arrange(layouts.NUMBERS)

    def _observe_line(self, line: Any) -> None:
        event = slicer.vtkMRMLMarkupsNode.PointModifiedEvent
        if not self.hasObserver(line, event, self._line_moved):
            self.addObserver(line, event, self._line_moved)

    def _line_moved(self, _caller: Any = None, _event: Any = None) -> None:
        if self.ui.plotCombo.currentIndex == 1:
            self._plot_timer.start()

    def _show_buttons(self) -> None:
        why_not = self.views.why_not()
        for name, (_arrangement, tip) in LAYOUTS.items():
            allow(self._button(name), why_not, tip)
        former = layouts.former_layout() is not None
        allow(self.ui.formerLayoutButton, "" if former else "The layout has not been changed.", "As it was before.")
        for way in WAYS:
            button = self.way_button(way)
            allow(button, self.views.why_not(way), TIPS[way])
            if button.checked != (self.views.way == way):
                button.setChecked(self.views.way == way)
        allow(self.ui.wipeSlider, "" if self.views.way == "wipe" else "Press Wipe first.", TIPS["wipe"])
        covering = self.views.way in ("uncertainty", "residual")
        allow(
            self.ui.overlaySlider,
            "" if covering else "Press Uncertainty or Residual structure first.",
            "How much the colours cover the scan.",
        )
        not_compared = self.views.why_not("difference")
        allow(self.ui.plotCombo, not_compared, "What the plot beside the table shows.")
        allow(
            self.ui.profileButton, not_compared, "A line across the result, whose ends can be moved; the plot follows."
        )
        not_kept = self.views.why_not_kept() or self._not_now
        allow(self.ui.reportButton, not_kept, "Figures as JSON, pictures as PNG, and a page that holds both.")
        allow(self.ui.dicomButton, not_kept, "A derived DICOM series that says what was done and from which images.")
        self.ui.wipeSlider.setVisible(self.views.way == "wipe")
        self.ui.overlaySlider.setVisible(covering)
        say(self.ui.legendLabel, self.views.legend)

    def _show_table(self) -> None:
        node = part(self.views.result, TABLE)
        rows = table_rows(node) if node is not None else []
        show_rows(self.ui.metricsTable, COLUMNS, rows)
