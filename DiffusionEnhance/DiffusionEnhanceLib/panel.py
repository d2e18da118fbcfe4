"""The panel: what the groups know put together, what may be pressed, and what pressing does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import qt
import slicer

from DiffusionCore.errors import DiffusionCoreError
from DiffusionCore.slicerbridge import layouts
from DiffusionCore.slicerbridge.expected import SpeedMeasurement, learn_from_run
from DiffusionCore.slicerbridge.installed import installed_cards
from DiffusionCore.slicerbridge.keep import dicom_job, report_job, source_of
from DiffusionCore.slicerbridge.module_panel import (
    DEVICES,
    VOLUME_EVENTS,
    ModulePanel,
    asked_folder,
    say_written,
    single_shot,
)
from DiffusionCore.slicerbridge.panel import Job, seconds_in_words
from DiffusionCore.slicerbridge.preview import LivePreview
from DiffusionCore.slicerbridge.results import INPUT, is_synthetic, part, results_of
from DiffusionCore.slicerbridge.scans import first_volume
from DiffusionCore.slicerbridge.widgets import say

from .choices import enhance_options
from .expectation import expected, expected_in_words
from .how_group import HowGroup
from .input_group import InputGroup
from .outlook import Outlook, outlook
from .result_group import ResultGroup
from .runs import jobs_of
from .synthesis import show_synthetic, synthesis_job
from .task_group import TaskGroup, task_of
from .waiting import wait_no_more

APPLY = {
    "enhance": "Enhance the volume; it is not changed, the result comes beside it.",
    "super_resolve": "Make the volume's voxels finer; it is not changed, the result comes beside it.",
    "synthesize": "Make images from the seed; nothing else is changed.",
}
ANONYMOUS = "of a new, anonymous patient, as the volume is not known to Slicer's DICOM database"
RESULT_EVENTS = (*VOLUME_EVENTS, slicer.vtkMRMLNode.ReferenceRemovedEvent)  # the latter: a part of it was removed
WHEN_QUIET = 1000  # milliseconds without a change, after which the device's speed is measured, once


class EnhancePanel(ModulePanel):
    """Made of the widgets of DiffusionEnhance.ui, by name; `worker` is the application's by default."""

    def __init__(self, ui: Any, worker: Any = None) -> None:
        ModulePanel.__init__(self, ui, worker)
        self.how = HowGroup(ui, self.refresh)
        self.task = TaskGroup(ui, lambda: self.how.models)
        self.input = InputGroup(ui, self.refresh)
        self.result = ResultGroup(ui, self.keep)
        self.speed = SpeedMeasurement(self.worker, self.refresh)
        self._speed_timer = single_shot(WHEN_QUIET, self._measure_speed)
        self.preview = LivePreview(self.worker, self.what_to_preview, lambda words: say(ui.previewLabel, words))
        self._previewed: tuple[Any, ...] = ()
        say(ui.previewLabel, "")

    # The scene

    def first_input(self) -> Any:
        """The first scan of the scene."""
        return first_volume()

    def read_models(self) -> None:
        """Look at what is installed."""
        self.how.models = installed_cards()

    def pause(self) -> None:
        """Another module is opened: the worker is left to it."""
        ModulePanel.pause(self)
        self._speed_timer.stop()
        self.speed.give_way()
        self.preview.stop()

    def scene_closes(self) -> None:
        """The scene is about to be closed: nothing of it may be touched any more."""
        self._speed_timer.stop()
        self.speed.give_way()
        self.preview.stop()
        self.result.end()
        ModulePanel.scene_closes(self)

    def end(self) -> None:
        """The panel goes: what it runs is cancelled. The worker is the application's and ends with it."""
        ModulePanel.end(self)
        self.input.end()

    # What is shown

    def refresh(self) -> None:
        """Show what the parameter node says, and what may be pressed."""
        parameters = self.parameters
        if self.follow_nodes():
            self._show_newest_result()
        result = None if parameters is None else parameters.resultVolume
        self.observe("result", result, RESULT_EVENTS)
        self.input.show(parameters)
        look = self.input.look
        ahead = self.outlook()
        why_not, enhances = ahead.why_not, task_of(parameters) == "enhance"
        self.task.show(parameters, ahead.card, ahead.grid)
        seconds = expected(ahead, parameters, self.how.models)
        words = {preset: f"about {seconds_in_words(time)}" for preset, time in seconds.items() if time is not None}
        self.how.show(parameters, ahead.card, words, DEVICES)
        say(self.ui.expectedLabel, "" if why_not else expected_in_words(parameters, seconds))
        if not why_not and enhances and not self.missing and not self.paused and seconds[parameters.preset] is None:
            self._speed_timer.start()
        self.show_controls(why_not, APPLY[task_of(parameters)])
        self.result.show(parameters, "" if look is None else look.unit, self.controls.why_not_now)
        self._show_preview(why_not or ("" if enhances else "Only enhancement has a preview."))

    def _show_newest_result(self) -> None:
        """Another input was chosen: the last result that was made of it, if any, is looked at."""
        made = list(results_of(self.input_node()))
        if made and part(self.parameters.resultVolume, INPUT) is not self.input_node():
            self.parameters.resultVolume = made[-1]

    def outlook(self) -> Outlook:
        """What would be run, or why nothing can be."""
        return outlook(self.parameters, self.input.look, self.how)

    def why_not(self) -> str:
        """Why Apply cannot be pressed; "" if it can."""
        return self.outlook().why_not

    def _measure_speed(self) -> None:
        asked = self.what_to_preview()
        card = self.outlook().card if asked else None
        if card is not None and not self.preview.running:
            _node, volume, options = asked
            self.speed.ask(card.name, self.parameters.device, volume, options)

    def _show_preview(self, why_not: str) -> None:
        if not why_not and self.missing:
            why_not = "The packages it needs are not installed; Apply installs them."
        why_not = why_not or self.controls.why_not_now
        self.ui.previewCheckBox.setEnabled(not why_not)
        self.ui.previewCheckBox.setToolTip(why_not or "The slab around the slice in view, when the scrolling stops.")
        wanted = not why_not and not self.paused and self.parameters.preview
        if wanted and not self.preview.on:
            self.preview.start()
        elif wanted:
            asked = self._preview_key()
            if asked != self._previewed:
                self.preview.refresh()
            self._previewed = asked
        elif self.preview.on:
            self.preview.stop()
            say(self.ui.previewLabel, "")

    def _preview_key(self) -> tuple[Any, ...]:
        options = enhance_options(self.parameters)
        return (self.parameters.inputVolume.GetID(), *sorted((name, str(value)) for name, value in options.items()))

    # What pressing does

    def apply(self) -> None:
        """Run the jobs that are asked for; install what is missing first, after asking."""
        if not self.installed():
            return
        if task_of(self.parameters) == "synthesize":
            self.run([synthesis_job(self.parameters, self.outlook().card.name, self.done)])
        else:
            self.run(jobs_of(self.parameters, self.scans, self.done))

    def run(self, jobs: list[Job]) -> None:
        """Run jobs, before anything that was only done in the background."""
        self._speed_timer.stop()
        self.speed.give_way()
        self.preview.give_way(lambda: self.controls.run(jobs))

    def done(self, result: Any, values: Mapping[str, Any]) -> None:
        """A result is in the scene: it is shown, if it is of the panel's input, in turns of the event loop of its own."""
        parameters, made = self.parameters, values.get("provenance", {})
        device = "auto" if parameters is None else parameters.device
        qt.QTimer.singleShot(0, lambda: learn_from_run(made, device))
        if parameters is None:
            return
        source = part(result, INPUT)
        wait_no_more(parameters, source)
        if is_synthetic(result) and is_synthetic(parameters.inputVolume):
            parameters.inputVolume = first_volume()  # a selector takes the only volume there is by itself
        if is_synthetic(result) or source is parameters.inputVolume or parameters.resultVolume is None:
            parameters.resultVolume = result
            self.show_soon(lambda: self._show_result(result))

    def _show_result(self, result: Any) -> None:
        if self.parameters is None or self.parameters.resultVolume is not result:
            return
        self.refresh()
        if is_synthetic(result):
            show_synthetic(result)
        elif not layouts.ours(layouts.current_layout()):
            layouts.one_view_first(lambda: self._show_pair(result))

    def _show_pair(self, result: Any) -> None:
        if self.parameters is not None and self.parameters.resultVolume is result:
            self.result.arrange(layouts.SIDE_BY_SIDE)

    def what_to_preview(self) -> tuple[Any, Any, Mapping[str, Any]] | None:
        """The input, its volume and the options of a preview; None while there can be none."""
        if self.why_not() or self.controls.busy or self.missing or task_of(self.parameters) != "enhance":
            return None
        node = self.parameters.inputVolume
        try:
            volume = self.scans.volume(node, self.parameters.modality)
        except (ValueError, DiffusionCoreError):  # what cannot be worked on; Apply says why
            return None
        options = enhance_options(self.parameters)
        for name in ("trust", "modality"):
            options.pop(name, None)
        return node, volume, options

    def keep(self, what: str) -> None:
        """Write the report, or export the result as DICOM, into a folder that is asked for."""
        title = "Folder for the report" if what == "report" else "Folder for the DICOM series"
        folder = asked_folder(title)
        if folder:
            self.keep_in(what, folder)

    def keep_in(self, what: str, folder: str) -> None:
        """Write the report, or export the result as DICOM, into a folder; the worker does it."""
        result = self.parameters.resultVolume
        make, note = report_job, ""
        if what == "dicom":
            make, note = dicom_job, "" if source_of(result) else f"; {ANONYMOUS}"
        self.run([make(result, folder, lambda files: say_written(files, folder, note))])
