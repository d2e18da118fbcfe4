"""The group Result: the answer and its probabilities, where the model looked, the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from DiffusionCore.slicerbridge.results import part
from DiffusionCore.slicerbridge.views import NO_RESULT, guarded
from DiffusionCore.slicerbridge.widgets import allow, say, show_rows
from DiffusionCore.slicerbridge.words import in_panel_words

from .bars import draw_bars
from .map_views import MapViews, jump_to
from .results import COLUMNS, MAP, answer_of, in_words, probability_rows, regions_of

NO_MAP = "This result has no map: the model gave no answer."
NO_REGIONS = "This result has no regions."
SHARES = {False: "saliency", True: "probability"}


class ResultGroup:
    """Shows the parameter node's result; `report` is called to write one."""

    def __init__(self, ui: Any, report: Callable[[], None]) -> None:
        self.ui = ui
        self.parameters: Any = None
        self.maps = MapViews()
        self._not_now = ""
        ui.regionsList.connect("itemClicked(QListWidgetItem*)", lambda _item: guarded(self.jump)())
        ui.reportButton.connect("clicked()", guarded(report))

    @property
    def result(self) -> Any:
        """The table node of the result; None without one."""
        return None if self.parameters is None else self.parameters.result

    def show(self, parameters: Any, not_now: str = "") -> None:
        """Show a parameter node's result, or that there is none; `not_now`: why none can be written at this moment."""
        self.parameters, self._not_now = parameters, not_now
        result = self.result
        answer = answer_of(result)
        probabilities = answer.get("probabilities", [])
        say(self.ui.answerLabel, in_words(answer) if answer else NO_RESULT)
        draw_bars(self.ui.barsLabel, probabilities, answer.get("answer", ""))
        self.ui.probabilitiesTable.setVisible(bool(probabilities))
        show_rows(self.ui.probabilitiesTable, COLUMNS, probability_rows(probabilities))
        say(self.ui.warningsLabel, "\n".join(f"⚠ {in_panel_words(words)}" for words in answer.get("warnings", [])))
        self._show_map(answer)
        self._show_regions(answer)
        not_kept = not_now if answer else NO_RESULT
        allow(self.ui.reportButton, not_kept, "The answer as JSON, a figure, the regions as markups.")

    def _show_map(self, answer: dict[str, Any]) -> None:
        ui, parameters = self.ui, self.parameters
        why_not = NO_RESULT if not answer else "" if part(self.result, MAP) is not None else NO_MAP
        allow(ui.mapCheckBox, why_not, "Where the evidence lies, over the scan.")
        off = why_not or ("" if parameters.showMap else "Tick the box above first.")
        allow(ui.opacitySlider, off, "How much the colours cover the scan.")
        allow(ui.thresholdSlider, off, "Below this value the scan is seen bare.")
        ui.mapCheckBox.setText(f"Show the {SHARES[bool(answer.get('searched'))]}")
        if parameters is None:
            self.maps.hide()
        else:
            self.maps.show(
                self.result if answer else None, parameters.showMap, parameters.mapOpacity, parameters.mapThreshold
            )

    def _show_regions(self, answer: dict[str, Any]) -> None:
        nodes = regions_of(self.result)
        why_not = NO_RESULT if not answer else "" if nodes else NO_REGIONS
        allow(self.ui.regionsCheckBox, why_not, "The boxes that hold most of the evidence.")
        allow(self.ui.regionsList, why_not, "A click brings every slice view there.")
        words = [f"{box['label']}: {box['description']}" for box in answer.get("regions", [])] if nodes else []
        if words != [self.ui.regionsList.item(row).text() for row in range(self.ui.regionsList.count)]:
            self.ui.regionsList.clear()
            self.ui.regionsList.addItems(words)
        for node in nodes:
            display = node.GetDisplayNode()
            if display is not None and bool(display.GetVisibility()) != self.parameters.showRegions:
                display.SetVisibility(self.parameters.showRegions)

    def jump(self) -> None:
        """Bring every slice view to the middle of the region that is chosen in the list."""
        self.jump_to_region(self.ui.regionsList.currentRow)

    def jump_to_region(self, number: int) -> None:
        """Bring every slice view to the middle of a region, if there is one of this number."""
        nodes = regions_of(self.result)
        if 0 <= number < len(nodes):
            place = [0.0, 0.0, 0.0]
            nodes[number].GetCenterWorld(place)
            jump_to(tuple(place))

    def look(self) -> None:
        """Show the result's scan with its map, at the best region."""
        self.maps.look_at(self.result)
        self.maps.hide()
        self.show(self.parameters, self._not_now)
        self.jump_to_region(0)

    def end(self) -> None:
        """Take everything out of the views."""
        self.maps.hide()
