"""The group Task: what is done, why it cannot be, and what it needs to be told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import qt

from DiffusionCore.slicerbridge.widgets import allow

from .choices import why_not_of_preset

TASKS = {"enhance": "Enhance", "super_resolve": "Super-resolve", "synthesize": "Synthesize"}
VERBS = {"enhance": "enhances", "super_resolve": "super-resolves", "synthesize": "makes images from noise"}
ADD = "Add one with `diffusioncore models add FOLDER` and open the module again."
UNKNOWN = "It is known once the packages are installed; Apply asks before it installs them."
AXES = {"all": "all axes", "slice": "across the slices only"}
FINER = {"": "automatic", "factor": "by a factor", "spacing": "to a spacing"}
KEEP_AS = {"volume": "a volume", "sequence": "a sequence"}
USED_BY = {
    "sigmaCheckBox": ("enhance",),
    "trustCheckBox": ("enhance",),
    "modalityCombo": ("enhance", "super_resolve"),
    "stepsSpinBox": tuple(TASKS),
    "samplesSpinBox": ("enhance", "super_resolve"),
    "tileSpinBox": ("enhance", "super_resolve"),
    "forceCheckBox": ("enhance", "super_resolve"),
}


def task_of(parameters: Any) -> str:
    """The task that is chosen."""
    return parameters.task if parameters is not None and parameters.task in TASKS else "enhance"


def fitting_models(cards: Iterable[Any], task: str) -> list[Any]:
    """The cards of the models that do a task; of a cascade that makes images, its first model."""
    return [card for card in cards if card.task == task and (task != "synthesize" or card.input == "none")]


def is_flat(card: Any) -> bool:
    """Whether a model works on slices, one by one."""
    return card.network.unet.get("spatial_dims", 3) == 2


def why_no_task(task: str, cards: Iterable[Any]) -> str:
    """Why a task cannot be chosen, and what to do; "" if it can."""
    cards = tuple(cards)
    if task == "enhance" or fitting_models(cards, task):
        return ""
    return f"{TASKS[task]}: no installed model {VERBS[task]}. {ADD}" if cards else f"{TASKS[task]}: {UNKNOWN}"


def why_not_used(name: str, task: str, preset: str) -> str:
    """Why a widget of `USED_BY` makes no difference to a task with a preset; "" if it does."""
    if task not in USED_BY[name]:
        return f"{TASKS[task]} does not use it."
    setting = name.removesuffix("SpinBox")
    return "" if task == "synthesize" else why_not_of_preset(setting, preset)


class TaskGroup:
    """Keeps the task, what belongs to it and the parameter node in step. `cards` are those of the installed models."""

    def __init__(self, ui: Any, cards: Callable[[], tuple[Any, ...]]) -> None:
        self.ui, self.cards = ui, cards
        self.parameters: Any = None
        self._busy = False
        self._tips = {name: getattr(ui, name).toolTip for name in USED_BY}
        ui.taskCombo.addItems([words for words in TASKS.values() if ui.taskCombo.findText(words) < 0])
        for combo, words, field in self._combos():
            combo.clear()
            combo.addItems(list(words.values()))
            combo.connect(
                "currentIndexChanged(int)", lambda index, words=words, field=field: self._store(field, words, index)
            )
        ui.taskCombo.connect("currentIndexChanged(int)", self._choose_task)

    def _combos(self) -> tuple[tuple[Any, dict[str, str], str], ...]:
        return (
            (self.ui.axesCombo, AXES, "axes"),
            (self.ui.finerCombo, FINER, "finer"),
            (self.ui.keepAsCombo, KEEP_AS, "keepAs"),
        )

    def _store(self, field: str, words: dict[str, str], index: int) -> None:
        if self.parameters is not None and not self._busy and index >= 0:
            setattr(self.parameters, field, list(words)[index])

    def _choose_task(self, index: int) -> None:
        """Take a task; a model that was chosen for another is let go."""
        if self.parameters is None or self._busy or index < 0:
            return
        task = list(TASKS)[index]
        if task != task_of(self.parameters):
            self.parameters.model = ""
            self.parameters.task = task

    def show(self, parameters: Any, card: Any, finer: str) -> None:
        """Show a parameter node's task; `card` is that of its model, `finer` the grid that super-resolution makes."""
        self.parameters = parameters
        self._busy = True
        try:
            task = task_of(parameters)
            self._show_tasks(task)
            for combo, words, field in self._combos():
                chosen = next(iter(words)) if parameters is None else getattr(parameters, field)
                combo.setCurrentIndex(list(words).index(chosen) if chosen in words else 0)
            self._show_finer(parameters)
            self.ui.superresGroup.setVisible(task == "super_resolve")
            self.ui.synthesisGroup.setVisible(task == "synthesize")
            self.ui.inputSection.setVisible(task != "synthesize")
            self.ui.howSection.setVisible(task != "synthesize")
            self.ui.taskHint.setText(hint(task, card, finer))
            for name in USED_BY:
                why_not = why_not_used(name, task, "" if parameters is None else parameters.preset)
                allow(getattr(self.ui, name), why_not, self._tips[name])
        finally:
            self._busy = False

    def _show_tasks(self, task: str) -> None:
        combo, cards = self.ui.taskCombo, self.cards()
        reasons = []
        for index, one in enumerate(TASKS):
            why_not = why_no_task(one, cards)
            combo.model().item(index).setEnabled(not why_not)
            combo.setItemData(index, why_not or None, qt.Qt.ToolTipRole)
            reasons += [why_not] if why_not else []
        combo.setCurrentIndex(list(TASKS).index(task))
        combo.setToolTip("\n".join(reasons) or "What is done to the scan, or what is made.")

    def _show_finer(self, parameters: Any) -> None:
        finer = "" if parameters is None else parameters.finer
        for name, wanted, tip in (
            ("factorSpinBox", "factor", "How many times finer: 2 makes eight voxels of one."),
            ("spacingSpinBox", "spacing", "Distance of the new voxels. Axes that are finer already stay as they are."),
        ):
            widget = getattr(self.ui, name)
            widget.setEnabled(finer == wanted)
            widget.setToolTip(tip if finer == wanted else f"Choose {FINER[wanted]!r} first.")


def hint(task: str, card: Any, finer: str) -> str:
    """What a task does, in a line."""
    if task == "super_resolve":
        words = "Makes voxels finer and adds the detail that its model expects in them; the scan's physical box stays."
        return f"{words} {finer}".strip()
    if task == "synthesize":
        spec = None if card is None else card.synthesis
        size = "" if spec is None else f" of {'×'.join(str(n) for n in reversed(spec.size))} voxels or more"
        asked = "" if spec is None else ", ".join(f"{one.name} {one.low:g} to {one.high:g}" for one in spec.labels)
        words = f"Makes images{size} that show nobody, from a seed; needs no volume. Model and seed are under Advanced."
        return f"{words} It can be asked for {asked}." if asked else words
    return "Removes noise and keeps the scan's grid, units and voxel type."
