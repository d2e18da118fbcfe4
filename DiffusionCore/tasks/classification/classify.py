"""Classify: what a scan, or the structure in a label map, shows, by diffusion of the label; and what that rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ModelError, Refused, UsageError
from ...metrics.calibration import with_temperature
from ...progress import Progress, takes_progress
from ...report.markups import Box, box_of
from ...volume import Volume
from ...volume.regrid import box_grid, onto_grid
from ..options import parse_options
from ..provenance import input_facts, model_facts, software_facts
from .input import (
    ClassifierInput,
    cube_at,
    is_label_map,
    is_one_field,
    masked_structure,
    middle_of,
    refuse_input,
    refuse_small,
    whole_box,
    whole_mask,
)
from .options import ClassifyOptions
from .run import Evidence, answer
from .search import Searched, search
from .suitability import check_suitable, unfamiliar

if TYPE_CHECKING:
    from ...models import Classifier

RANGE = (5.0, 95.0)  # percentiles of the samples
UNVALIDATED = "unvalidated: the model was tested on single fields, never on a search through a whole scan"


@dataclass(frozen=True, eq=False)
class ClassProbability:
    """A class, its calibrated probability, and the range that nine in ten of the samples lie in, which says how much
    sampling moves the answer and is no interval for the truth."""

    name: str
    probability: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class ClassifyResult:
    """What was found in a scan.

    provenance     how the result was made, ready for JSON
    answer         the class; empty where there is none: abstained, or searched
    abstained      why there is no answer, a sentence; empty if there is one
    probabilities  of each class, in the card's order; none where there is no answer
    samples        (S, classes) as drawn, before calibration; None where there is no answer
    saliency       0 to 1 on the scan's own grid: where the evidence against the normal class lies; 0 outside the field, and
                   outside the structure of a label map
    regions        that hold most of it, best first; of a searched scan the places of highest probability
    seen           what the network saw, on its own grid
    probability_map  of a searched scan, its grid: probability of the last class in the field around each voxel; unvalidated
    warnings       sentences a person should read
    """

    provenance: dict[str, Any]
    answer: str = ""
    abstained: str = ""
    probabilities: tuple[ClassProbability, ...] = ()
    samples: np.ndarray | None = None
    saliency: Volume | None = None
    regions: tuple[Box, ...] = ()
    seen: Volume | None = None
    probability_map: Volume | None = None
    warnings: tuple[str, ...] = ()


@takes_progress
def classify(
    volume: Volume,
    *,
    region: Sequence[slice] | None = None,
    progress: Progress | str | None = None,
    loaded: Classifier | None = None,
    **options: Any,
) -> ClassifyResult:
    """Say what a scan, or the structure in a label map, shows, how sure that is, and where it can be seen.

    volume   what the model's card takes: a label map of one structure, or grey values
    region   slices along (k, j, i): of a label map the part that counts, of a scan the place to look at. Without it a
             scan larger than the model's field is searched, which gives a probability map, unvalidated, and no answer.
             A model of whole scans takes none
    loaded   a model loaded before, instead of `model`
    options  those of `ClassifyOptions`

    The encoders run once; samples of the label are drawn from noise under what they saw (Yang et al. 2025). An input
    that is unlike those of training gets no answer but the reason, unless `force`.
    Raises UsageError, InputError, ModelError, DeviceError, Refused, Cancelled.
    """
    asked = parse_options(ClassifyOptions, **options)
    progress.stage("load model")
    from ...inference import choose_device
    from ...models import load_classifier

    choose_device(asked.device)
    if asked.modality and asked.modality != volume.modality:
        volume = replace(volume, modality=asked.modality)
    model = loaded or load_classifier(asked.model or fitting_model(volume))
    card = model.card
    if asked.label is not None and card.input != "labelmap":
        raise UsageError(f"--label goes with label maps; {card.name!r} takes grey values")
    refuse_input(volume, card)
    warnings = (*volume.meta.get("warnings", ()), *check_suitable(volume, card, force=asked.force))

    if card.input != "labelmap" and card.classify.takes == "cube" and region is None and not is_one_field(volume, card):
        found = search(volume, model, asked, progress)
        return searched(volume, model, asked, found, warnings, progress)
    progress.stage("prepare")
    given = prepared(volume, model, asked.label, region)
    warnings = (*warnings, *given.warnings)
    abstained = unfamiliar(given.image, card)
    if abstained and not asked.force:
        return without_answer(volume, model, asked, abstained, given.image, warnings, progress)
    if abstained:
        warnings = (*warnings, f"{abstained}; answered all the same, as asked")
    evidence = answer(model, given.image.voxels[None], asked, progress)
    return with_answer(volume, model, asked, evidence, given, warnings, progress)


def prepared(volume: Volume, model: Classifier, label: int | None, region: Sequence[slice] | None) -> ClassifierInput:
    """What the network sees of the input, by what the card takes."""
    card = model.card
    if card.classify.takes == "whole":
        if region is not None:
            raise UsageError(f"{card.name!r} looks at the whole scan; leave --roi out, or crop the scan")
        refuse_small(volume, model.network.config.region)
        return whole_mask(volume, card, label) if card.input == "labelmap" else whole_box(volume, card)
    if card.input == "labelmap":
        return masked_structure(volume, card, label, region)
    return cube_at(volume, card, middle_of(volume, region))


def fitting_model(volume: Volume) -> str:
    """The installed classifier that takes such input. Raises `ModelError` if there is none, `UsageError` if several do."""
    from ...models import list_models

    kind = "labelmap" if is_label_map(volume) else "volume"
    fitting = [
        (card, folder)
        for card, folder in list_models()
        if card.task == "classify" and card.input == kind and (kind == "labelmap" or card.modality == volume.modality)
    ]
    if len(fitting) == 1:
        return str(fitting[0][1])
    if fitting:
        raise UsageError(f"{', '.join(card.name for card, _ in fitting)} take such input; name one with --model")
    what = "label maps" if kind == "labelmap" else f"{volume.modality} scans"
    known = ", ".join(card.name for card, _ in list_models() if card.task == "classify") or "none"
    refusal = Refused if kind != "labelmap" and volume.modality not in ("CT", "MR") else ModelError
    raise refusal(f"no installed model classifies {what}; there are {known}: name one with --model")


def with_answer(
    volume: Volume,
    model: Classifier,
    asked: ClassifyOptions,
    evidence: Evidence,
    given: ClassifierInput,
    warnings: tuple[str, ...],
    progress: Progress,
) -> ClassifyResult:
    """The result of one image that the model has answered."""
    progress.stage("explain")
    spec = model.card.classify
    drawn = evidence.samples[:, 0]
    probabilities = calibrated(drawn, spec.temperature)
    ranges = np.percentile(with_temperature(drawn, spec.temperature), RANGE, axis=0)
    shown = tuple(
        ClassProbability(name, float(p), float(min(low, p)), float(max(high, p)))
        for name, p, low, high in zip(spec.classes, probabilities, *ranges, strict=True)
    )
    saliency = on_scan(volume, given.image, evidence.saliency[0])
    if given.structure is not None:
        saliency = replace(saliency, voxels=saliency.voxels * given.structure)
    boxes = tuple(
        box_of(given.image, first, evidence.extent, f"region {n}", f"evidence {held:.2f}")
        for n, (first, held) in enumerate(zip(evidence.regions[0], evidence.evidence[0], strict=True), start=1)
        if held > 0
    )
    progress.finish()
    return ClassifyResult(
        answer=spec.classes[answered(probabilities, spec.threshold)],
        probabilities=shown,
        samples=drawn,
        saliency=saliency,
        regions=boxes,
        seen=given.image,
        warnings=(*warnings, *evidence.fallbacks),
        provenance=provenance(volume, model, asked, evidence, progress),
    )


def calibrated(drawn: np.ndarray, temperature: float) -> np.ndarray:
    """(classes,) from samples (S, classes): their mean, at the temperature that validation cases asked for."""
    return with_temperature(np.mean(drawn, axis=0), temperature)


def answered(probabilities: np.ndarray, threshold: float) -> int:
    """The class that is said: of two by the card's threshold, of more the likeliest."""
    if len(probabilities) == 2:
        return int(probabilities[1] >= threshold)
    return int(np.argmax(probabilities))


def on_scan(volume: Volume, image: Volume, cells: np.ndarray) -> Volume:
    """A map of cells (K, J, I) that spans the network's image evenly, at the scan's own voxels; 0 outside the image."""
    grid = box_grid(image.ijk_to_ras, image.shape, cells.shape)
    found = onto_grid(Volume(cells.astype(np.float32), grid), volume.shape, volume.ijk_to_ras, antialias=False)
    return replace(volume, voxels=found.voxels, modality="OTHER")


def without_answer(
    volume: Volume,
    model: Classifier,
    asked: ClassifyOptions,
    reason: str,
    image: Volume,
    warnings: tuple[str, ...],
    progress: Progress,
) -> ClassifyResult:
    """The result of an image that the model was not made for."""
    progress.finish()
    return ClassifyResult(
        abstained=reason,
        seen=image,
        warnings=warnings,
        provenance=provenance(volume, model, asked, None, progress),
    )


def searched(
    volume: Volume,
    model: Classifier,
    asked: ClassifyOptions,
    found: Searched,
    warnings: tuple[str, ...],
    progress: Progress,
) -> ClassifyResult:
    """The result of a search through a whole scan."""
    progress.finish()
    made = provenance(volume, model, asked, found.evidence, progress)
    made["search"] = {"fields": found.fields, "unlike training": found.left_out, "note": UNVALIDATED}
    return ClassifyResult(
        abstained="" if found.fields > found.left_out else "nothing in the scan is like what the model was trained on",
        regions=found.peaks,
        probability_map=found.map,
        warnings=(*warnings, *found.fallbacks, f"the probability map is {UNVALIDATED}"),
        provenance=made,
    )


def provenance(
    volume: Volume, model: Classifier, asked: ClassifyOptions, evidence: Evidence | None, progress: Progress
) -> dict[str, Any]:
    """Hashes, model, settings, machine, versions and seconds by stage, as JSON can hold them."""
    spec = model.card.classify
    return {
        "software": software_facts(),
        "input": input_facts(volume),
        "model": model_facts(model.card),
        "calibration": {"temperature": spec.temperature, "threshold": spec.threshold},
        "options": asked.model_dump(),
        "sampling": {"samples": asked.samples or spec.samples, "steps": asked.steps or spec.steps, "seed": asked.seed},
        "device": None if evidence is None else evidence.device,
        "seconds": {stage: round(spent, 3) for stage, spent in progress.seconds.items()},
    }
