"""Synthesis by one model, or by a cascade: a base model from noise, then upscalers (Ho et al. 2022)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ModelError, UsageError
from ..progress import Progress, silent

if TYPE_CHECKING:
    import torch

    from .card import Card, LabelSpec
    from .registry import Model

Condition = Mapping[str, "float | str | Sequence[float]"]
HIGHEST = 1.2  # of the values of MR normalised by their 99.5th percentile


@dataclass(frozen=True)
class Drawing:
    """How images are drawn; each None means: as the model's card says.

    steps, upscaler_steps   of the sampler, from noise and of each upscaler
    guidance                classifier-free
    stages                  of the cascade, 1 for the base model alone
    first                   number of the first image of the seed
    batch                   images computed at once
    """

    steps: int | None = None
    upscaler_steps: int | None = None
    sampler: str = "ddim"
    eta: float = 0.0
    guidance: float | None = None
    seed: int = 0
    stages: int | None = None
    first: int = 0
    batch: int = 4


def cascade_of(model: Model, stages: int | None = None) -> list[Model]:
    """The model and the upscalers that its card names, each beside it or installed.

    Raises `ModelError` where one is missing or does not fit the one before it, `UsageError` for a number of stages that
    the cascade does not have.
    """
    from .registry import CARD, load_model

    card = model.card
    if card.task != "synthesize" or card.input != "none":
        raise ModelError(f"the model {card.name!r} does not make images from noise; `models list` shows which do")
    names = [] if card.synthesis is None else card.synthesis.then
    if stages is not None and not 1 <= stages <= 1 + len(names):
        raise UsageError(f"--stages must be 1 to {1 + len(names)} for {card.name!r}, got {stages}")
    found = [model]
    for name in names[: None if stages is None else stages - 1]:
        # beside it as an installed model, or as the model of another training run
        near = (model.folder.parent / name, model.folder.parent.parent / name / "model")
        folder = next((folder for folder in near if (folder / CARD).is_file()), name)
        upscaler = load_model(folder, device=str(model.denoiser.signal.device))
        check_fits(found[-1].card, upscaler.card)
        found.append(upscaler)
    return found


def check_fits(before: Card, upscaler: Card) -> None:
    """Raise `ModelError` unless the upscaler takes what the model before it makes."""
    spec, smaller = upscaler.synthesis, before.synthesis
    if spec is None or smaller is None or upscaler.network.state != "upscale":
        raise ModelError(f"{upscaler.name!r} is no upscaler of a synthesis cascade")
    if tuple(s * spec.upscale for s in smaller.size) != tuple(spec.size):
        raise ModelError(f"{upscaler.name!r} does not take images of the size that {before.name!r} makes")
    if upscaler.normalisation != before.normalisation or upscaler.modality != before.modality:
        raise ModelError(f"{upscaler.name!r} and {before.name!r} make images of different kinds")


def sample(
    model: Model | Sequence[Model],
    condition: Condition | None = None,
    count: int = 16,
    drawing: Drawing | None = None,
    progress: Progress | None = None,
) -> torch.Tensor:
    """Images (count, 1, *S) in the model's own units (normalised), float32.

    model       a base model, whose upscalers are then found, or the models of a cascade in their order
    condition   what is asked for, by the labels on the card: a number or a class for all images, or one for each
    Raises `UsageError` for what the model cannot be asked, `ModelError`, `Cancelled`.
    """
    from ..inference import GenerationSettings, Wanted, generate

    drawing, progress = drawing or Drawing(), progress or silent()
    if count < 1:
        raise UsageError(f"--count must be 1 or more, got {count}")
    stages = list(model) if isinstance(model, Sequence) else cascade_of(model, drawing.stages)
    images = None
    for number, stage in enumerate(stages):
        spec = stage.card.synthesis
        progress.stage(f"stage {number + 1} of {len(stages)}" if len(stages) > 1 else "sample")
        steps = drawing.steps if number == 0 else drawing.upscaler_steps
        guidance = drawing.guidance if drawing.guidance is not None else (spec.guidance if spec else 1.0)
        settings = GenerationSettings(
            steps=min(steps or (spec.steps if spec else 50), stage.process.steps),
            sampler=drawing.sampler,
            eta=drawing.eta,
            guidance=guidance,
            seed=drawing.seed,
            first=drawing.first,
            stage=number,
            batch=drawing.batch,
        )
        wanted = Wanted(
            count,
            image_size(stage),
            labels_of(stage.card, condition if number == 0 else known_to(stage.card, condition), count),
            smaller=images,
            sigma=spec.augmentation if spec else 0.0,
            clip=clip_of(stage.card.normalisation),
        )
        images = generate(stage.denoiser, stage.process, wanted, settings, progress=progress)
        if wanted.clip is not None:
            images = images.clamp(*wanted.clip)  # what an upscaler adds may lead out of it
    progress.finish()
    return images.cpu()


def image_size(model: Model) -> tuple[int, ...]:
    """(J, I) or (K, J, I) of the model's images; of an old card that does not say, the patches it was trained on."""
    if model.card.synthesis is not None:
        return tuple(model.card.synthesis.size)
    patch = model.card.recipe.get("config", {}).get("data", {}).get("patch")
    if not patch:
        raise ModelError(f"the card of {model.card.name!r} does not say how large its images are")
    return tuple(patch)


def clip_of(normalisation: str) -> tuple[float, float] | None:
    """What an image's normalised values can be; CT is not bounded."""
    return {"p99.5": (0.0, HIGHEST), "unit": (0.0, 1.0)}.get(normalisation)


def known_to(card: Card, condition: Condition | None) -> Condition | None:
    """Of what is asked for, what an upscaler knows."""
    names = {spec.name for spec in card.synthesis.labels} if card.synthesis else set()
    return {name: value for name, value in (condition or {}).items() if name in names} or None


def labels_of(card: Card, condition: Condition | None, count: int) -> torch.Tensor | None:
    """(count, labels) in 0..1, `NO_LABEL` where nothing is asked for; None where nothing is asked for at all."""
    import torch

    from ..networks import NO_LABEL

    specs = {spec.name: spec for spec in card.synthesis.labels} if card.synthesis else {}
    for name in condition or {}:
        if name not in specs:
            known = ", ".join(specs) or "nothing"
            raise UsageError(f"{card.name!r} can be asked for {known}, not for {name!r}")
    if not condition:
        return None
    label = torch.full((count, len(specs)), NO_LABEL)
    for column, (name, spec) in enumerate(specs.items()):
        if name in condition:
            value = condition[name]
            values = [value] * count if isinstance(value, (int, float, str)) else list(value)
            if len(values) != count:
                raise UsageError(f"{name} is given for {len(values)} images, {count} are to be made")
            label[:, column] = torch.tensor([share(spec, each) for each in values])
    return label


def share(spec: LabelSpec, value: float | str) -> float:
    """A value, or a class by its name, as a share of the label's range. Raises `UsageError` outside it."""
    if isinstance(value, str) and value in spec.classes:
        value = spec.classes.index(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not spec.low <= number <= spec.high:
        allowed = f"one of {', '.join(spec.classes)}" if spec.classes else f"{spec.low:g} to {spec.high:g}"
        raise UsageError(f"{spec.name} must be {allowed}, got {value}")
    return (number - spec.low) / (spec.high - spec.low)
