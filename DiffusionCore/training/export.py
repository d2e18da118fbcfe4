"""The model folder that a run ends with: card and averaged weights in half precision."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..errors import ModelError
from ..metrics.bootstrap import Interval
from ..models.card import Card, DiffusionSpec, NetworkSpec, Range, SynthesisSpec, ValidRanges, read_card
from ..models.registry import CARD, save_model
from ..models.weights_file import WEIGHTS, load_weights
from ..networks.denoiser import Denoiser
from .checkpoint import misfit
from .config import TrainingConfig
from .lightning_module import DenoiserTraining
from .network import denoiser_config
from .splits import load_split

CROPS = "block bootstrap within the validation crops; test subjects are in docs/benchmark"


def export_model(
    folder: Path, module: DenoiserTraining, figures: dict[str, float], commit: str, start: Card | None = None
) -> Card:
    """Write the averaged weights and the card to `folder`; `start` is the card of the model whose weights training began
    with. Raises `OutputError` if it cannot be written."""
    before = [] if start is None else stages_of(start)
    hours = module.seconds_trained / 3600 + sum(stage["hours"] for stage in before)
    recipe = {
        **({"before": before} if before else {}),
        "config": module.config.model_dump(mode="json", exclude={"card", "runs", "init"}, exclude_defaults=True),
        "seed": module.config.seed,
        "commit": commit,
        "steps": module.global_step,
        "hours": round(hours, 3),
        "subjects": _subjects(module.config),
        "versions": {name: version_of(name) for name in ("DiffusionCore", "torch", "lightning", "monai")},
    }
    card = make_card(module.config, recipe, validation_figures(figures, module.intervals(), CROPS))
    with module.average.applied(module.denoiser):
        return save_model(folder, card, module.denoiser)


def validation_figures(figures: Mapping[str, float], intervals: Mapping[str, Interval], where: str) -> dict[str, Any]:
    """What a card says of the validation: the figures, and beside them the intervals of those that have one."""
    said: dict[str, Any] = {"validation": {name: round(value, 4) for name, value in figures.items()}}
    if intervals:
        said["intervals"] = {"what": f"{next(iter(intervals.values())).confidence:.0%}, {where}"}
        said["intervals"] |= {name: [round(found.low, 4), round(found.high, 4)] for name, found in intervals.items()}
    return said


def stages_of(card: Card) -> list[dict[str, Any]]:
    """Every training that a model has behind it, the first first, each with its own hours."""
    recipe = dict(card.recipe)
    before = recipe.pop("before", [])
    recipe["hours"] = round(recipe.get("hours", 0.0) - sum(stage["hours"] for stage in before), 3)
    return [*before, recipe]


def make_card(config: TrainingConfig, recipe: dict[str, Any], figures: dict[str, Any]) -> Card:
    """The card of the model that `config` trains."""
    denoiser, said = denoiser_config(config), config.card
    network = {f.name: getattr(denoiser, f.name) for f in dataclasses.fields(denoiser) if f.name != "network"}
    unet = {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(denoiser.network).items()}
    degradation = config.degradation
    low, high = degradation.sigma
    return Card(
        name=config.name,
        task=said.task,
        modality=said.modality,
        input="none" if degradation.target == "none" and config.diffusion.state != "upscale" else "volume",
        version=said.version,
        summary=said.summary,
        network=NetworkSpec(unet=unet, **network),
        diffusion=DiffusionSpec(
            process=config.diffusion.schedule, steps=config.diffusion.steps, options=config.diffusion.options
        ),
        normalisation=on_card(config.data.normalisation),
        valid=ValidRanges(
            sigma_normalised=Range(low=low, high=high),
            spacing_mm=said.spacing_mm,
            slice_spacing_mm=said.slice_spacing_mm,
            min_slices=said.min_slices,
            correlated_noise=degradation.target == "ct_low_dose" or degradation.correlated > 0,
        ),
        resolution=None if config.resolution is None else config.resolution.spec,
        synthesis=synthesis_spec(config),
        data=list(said.data),
        recipe=recipe,
        figures=figures,
        limits=list(said.limits),
        licence=said.licence,
    )


def on_card(normalisation: str) -> str:
    """What a card calls a configuration's normalisation."""
    return "unit" if normalisation == "none" else normalisation


def synthesis_spec(config: TrainingConfig) -> SynthesisSpec | None:
    """What a synthesis model makes; its spacing is the middle of the card's ranges."""
    wanted = config.synthesis
    if wanted is None:
        return None
    in_plane, across = ((r.low * r.high) ** 0.5 for r in (config.card.spacing_mm, config.card.slice_spacing_mm))
    return SynthesisSpec(
        size=wanted.size,
        spacing_mm=(round(across, 4), round(in_plane, 4), round(in_plane, 4)),
        labels=list(wanted.labels),
        upscale=wanted.upscale,
        augmentation=wanted.told,
        then=list(wanted.then),
        steps=wanted.steps,
        guidance=wanted.guidance,
    )


def start_from(config: TrainingConfig, denoiser: Denoiser) -> Card:
    """Load the weights of the model `config.init` into a new denoiser; its card. Raises `ModelError` if they have other
    shapes, or if what stands around the network differs, so that its answers would mean something else."""
    card, here = read_card(config.init / CARD), denoiser_config(config)
    for name in ("state", "prediction", "smoothing", "detail", "shrink"):
        theirs, ours = getattr(card.network, name), getattr(here, name)
        if theirs != ours:
            raise ModelError(f"{card.name!r} was trained with {name} {theirs}, here it is {ours}; init needs the same")
    weights = load_weights(config.init / WEIGHTS, card.sha256, card.name)
    if difference := misfit(denoiser.network.state_dict(), weights):
        raise ModelError(
            f"the weights of {card.name!r} don't fit this network: {difference}; init needs the same network"
        )
    denoiser.network.load_state_dict(weights)
    return card


def commit_of(folder: Path) -> str:
    """The commit that `folder` is checked out at, with "+" where files were changed; empty outside a repository."""
    try:
        answers = [
            subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, timeout=10, check=True).stdout
            for words in (("rev-parse", "--short=12", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        ]
    except (OSError, subprocess.SubprocessError):
        return ""
    return answers[0].strip() + ("+" if answers[1].strip() else "")


def _subjects(config: TrainingConfig) -> dict[str, list[str]]:
    if config.data.split is None:
        return {}
    split = load_split(config.data.split)
    return {
        name: sorted({subject for entry in split.entries(name) for subject in entry.subjects})
        for name in ("train", "val", "test")
    }


def version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
