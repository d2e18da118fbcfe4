"""From what is chosen in the panel to the task's options, and to how long it will take."""

from __future__ import annotations

from typing import Any

# (steps, samples) as `DiffusionCore.inference.PRESETS`, which only the worker can import; a test compares them.
PRESETS = {"quick": (1, 1), "natural": (8, 1), "careful": (4, 8)}
MIRROR_IMAGES = 8  # of a volume
PRESET_TEXTURE = {"quick": 0.0, "natural": 1.0, "careful": 0.0}


def enhance_options(chosen: Any) -> dict[str, Any]:
    """The options of `enhance` that differ from its defaults, from a parameter node (or anything with its fields)."""
    options = sampling_options(chosen)
    if chosen.ownSigma:
        options["sigma"] = float(chosen.sigma)
    if chosen.trust:
        options["trust"] = True
    return options


def superres_options(chosen: Any) -> dict[str, Any]:
    """The same of `super_resolve`."""
    return {**sampling_options(chosen), **finer_options(chosen)}


def finer_options(chosen: Any) -> dict[str, Any]:
    """What of `super_resolve` says how fine."""
    options: dict[str, Any] = {} if chosen.axes == "all" else {"axes": chosen.axes}
    if chosen.finer == "factor":
        options["factor"] = float(chosen.factor)
    elif chosen.finer == "spacing":
        options["spacing"] = f"{chosen.spacing:.4f}".rstrip("0").rstrip(".")
    return options


def synthesis_options(chosen: Any, model: str) -> dict[str, Any]:
    """The same of `synthesize`, by a model, which it has to be told."""
    options: dict[str, Any] = {"model": model, "count": int(chosen.count)}
    if chosen.condition.strip():
        options["condition"] = chosen.condition.replace(" ", "")
    for name in ("steps", "threads", "seed"):
        if getattr(chosen, name):
            options[name] = int(getattr(chosen, name))
    if chosen.device != "auto":
        options["device"] = chosen.device
    return options


def sampling_options(chosen: Any) -> dict[str, Any]:
    """What `enhance` and `super_resolve` are asked alike."""
    options: dict[str, Any] = {"preset": chosen.preset}
    if chosen.preset == "natural" and chosen.texture < 1:
        options["texture"] = float(chosen.texture)
    if chosen.strength != 1:
        options["strength"] = float(chosen.strength)
    for name in ("model", "modality"):
        if getattr(chosen, name):
            options[name] = getattr(chosen, name)
    for name in ("steps", "samples", "threads", "tile", "seed"):
        if getattr(chosen, name) and not why_not_of_preset(name, chosen.preset):
            options[name] = int(getattr(chosen, name))
    if chosen.device != "auto":
        options["device"] = chosen.device
    if chosen.force:
        options["force"] = True
    return options


def preset_for(texture: float, preset: str) -> str:
    """The preset whose name goes with a texture that was moved by hand: its ends are quick and natural."""
    if preset == "careful":
        return preset
    return "natural" if texture > 0 else "quick"


def why_not_of_preset(name: str, preset: str) -> str:
    """Why a preset makes no use of the steps or samples that are set; "" if it does."""
    if name == "steps" and preset == "quick":
        return "Quick takes one step."
    if name == "samples" and preset != "careful":
        return "Only Careful draws several samples."
    return ""


def why_no_sample(preset: str, steps: int) -> str:
    """Why so many steps draw no sample, which all presets but Quick need; "" if they do."""
    if preset == "quick" or steps != 1:
        return ""
    return "One step gives the mean and draws no sample: choose Quick, or two steps or more under Advanced."


def network_passes(preset: str, steps: int = 0, samples: int = 0) -> int:
    """How often the network runs over the scan: samples are drawn from its mirror images in turn, and those of the same one
    share the first step, which is the mean. `steps` and `samples` are what is set, 0 what the preset has."""
    own_steps, own_samples = PRESETS[preset]
    steps = own_steps if why_not_of_preset("steps", preset) else steps or own_steps
    samples = own_samples if why_not_of_preset("samples", preset) else samples or own_samples
    return steps * samples - max(samples - MIRROR_IMAGES, 0)
