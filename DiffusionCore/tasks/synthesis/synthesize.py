"""Making images that show nobody: by a diffusion model from noise, in one stage or a cascade."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import DeviceError, ModelError, UsageError
from ...progress import Progress, takes_progress
from ...volume import Volume, free_memory
from ...volume.dicom_derivation import DerivationRecord
from ..options import parse_options
from ..provenance import model_facts, software_facts
from .options import SynthesizeOptions

if TYPE_CHECKING:
    from ...models import Model

BYTES = 16  # of each pixel of all images, at most, while they are made and become volumes
MR_WHITE = 1000.0  # the grey value of the 99.5th percentile of a synthetic MR image


@dataclass(frozen=True, eq=False)
class SynthesizeResult:
    """What was made.

    volumes     of a 2D model one, its slices the images; of a 3D model one for each image
    images      (count, 1, *S) float32 in the model's own units
    asked       what each image was asked to be
    provenance  enough to make them again
    """

    volumes: tuple[Volume, ...]
    images: np.ndarray
    asked: list[dict[str, float | str]]
    provenance: dict[str, Any]


@takes_progress
def synthesize(
    model: str | Path | Model | Sequence[Model] | None = None, *, progress: Progress | str | None = None, **options: Any
) -> SynthesizeResult:
    """Make images from a seed.

    model     name or folder of a base model, whose upscalers are then found; or loaded models in the cascade's order;
              None: the first installed one that makes images from noise
    options   those of `SynthesizeOptions`

    The same seed gives the same images, however many are made and in whatever batches. Raises UsageError, also for more
    images than fit into memory, ModelError, DeviceError, Cancelled.
    """
    asked = parse_options(SynthesizeOptions, **options)
    progress.stage("load model")
    from ...inference import choose_device, threads
    from ...models import load_model
    from ...models.cascade import Drawing, cascade_of

    device = str(choose_device(asked.device))
    if model is None:
        model = installed_generator()
    if isinstance(model, (str, Path)):
        model = load_model(model, device=device)
    stages = list(model) if isinstance(model, Sequence) else cascade_of(model, asked.stages)
    check_room(stages, asked.count)
    drawing = Drawing(
        steps=asked.steps,
        upscaler_steps=asked.upscaler_steps,
        sampler=asked.sampler,
        eta=asked.eta,
        guidance=asked.guidance,
        seed=asked.seed,
        batch=asked.batch,
    )
    with threads(asked.threads):
        drawn = within_memory(stages, asked, drawing, progress)
    progress.stage("finish")
    images = drawn.numpy()
    wanted = each_asked(asked)
    made = provenance(stages, asked, progress.seconds)
    progress.finish()
    return SynthesizeResult(as_volumes(images, stages[-1], derivation(made)), images, wanted, made)


def installed_generator() -> Path:
    """The folder of the first installed model that makes images from noise. Raises `ModelError` if there is none."""
    from ...models import list_models

    for card, folder in list_models():
        if card.task == "synthesize" and card.input == "none":
            return folder
    raise ModelError("no installed model makes images from noise; name one, or the folder of one that was trained")


def check_room(stages: Sequence[Model], count: int) -> None:
    """Raise `UsageError` if so many images do not fit into the memory that is free."""
    from ...models.cascade import image_size

    size = image_size(stages[-1])
    needed, free = BYTES * count * math.prod(size), free_memory.free_memory()
    if free is not None and needed > free:
        raise UsageError(
            f"{count} images of {'×'.join(map(str, reversed(size)))} take {needed / 1e9:.1f} GB while they are made, and "
            f"{free / 1e9:.1f} GB of memory are free; take a smaller --count, and another --seed for more"
        )


def within_memory(stages: list[Model], asked: SynthesizeOptions, drawing: Any, progress: Progress) -> Any:
    """The images; where a device's memory does not hold a batch, one by one, and then on the CPU, unless told not to."""
    from ...inference.run import out_of_memory
    from ...models.cascade import sample

    one = replace(drawing, batch=1)
    attempts = [(drawing, None, ""), (one, None, "one at a time"), (one, "cpu", "one at a time on the CPU")]
    for attempt, device, words in attempts[: 1 if asked.no_fallback else None]:
        if words:
            progress.say(f"too little memory for these images; going on with {words}")
        if device is not None:
            for stage in stages:
                stage.denoiser.to(device)
        try:
            return sample(stages, asked.asked_for(), asked.count, attempt, progress)
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
    raise DeviceError("there is too little memory for even one image; take fewer --stages or another --device")


def each_asked(asked: SynthesizeOptions) -> list[dict[str, float | str]]:
    """What each image was asked to be, by name."""
    wanted = asked.asked_for() or {}
    return [
        {name: value[n] if isinstance(value, list) else value for name, value in wanted.items()}
        for n in range(asked.count)
    ]


def as_volumes(images: np.ndarray, model: Model, record: DerivationRecord) -> tuple[Volume, ...]:
    """(count, 1, *S) in the model's units as volumes: rows run to the back and columns to the left of nobody.

    MR in whole numbers with the 99.5th percentile at 1000, CT in whole HU, others as they are.
    """
    card = model.card
    values = np.rint(images[:, 0] * MR_WHITE).astype(np.int16) if card.normalisation != "unit" else images[:, 0]
    spacing = card.synthesis.spacing_mm if card.synthesis else (1.0, 1.0, 1.0)
    blocks = [values] if values.ndim == 3 else list(values)
    volumes = []
    for number, block in enumerate(blocks):
        matrix = np.diag([-spacing[2], -spacing[1], spacing[0], 1.0])
        matrix[:3, 3] = [-matrix[n, n] * (size - 1) / 2 for n, size in enumerate(reversed(block.shape))]
        meta = {
            "synthetic": True,
            "modality_reason": "synthetic",
            "derivation": replace(record, parameters={**record.parameters, "image": number}),
        }
        volumes.append(Volume(block, matrix, card.modality, meta))
    return tuple(volumes)


def provenance(stages: list[Model], asked: SynthesizeOptions, seconds: dict[str, float]) -> dict[str, Any]:
    """Models, options, versions and seconds by stage, as JSON can hold them."""
    return {
        "software": software_facts(),
        "model": model_facts(stages[0].card),
        "upscalers": [model_facts(stage.card) for stage in stages[1:]],
        "options": asked.model_dump(),
        "device": str(stages[0].denoiser.signal.device),
        "seconds": {stage: round(spent, 3) for stage, spent in seconds.items()},
        "notice": stages[0].card.notice,
    }


def derivation(made: dict[str, Any]) -> DerivationRecord:
    """What a synthetic DICOM series says about how it was made."""
    names = ("seed", "sampler", "steps", "upscaler_steps", "condition", "guidance")
    asked = {name: made["options"][name] for name in names}
    stages = [made["model"], *made["upscalers"]]
    return DerivationRecord(
        task="synthesize",
        description="made by a diffusion model; shows no person",
        model=" then ".join(f"{stage['name']} {stage['version']}" for stage in stages),
        version=made["software"]["DiffusionCore"],
        weights_sha256=" then ".join(stage["sha256"] for stage in stages),
        parameters={name: value for name, value in asked.items() if value is not None},
        suffix="synthetic",
    )
