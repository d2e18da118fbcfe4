"""What is known of a run before it is started: why it cannot be, by which model, over how many voxels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .choices import why_no_sample
from .expectation import region_voxels
from .finer import finer_of, sentence_of
from .input_group import why_not_reference
from .task_group import VERBS, is_flat, task_of, why_no_task

NOT_INSTALLED = "The model that was chosen is not installed; choose another."


@dataclass(frozen=True)
class Outlook:
    """What would be run.

    why_not  why Apply cannot be pressed, and what to do; "" if it can
    card     of the model, of several the first; None while cards cannot be read, or if none fits
    voxels   that the network goes over; 0 of images from noise
    grid     the finer grid of super-resolution in words
    """

    why_not: str = ""
    card: Any = None
    voxels: int = 0
    grid: str = ""


def outlook(parameters: Any, look: Any, how: Any) -> Outlook:
    """The outlook of what a parameter node asks for. `look` is what the input was seen to be, `how` the `HowGroup`, which
    knows the models."""
    task = task_of(parameters)
    if missing := why_no_task(task, how.models):
        return Outlook(missing)
    if task == "synthesize":
        card = how.model_for("")
        return Outlook("" if card else NOT_INSTALLED, card)
    if parameters is None or parameters.inputVolume is None or look is None:
        return Outlook("Choose a volume first.")
    if look.problem:
        return Outlook(look.problem)
    card = how.model_for(look.modality, flat=look.single_slice)
    if how.models and card is None:
        none = f"No installed model {VERBS[task]} {look.modality} scans."
        return Outlook(NOT_INSTALLED if parameters.model else none)
    if look.single_slice and card is not None and not is_flat(card) and not parameters.force:
        return Outlook(f"This is a single slice, and {card.name} needs several; a 2D model takes one.", card)
    if why_not := why_no_sample(parameters.preset, int(parameters.steps)):
        return Outlook(why_not, card)
    if task == "super_resolve":
        finer = finer_of(parameters, look, how.models)
        card = how.model_for(look.modality, *finer.patterns[:1])
        return Outlook(finer.why_not, card, finer.voxels, finer.words)
    if why_not := why_not_reference(parameters, look.shape, "the volume's"):
        return Outlook(why_not, card)
    voxels = look.voxels
    if parameters.roi is not None:
        try:
            voxels = region_voxels(parameters.inputVolume, parameters.roi)
        except ValueError as error:
            return Outlook(sentence_of(error), card)
    return Outlook("", card, voxels)
