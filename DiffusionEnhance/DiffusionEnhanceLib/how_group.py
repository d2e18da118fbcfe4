"""The groups How and Advanced: choices that no single widget stands for, and why some cannot be made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from slicer import util

from DiffusionCore.slicerbridge.installed import added_models, clear_added_models, installed_cards, size_of
from DiffusionCore.slicerbridge.widgets import allow, fill_choice

from .choices import PRESET_TEXTURE, network_passes, preset_for
from .task_group import fitting_models, is_flat, task_of, why_not_used

PRESET_WORDS = {
    "quick": ("Quick", "faithful"),
    "natural": ("Natural", "natural texture"),
    "careful": ("Careful", "with its uncertainty"),
}
AUTOMATIC, RECOGNISED = "automatic", "as recognised"


class HowGroup:
    """Keeps presets, texture, combo boxes and the parameter node in step."""

    def __init__(self, ui: Any, changed: Callable[[], None]) -> None:
        self.ui, self.changed = ui, changed
        self.parameters: Any = None
        self.models: tuple[Any, ...] = ()
        self._busy = False
        for preset, button in self.buttons().items():
            button.connect("clicked()", lambda preset=preset: self.choose_preset(preset))
        ui.textureSlider.connect("valueChanged(double)", self.choose_texture)
        ui.clearModelsButton.connect("clicked()", self.clear_models)
        ui.modelCombo.connect("currentIndexChanged(int)", lambda _index: self._store("model", self._model()))
        ui.modalityCombo.connect("currentIndexChanged(int)", lambda _index: self._store("modality", self._modality()))
        ui.deviceCombo.connect("currentIndexChanged(int)", lambda _index: self._store("device", self._device()))

    def buttons(self) -> dict[str, Any]:
        """The button of each preset."""
        return {"quick": self.ui.quickButton, "natural": self.ui.naturalButton, "careful": self.ui.carefulButton}

    def choose_preset(self, preset: str) -> None:
        """Take a preset, with the texture that goes with it."""
        if self.parameters is None or self._busy:
            return
        self.parameters.preset = preset
        self.parameters.texture = PRESET_TEXTURE[preset]

    def choose_texture(self, texture: float) -> None:
        """Take a texture by hand; the preset whose name it has follows."""
        if self.parameters is None or self._busy:
            return
        self.parameters.texture = float(texture)
        self.parameters.preset = preset_for(texture, self.parameters.preset)

    def show(self, parameters: Any, card: Any, seconds: Mapping[str, str], devices: tuple[str, ...]) -> None:
        """Show what a parameter node says; `card` is that of the model that will be used, None if there is none;
        `seconds` is the expected time of each preset in words."""
        self.parameters = parameters
        self._busy = True
        try:
            self._show_presets(seconds)
            fill_choice(self.ui.deviceCombo, ("auto", *devices), "auto" if parameters is None else parameters.device)
            chosen = "" if parameters is None else parameters.modality
            fill_choice(self.ui.modalityCombo, (RECOGNISED, "CT", "MR"), chosen or RECOGNISED)
            self._show_models(card)
            self._show_sigma()
            if self.models:
                self._show_clear_models()
        finally:
            self._busy = False

    def _show_presets(self, seconds: Mapping[str, str]) -> None:
        own = self.parameters
        chosen = "quick" if own is None else own.preset
        for preset, button in self.buttons().items():
            name, what = PRESET_WORDS[preset]
            passes = network_passes(preset, *(() if own is None else (own.steps, own.samples)))
            time = f" · {seconds[preset]}" if seconds.get(preset) else ""
            button.setText(f"{name}: {what}, {passes} {'pass' if passes == 1 else 'passes'}{time}")
            if preset == chosen and not button.checked:
                button.setChecked(True)
        careful = chosen == "careful"
        self.ui.textureSlider.setEnabled(not careful)
        self.ui.textureSlider.setToolTip(
            "Careful shows the mean, whose texture is none; choose Quick or Natural to change it."
            if careful
            else "0: the mean, faithful; 1: a sample with natural texture."
        )
        texture = 0.0 if self.parameters is None else self.parameters.texture
        if abs(self.ui.textureSlider.value - texture) > 1e-6:
            self.ui.textureSlider.setValue(texture)

    def _show_models(self, card: Any) -> None:
        fitting = fitting_models(self.models, task_of(self.parameters))
        chosen = "" if self.parameters is None else self.parameters.model
        fill_choice(self.ui.modelCombo, (AUTOMATIC, *(card.name for card in fitting)), chosen or AUTOMATIC)
        self.ui.modelHint.setText("" if card is None else f"{card.name}: {card.summary} {' '.join(card.limits)}")

    def model_for(self, modality: str, axes: str = "", flat: bool = False) -> Any:
        """The card of the model that will be used: for super-resolution one for `axes`, to enhance a `flat` scan a 2D one
        if there is. None while cards cannot be read, or if none fits."""
        chosen, task = "" if self.parameters is None else self.parameters.model, task_of(self.parameters)
        for card in sorted(
            fitting_models(self.models, task), key=lambda card: task == "enhance" and is_flat(card) != flat
        ):
            fits = task == "synthesize" or card.modality == modality
            if card.name == chosen or (not chosen and fits and (not axes or axes in card.resolution.axes)):
                return card
        return None

    def _show_sigma(self) -> None:
        task = task_of(self.parameters)
        own = self.parameters is not None and self.parameters.ownSigma
        why_not = "" if own else "The noise is measured in the scan; tick the box to set it."
        why_not = why_not_used("sigmaCheckBox", task, "") or why_not
        allow(self.ui.sigmaSpinBox, why_not, "Standard deviation of the noise in the scan's own units.")

    def _store(self, name: str, value: str) -> None:
        if self.parameters is not None and not self._busy and getattr(self.parameters, name) != value:
            setattr(self.parameters, name, value)

    def _model(self) -> str:
        name = self.ui.modelCombo.currentText
        return "" if name == AUTOMATIC else name

    def _modality(self) -> str:
        name = self.ui.modalityCombo.currentText
        return "" if name == RECOGNISED else name

    def _device(self) -> str:
        return self.ui.deviceCombo.currentText or "auto"

    def clear_models(self) -> None:
        """Remove the models that were added, after asking."""
        folders = added_models()
        names = ", ".join(folder.name for folder in folders)
        question = f"Remove {names} ({size_of(folders) / 2**20:.0f} MiB)? They can be added again."
        if folders and util.confirmOkCancelDisplay(question):
            clear_added_models()
            self.models = installed_cards()
            self.changed()

    def _show_clear_models(self) -> None:
        folders = added_models()
        self.ui.clearModelsButton.setEnabled(bool(folders))
        tip = f"{len(folders)} added, {size_of(folders) / 2**20:.0f} MiB; asks before it removes them."
        none = "No model was added beside the ones that come with the extension."
        self.ui.clearModelsButton.setToolTip(tip if folders else none)
