"""Why Apply cannot be pressed."""

from __future__ import annotations

from typing import Any

from .finer import why_not_finer
from .task_group import VERBS, task_of, why_no_task


def why_not(parameters: Any, look: Any, how: Any) -> str:
    """Why the task that is chosen cannot be done, and what to do; "" if it can. `look` is what the input was seen to be,
    `how` the `HowGroup`, which knows the models."""
    return why_not_by(parameters, look, how)[0]


def why_not_by(parameters: Any, look: Any, how: Any) -> tuple[str, str]:
    """The same, and the grid that super-resolution makes, in words; "" of another task."""
    task = task_of(parameters)
    if missing := why_no_task(task, how.models):
        return missing, ""
    if task == "synthesize":
        return ("" if how.model_for("") else "The model that was chosen is not installed; choose another."), ""
    if parameters is None or parameters.inputVolume is None or look is None:
        return "Choose a volume first.", ""
    if look.problem:
        return look.problem, ""
    if how.models and how.model_for(look.modality) is None:
        return f"No installed model {VERBS[task]} {look.modality} scans.", ""
    if task == "super_resolve":
        return why_not_finer(parameters, look, how.models)
    reference = parameters.referenceVolume
    image = None if reference is None else reference.GetImageData()
    if image is not None and image.GetDimensions() != parameters.inputVolume.GetImageData().GetDimensions():
        return "The reference is not on the volume's grid; resample it first, or choose none.", ""
    return "", ""
