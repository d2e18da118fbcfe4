"""The panel: what the groups know put together, what may be pressed, and what pressing does."""

from __future__ import annotations

from typing import Any

import slicer

from DiffusionCore.slicerbridge.installed import installed_models
from DiffusionCore.slicerbridge.module_panel import DEVICES, VOLUME_EVENTS, ModulePanel, asked_folder, say_written
from DiffusionCore.slicerbridge.results import INPUT, part
from DiffusionCore.slicerbridge.scans import first_volume

from .choice_groups import ChoiceGroups
from .result_group import ResultGroup
from .runs import classify_job, report_job

SEGMENTATION_EVENTS = (
    slicer.vtkSegmentation.SegmentAdded,
    slicer.vtkSegmentation.SegmentRemoved,
    slicer.vtkSegmentation.SegmentModified,
    slicer.vtkSegmentation.RepresentationModified,
)
TIP = "Classify it; it is not changed, the result comes beside it."


class ClassifyPanel(ModulePanel):
    """Made of the widgets of DiffusionClassify.ui, by name; `worker` is the application's by default."""

    input_field = "inputNode"
    input_events = (*VOLUME_EVENTS, *SEGMENTATION_EVENTS)

    def __init__(self, ui: Any, worker: Any = None) -> None:
        ModulePanel.__init__(self, ui, worker)
        self.choices = ChoiceGroups(ui)
        self.result = ResultGroup(ui, self.keep)

    def first_input(self) -> Any:
        """The first scan of the scene."""
        return first_volume()

    def read_models(self) -> None:
        """Look at what is installed."""
        if not self.missing:
            self.choices.set_models(installed_models())

    def scene_closes(self) -> None:
        """The scene is about to be closed: nothing of it may be touched any more."""
        self.result.end()
        ModulePanel.scene_closes(self)

    def refresh(self) -> None:
        """Show what the parameter node says, and what may be pressed."""
        self.follow_nodes()
        self.choices.show(self.parameters, DEVICES)
        self.show_controls(self.why_not(), TIP)
        self.result.show(self.parameters, self.controls.why_not_now)

    def why_not(self) -> str:
        """Why Apply cannot be pressed; "" if it can."""
        return self.choices.why_not()

    def apply(self) -> None:
        """Classify the input; install what is missing first, after asking."""
        if not self.installed():
            return
        found = self.choices.model()
        if found is None:  # cards that cannot be read yet: they are by the next press
            self._read_cards()
            return
        self.run([classify_job(self.parameters, self.choices.look, found[1], self.scans, self.done)])

    def done(self, result: Any) -> None:
        """A result is in the scene: it is shown, if it is of the panel's input, in a turn of the event loop of its own."""
        parameters = self.parameters
        if parameters is None:
            return
        if part(result, INPUT) is parameters.inputNode or parameters.result is None:
            parameters.result = result
            self.show_soon(lambda: self._look(result))

    def _look(self, result: Any) -> None:
        if self.parameters is not None and self.parameters.result is result:
            self.result.look()

    def keep(self) -> None:
        """Write the report into a folder that is asked for."""
        folder = asked_folder("Folder for the report")
        if folder:
            self.keep_in(folder)

    def keep_in(self, folder: str) -> None:
        """Write the report into a folder; the worker does it."""
        parameters = self.parameters

        def told(files: list[str]) -> None:
            say_written(files, folder)

        self.run([report_job(parameters.result, self.scans, folder, told)])
