"""What the panels of all modules do alike: follow the scene, read cards, install, run jobs before anything else."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import qt
import slicer
import vtk
from slicer.util import VTKObservationMixin

from .application_worker import application_worker
from .panel import Job, JobControls, in_words
from .scans import Scans, place_in_middle

DEVICES = ("cpu", "mps") if sys.platform == "darwin" else ("cpu", "cuda:0")  # that a person may choose beside "auto"
EVERY_CHANGE = 0  # milliseconds: changes that come together are shown once
MOVED = slicer.vtkMRMLTransformableNode.TransformModifiedEvent
VOLUME_EVENTS = (slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent, MOVED)
BOX_EVENTS = (vtk.vtkCommand.ModifiedEvent, slicer.vtkMRMLMarkupsNode.PointModifiedEvent, MOVED)


class ModulePanel(VTKObservationMixin, ABC):
    """A panel made of the widgets of a .ui file, by name; `worker` is the application's by default.

    A module's own panel says what to `refresh`, to `apply`, `why_not`, its `first_input`, and what to do with models.
    """

    input_field = "inputVolume"  # of the parameter node
    input_events: Sequence[Any] = VOLUME_EVENTS  # after which the input is looked at again

    def __init__(self, ui: Any, worker: Any = None) -> None:
        VTKObservationMixin.__init__(self)
        self.ui = ui
        self.worker = worker or application_worker(slicer.app)
        self.parameters: Any = None
        self.missing: Sequence[str] = ()
        self.scans = Scans()
        self.paused = False  # whether another module is open
        self._installing = False
        self._show_later: Callable[[], None] | None = None
        self._gui_tag: Any = None
        self._observed: dict[str, tuple[Any, Sequence[int]]] = {}  # node and tags by role
        self.controls = JobControls(
            self.worker, ui.applyButton, ui.stateLabel, ui.progressBar, ui.detailsButton, self.apply, self.refresh
        )
        self._cards_timer = single_shot(0, self._read_cards)  # opening the module does not wait for what reads cards
        self._refresh_timer = single_shot(EVERY_CHANGE, lambda: self.refresh())
        ui.roiSelector.connect("nodeAddedByUser(vtkMRMLNode*)", self._place_box)

    @abstractmethod
    def apply(self) -> None:
        """What a press of Apply does."""

    @abstractmethod
    def refresh(self) -> None:
        """Show what the parameter node says, and what may be pressed."""

    @abstractmethod
    def why_not(self) -> str:
        """Why Apply cannot be pressed; "" if it can."""

    @abstractmethod
    def first_input(self) -> Any:
        """The node that is the input before anybody chose one; None if there is none."""

    @abstractmethod
    def read_models(self) -> None:
        """Look at what is installed."""

    def input_node(self) -> Any:
        """The node that is worked on; None without one."""
        return None if self.parameters is None else getattr(self.parameters, self.input_field)

    def set_parameters(self, parameters: Any) -> None:
        """Show a parameter node; the first scan becomes the input where none was chosen. None: show nothing."""
        if self.parameters is not None:
            self.parameters.disconnectGui(self._gui_tag)
            self.removeObserver(self.parameters.parameterNode, "ModifiedEvent", self._changed)
        self.parameters, self.paused = parameters, False
        show_later, self._show_later = self._show_later, None
        if parameters is not None:
            if self.input_node() is None:
                setattr(parameters, self.input_field, self.first_input())
            self._gui_tag = parameters.connectGui(self.ui)
            self.addObserver(parameters.parameterNode, "ModifiedEvent", self._changed)
        self.missing = self.worker.look_for_packages()
        self.refresh()
        if parameters is not None:
            self._cards_timer.start()
            if show_later is not None:
                self.show_soon(show_later)

    def show_soon(self, show: Callable[[], None]) -> None:
        """Show what has come, in a turn of the event loop of its own; while another module is open, whose views are left
        as they are, when this one is opened again."""
        if self.paused:
            self._show_later = show
        else:
            qt.QTimer.singleShot(0, show)

    def _read_cards(self) -> None:
        self.read_models()
        self._show_nodes()
        self.refresh()

    def _show_nodes(self) -> None:
        """Let choosers of nodes show what the parameter node says: while a scene is read they list nothing of it yet."""
        for widget in vars(self.ui).values() if self.parameters is not None else ():
            field = widget.property("SlicerParameterName") if isinstance(widget, slicer.qMRMLNodeComboBox) else None
            if field and widget.currentNode() is not getattr(self.parameters, field):
                widget.setCurrentNode(getattr(self.parameters, field))

    def pause(self) -> None:
        """Another module is opened: what a person asked for goes on."""
        self.paused = True

    def scene_closes(self) -> None:
        """The scene is about to be closed: nothing of it may be touched any more."""
        self.controls.drop()
        self.set_parameters(None)
        self.scans.forget()
        self.worker.forget_scans()

    def end(self) -> None:
        """The panel goes: what it runs is cancelled. The worker is the application's and ends with it."""
        self.scene_closes()
        self._refresh_timer.stop()
        self._cards_timer.stop()
        self.removeObservers()

    def _changed(self, _caller: Any = None, _event: Any = None) -> None:
        self._refresh_timer.start()

    def follow_nodes(self) -> bool:
        """Refresh when the input or the box changes, and no longer when another does; gives whether the input is another."""
        self.observe("box", None if self.parameters is None else self.parameters.roi, BOX_EVENTS)
        another = self.observe("input", self.input_node(), self.input_events)
        if another:
            self.scans.forget()
        return another

    def observe(self, role: str, node: Any, events: Sequence[Any]) -> bool:
        """Refresh at what happens to the node that has a role, and no longer at what happens to the one that had it; gives
        whether it is another."""
        before, tags = self._observed.get(role, (None, ()))
        if node is before:
            return False
        for tag in tags:
            before.RemoveObserver(tag)
        # not by Slicer's mixin, which goes on to hold a node that it does not observe any more, and with it its voxels
        self._observed[role] = (
            node,
            () if node is None else [node.AddObserver(event, self._changed) for event in events],
        )
        return True

    def _place_box(self, roi: Any) -> None:
        """A box that is created here can be seen and moved at once."""
        if self.input_node() is not None:
            place_in_middle(roi, self.input_node())

    def show_controls(self, why_not: str, tip: str) -> None:
        """Enable Apply, or say why not; say whether packages are missing."""
        self.controls.allow(why_not, tip)
        if self.missing and not self.controls.busy and self.controls.state != "not installed":
            self.controls.not_installed("Apply asks before it installs what is missing")
        elif not self.missing and self.controls.state == "not installed":
            self.controls.ready()

    def installed(self) -> bool:
        """Whether everything needed is here, after one question where it is not."""
        self.missing = self.worker.look_for_packages()
        if not self.missing:
            return True
        if self._installing:  # pip lets the event loop run, and Apply was pressed again
            return False
        from .packages import ensure_packages

        self._installing = True
        try:
            ensure_packages()
        except Exception as error:  # declined, or pip failed: said in words, nothing is half-way
            self.controls.not_installed(in_words(error)[0])
            return False
        finally:
            self._installing = False
        self.missing = self.worker.look_for_packages()
        self._read_cards()
        return not self.missing and not self.why_not()

    def run(self, jobs: list[Job]) -> None:
        """Run jobs."""
        self.controls.run(jobs)


def single_shot(milliseconds: int, action: Any) -> Any:
    """A timer, not yet started, that does something once after so long."""
    timer = qt.QTimer()
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.connect("timeout()", action)
    return timer


def asked_folder(title: str) -> str:
    """A folder that a person chooses; "" where none is."""
    return qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), title)


def say_written(files: list[str], folder: str, note: str = "") -> None:
    """Tell in the status bar what was written."""
    slicer.util.showStatusMessage(f"{len(files)} files written to {folder}{note}", 5000)
