"""The groups Input, Model and Advanced: what the input is, which structure is meant, which model looks at it."""

from __future__ import annotations

from typing import Any

from DiffusionCore.slicerbridge.widgets import allow, fill_choice

from .choices import Installed, in_words, model_for, unfit
from .look import InputLook, changed_at, look_at_input
from .runs import structure_of

AUTOMATIC, RECOGNISED = "the one that fits", "as recognised"
NO_INPUT = "Choose a scan, a label map or a segmentation first."
NO_MODEL = (
    "No classifier is installed. Add the folder of one, with its card and weights, by the command "
    "“diffusioncore models add FOLDER”, then open this module again."
)


class ChoiceGroups:
    """Keeps combo boxes and the parameter node in step."""

    def __init__(self, ui: Any) -> None:
        self.ui = ui
        self.parameters: Any = None
        self.look: InputLook | None = None
        self.models: Installed = ()
        self.models_read = False
        self._seen: tuple[Any, ...] = ()
        self._busy = False
        for combo, store in (
            (ui.structureCombo, self._store_structure),
            (ui.modelCombo, lambda: self._store("model", _chosen(ui.modelCombo, AUTOMATIC))),
            (ui.modalityCombo, lambda: self._store("modality", _chosen(ui.modalityCombo, RECOGNISED))),
            (ui.deviceCombo, lambda: self._store("device", ui.deviceCombo.currentText or "auto")),
        ):
            combo.connect("currentIndexChanged(int)", lambda _index, store=store: store())

    def set_models(self, models: Installed) -> None:
        """Take the installed classifiers."""
        self.models = [(card, folder) for card, folder in models if card.task == "classify"]
        self.models_read = True

    def show(self, parameters: Any, devices: tuple[str, ...]) -> None:
        """Show what a parameter node says; its input is looked at again only if it is another, or was changed."""
        self.parameters = parameters
        node = None if parameters is None else parameters.inputNode
        seen = () if node is None else (node.GetID(), changed_at(node), parameters.modality)
        if seen != self._seen:
            self._seen = seen
            self.look = None if node is None else look_at_input(node, parameters.modality)
        self._busy = True
        try:
            self.ui.recognisedLabel.setText("nothing yet" if self.look is None else self.look.words)
            self._show_structures()
            self._show_models()
            chosen = "" if parameters is None else parameters.modality
            fill_choice(self.ui.modalityCombo, (RECOGNISED, "CT", "MR"), chosen or RECOGNISED)
            fill_choice(self.ui.deviceCombo, ("auto", *devices), "auto" if parameters is None else parameters.device)
        finally:
            self._busy = False

    def _show_structures(self) -> None:
        structures = {} if self.look is None else self.look.structures
        fill_choice(self.ui.structureCombo, tuple(structures.values()), structures.get(self.structure(), ""))
        none = "A scan is classified by its grey values; there is no structure to choose."
        allow(self.ui.structureCombo, "" if structures else none, "The one structure that is classified.")

    def structure(self) -> str:
        """The segment or label that is meant; "" for a scan."""
        return "" if self.look is None else structure_of(self.parameters, self.look)

    def _show_models(self) -> None:
        chosen = "" if self.parameters is None else self.parameters.model
        fill_choice(self.ui.modelCombo, (AUTOMATIC, *(card.name for card, _ in self.models)), chosen or AUTOMATIC)
        none = self.models_read and not self.models
        allow(self.ui.modelCombo, "No classifier is installed." if none else "", "Which model looks at the input.")
        self.ui.modelHint.setText(NO_MODEL if none else self._model_in_words())

    def _model_in_words(self) -> str:
        found = self.model()
        if found is not None:
            return in_words(found[0])
        return " ".join(in_words(card) for card, _folder in self.models) if self.look is None else ""

    def model(self) -> Any:
        """Card and folder of the model that will be used; None while cards cannot be read, or if none fits."""
        if self.look is None:
            return None
        chosen = "" if self.parameters is None else self.parameters.model
        return model_for(self.models, chosen, self.look.kind, self.look.modality)

    def why_not(self) -> str:
        """Why the input cannot be classified, and what to do; "" if it can."""
        if self.parameters is None or self.look is None:
            return NO_INPUT
        if self.look.problem:
            return self.look.problem
        if not self.models:
            return NO_MODEL if self.models_read else ""
        found = self.model()
        if found is not None:
            return unfit(found[0], self.look.kind, self.look.modality)
        if self.parameters.model:
            return f"The model {self.parameters.model} is not installed any more; choose another."
        return " ".join(unfit(card, self.look.kind, self.look.modality) for card, _folder in self.models)

    def _store_structure(self) -> None:
        structures = list({} if self.look is None else self.look.structures)
        index = self.ui.structureCombo.currentIndex
        if 0 <= index < len(structures):
            self._store("structure", structures[index])

    def _store(self, name: str, value: str) -> None:
        if self.parameters is not None and not self._busy and getattr(self.parameters, name) != value:
            setattr(self.parameters, name, value)


def _chosen(combo: Any, none: str) -> str:
    return "" if combo.currentText == none else combo.currentText
