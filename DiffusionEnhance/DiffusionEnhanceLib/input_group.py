"""The group Input: the scan, what it was recognised as, its noise, and the scans that wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from DiffusionCore.slicerbridge.measure import NoiseMeasurement
from DiffusionCore.slicerbridge.recognise import ScanLook, image_changed_at, look_at, voxels_of
from DiffusionCore.slicerbridge.sequences import browser_of

from .waiting import queue_of, set_queue


def why_not_reference(parameters: Any, shape: tuple[int, ...], grid: str) -> str:
    """Why what is chosen cannot be compared with the reference, which has to have a `shape` (K, J, I), that of a `grid` in
    words; "" if it can, and without a reference."""
    reference = parameters.referenceVolume
    if reference is None:
        return ""
    if reference is parameters.inputVolume:
        return "The reference is the volume itself; choose the same scan without noise, or none."
    if reference.GetParentTransformNode() is not None:
        return "A transform is applied to the reference; harden it in the Data module first, or choose none."
    image = reference.GetImageData()
    if image is None or tuple(reversed(image.GetDimensions())) != tuple(shape):
        return f"The reference is not on {grid} grid; resample it first, or choose none."
    return ""


class InputGroup:
    """Follows the parameter node's input; `changed` is called when what is known of it has changed."""

    def __init__(self, ui: Any, changed: Callable[[], None]) -> None:
        self.ui = ui
        self.changed = changed
        self.look: ScanLook | None = None
        self.noise: Any = None
        self.parameters: Any = None
        self._seen: tuple[Any, ...] = ()
        self.measurement = NoiseMeasurement(self._measured)
        ui.queueSelector.connect("currentNodeChanged(vtkMRMLNode*)", lambda _node: self._show_queue())
        ui.queueAddButton.connect("clicked()", self.add_to_queue)
        ui.queueClearButton.connect("clicked()", self.clear_queue)

    def show(self, parameters: Any) -> None:
        """Show a parameter node's input; look at it again only if it is another, or its voxels are."""
        self.parameters = parameters
        node = None if parameters is None else parameters.inputVolume
        seen = () if node is None else (node.GetID(), image_changed_at(node), parameters.modality)
        if seen != self._seen:
            self._seen = seen
            self._look(node)
        self._show_queue()
        self._show_frames(node)

    def end(self) -> None:
        """Measure no more."""
        self.measurement.stop()

    def _look(self, node: Any) -> None:
        self.measurement.stop()
        self.noise = None
        self.look = None if node is None else look_at(node, self.parameters.modality)
        look = self.look
        self.ui.recognisedLabel.setText("no volume yet" if look is None else look.in_words())
        if look is None or look.problem:
            self.ui.noiseLabel.setText("not measured")
            return
        self.ui.noiseLabel.setText("measuring …")
        self.measurement.begin(voxels_of(node), look.modality, look.spacing)

    def _measured(self, estimate: Any, settled: bool) -> None:
        self.noise = estimate
        if estimate.sigma <= 0:
            words = f"none found: {estimate.reason}"
        else:
            words = f"σ ≈ {estimate.sigma:.3g} {self.look.unit}"
            if not estimate.reliable:
                words += f" (rough: {estimate.reason})"
        self.ui.noiseLabel.setText(words)
        self.ui.noiseLabel.setToolTip(
            "Measured in the middle of the scan; the run measures the whole of it."
            + ("" if settled else " More is being looked at.")
        )
        self.changed()

    def _show_frames(self, node: Any) -> None:
        browser = None if node is None else browser_of(node)
        count = 0 if browser is None else browser.GetNumberOfItems()
        self.ui.allFramesCheckBox.setEnabled(count > 1)
        if count > 1:
            self.ui.allFramesCheckBox.setText(f"Every frame of the sequence ({count})")
            self.ui.allFramesCheckBox.setToolTip("Each frame as a scan of its own; the result is a sequence.")
        else:
            self.ui.allFramesCheckBox.setText("Every frame of the sequence")
            self.ui.allFramesCheckBox.setToolTip("The volume is not played from a sequence.")

    def add_to_queue(self) -> None:
        """Add the chosen volume to those that wait."""
        node = self.ui.queueSelector.currentNode()
        if self.parameters is None or node is None or self._why_not_queued(node):
            return
        set_queue(self.parameters, [*queue_of(self.parameters), node])
        self.ui.queueSelector.setCurrentNode(None)

    def clear_queue(self) -> None:
        """Let no volume wait."""
        if self.parameters is not None:
            set_queue(self.parameters, [])

    def _why_not_queued(self, node: Any) -> str:
        if node is None or self.parameters is None:
            return "Choose a volume first."
        if node is self.parameters.inputVolume:
            return "This volume is the input already."
        if any(waiting is node for waiting in queue_of(self.parameters)):
            return "This volume is in the list already."
        return ""

    def _show_queue(self) -> None:
        names = [node.GetName() for node in queue_of(self.parameters)]
        if [self.ui.queueList.item(row).text() for row in range(self.ui.queueList.count)] != names:
            self.ui.queueList.clear()
            self.ui.queueList.addItems(names)
        why_not = self._why_not_queued(self.ui.queueSelector.currentNode())
        self.ui.queueAddButton.setEnabled(not why_not)
        self.ui.queueAddButton.setToolTip(why_not or "Work on this volume too, with the same settings.")
        self.ui.queueClearButton.setEnabled(bool(names))
        self.ui.queueClearButton.setToolTip("Empty the list." if names else "The list is empty.")
