"""The model folder that a classifier's run ends with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...classification import LabelDiffusion
from ...metrics.familiarity import FALSE_ALARMS, error_rates, fit_familiarity
from ...models import Card, ClassifySpec, DiffusionSpec, FamiliarSpec, NetworkSpec, Range, ValidRanges
from ...models.classifiers import save_classifier
from ..export import validation_figures, version_of
from .cases import Cases
from .config import ClassifierConfig
from .results import Found

FEWEST = 10


def export_classifier(
    folder: Path,
    config: ClassifierConfig,
    network: LabelDiffusion,
    train: Cases,
    val: Cases,
    found: Found,
    recipe: dict[str, Any],
) -> Card:
    """Write weights and card to `folder`. Raises `OutputError` if they cannot be written."""
    data, said = config.data, config.card
    spacing = float(np.mean(train.spacing))
    recipe = {
        "config": config.model_dump(mode="json", exclude={"card", "runs"}, exclude_defaults=True),
        "seed": config.seed,
        **recipe,
        "cases": {"train": _counts(train, data.classes), "val": _counts(val, data.classes)},
        "versions": {name: version_of(name) for name in ("DiffusionCore", "torch", "lightning")},
    }
    if train.subjects != train.names:
        recipe["subjects"] = {"train": sorted(set(train.subjects)), "val": sorted(set(val.subjects))}
    figures = found.figures()
    where = f"bootstrap {figures['accuracy'].label} of the validation cases; test cases are in docs/benchmark"
    card = Card(
        name=config.name,
        task="classify",
        modality=said.modality,
        input=data.input,
        version=said.version,
        summary=said.summary,
        network=NetworkSpec(unet={}),
        diffusion=DiffusionSpec(),
        normalisation=data.normalisation,
        valid=ValidRanges(
            sigma_normalised=Range(low=0.0, high=1.0),
            spacing_mm=said.spacing_mm,
            slice_spacing_mm=said.slice_spacing_mm,
            min_slices=said.min_slices,
        ),
        classify=ClassifySpec(
            classes=list(data.classes),
            takes="cube" if data.target == "medmnist" else "whole",
            size=data.size,
            spacing_mm=round(spacing, 4),
            temperature=round(found.temperature, 4),
            threshold=round(found.labels.threshold, 4) if found.labels.classes == 2 else 0.5,
            steps=config.labels.steps,
            samples=config.labels.samples,
            familiar=familiar(train, val, data.input),
        ),
        data=list(said.data),
        recipe=recipe,
        figures=validation_figures({name: one.estimate for name, one in figures.items()}, figures, where),
        limits=list(said.limits),
        licence=said.licence,
    )
    return save_classifier(folder, card, network)


def familiar(train: Cases, val: Cases, kind: str) -> FamiliarSpec | None:
    """What the images looked like; None where there are too few to tell. False alarms: the rate that the limit was set
    for; misses: of foreign images made of the validation ones. `benchmark classify` measures both on test cases."""
    if min(len(train.images), len(val.images)) < FEWEST:
        return None
    held_out = val.images.astype(np.float32)
    fitted = fit_familiarity(train.images.astype(np.float32), held_out, kind)
    return FamiliarSpec(
        names=list(fitted.names),
        mean=fitted.mean.tolist(),
        whitening=fitted.whitening.tolist(),
        limit=fitted.limit,
        false_alarms=FALSE_ALARMS,
        misses={name: round(rate, 3) for name, rate in error_rates(fitted, held_out, kind).misses.items()},
    )


def _counts(cases: Cases, classes: tuple[str, ...]) -> dict[str, int]:
    return {name: int((cases.labels == n).sum()) for n, name in enumerate(classes)}
