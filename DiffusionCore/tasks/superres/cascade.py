"""Which models, one after the other, make a scan finer along which axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...errors import ModelError, UsageError

if TYPE_CHECKING:
    from ...models import Card, Model
    from ...models.card import ResolutionSpec

# Factors that agree to this are made by one model: they come from rounded spacings.
EQUAL = 1.03


@dataclass(frozen=True, eq=False)
class Stage:
    """One model, and how many times finer it makes each of the axes (k, j, i); 1 leaves an axis alone.

    order    the axes in the order the model has them: those of the plane last
    repeats  whether a former stage has been along these axes: its result is softer than a scan
    """

    model: Model
    factors: tuple[float, float, float]
    order: tuple[int, int, int]
    repeats: bool = False

    @property
    def spec(self) -> ResolutionSpec:
        return self.model.card.resolution


def plan_cascade(
    models: Sequence[Model],
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    factors: tuple[float, float, float],
    stages: int | None = None,
) -> tuple[Stage, ...]:
    """The stages that make `shape` finer by `factors`, by those of `models` that were trained for such axes.

    Along all axes alike, or along the two of a plane, at once; where factors differ, first along the axis of the largest.
    Each stage's grid fills the same box exactly. Raises `UsageError` for `stages` that cannot be, `ModelError` if no
    model can do a part of it.
    """
    planned: list[Stage] = []
    parts = axis_groups(spacing, factors)
    for axes, pattern in parts:
        able = [model for model in models if pattern in model.card.resolution.axes]
        if not able:
            names = ", ".join(model.card.name for model in models)
            raise ModelError(f"{names} was not trained to make {WORDS[pattern]} finer; name another with --model")
        total = max(factors[axis] for axis in axes)
        steps = split_factor(total, able[0].card.resolution, stages if len(parts) == 1 else None)
        first = _first_axis(spacing, axes, pattern)
        order = (first, *(axis for axis in range(3) if axis != first))
        done = {axis: 1.0 for axis in axes}
        for number, step in enumerate(steps):
            last = number == len(steps) - 1
            here = []
            for axis in range(3):
                if axis not in axes:
                    here.append(1.0)
                    continue
                # between stages sizes are whole, so that every grid fills the box that the scan fills
                so_far = shape[axis] * done[axis]
                factor = factors[axis] / done[axis] if last else round(so_far * step) / so_far
                done[axis] *= factor
                here.append(factor)
            model = able[min(number, len(able) - 1)]
            planned.append(Stage(model, tuple(here), order, repeats=number > 0))
    if stages is not None and len(planned) != stages:
        raise UsageError(f"--stages {stages} does not go with axes of unequal factors, which take {len(planned)}")
    return tuple(planned)


WORDS = {"all": "all axes", "plane": "the plane", "slices": "the slices"}


def axis_groups(
    spacing: tuple[float, float, float], factors: tuple[float, float, float]
) -> list[tuple[tuple[int, ...], str]]:
    """(axes, pattern) of the parts of the work, in the order they are done; patterns as on a card's `resolution.axes`."""
    finer = tuple(axis for axis in range(3) if factors[axis] > 1)
    alike = max(factors[axis] for axis in finer) < EQUAL * min(factors[axis] for axis in finer)
    if alike and len(finer) == 3:
        return [(finer, "all")]
    if alike and len(finer) == 2:
        return [(finer, "plane")]
    if len(finer) == 1:
        return [(finer, "slices")]
    largest = max(finer, key=lambda axis: (factors[axis], spacing[axis]))
    rest = tuple(1.0 if axis == largest else factor for axis, factor in enumerate(factors))
    return [((largest,), "slices"), *axis_groups(spacing, rest)]


def split_factor(total: float, spec: ResolutionSpec, stages: int | None = None) -> tuple[float, ...]:
    """Factors of the stages whose product is `total`: the model's typical one as often as it goes, or all equal.

    Raises `UsageError` where `stages` would ask more of a stage than it was trained for.
    """
    high, low, typical = spec.factor.high, spec.factor.low, spec.typical
    fewest = max(1, math.ceil(math.log(total) / math.log(high) - 1e-6))
    count = stages or fewest
    if count < fewest:
        raise UsageError(
            f"--stages {count} would ask for {total ** (1 / count):.3g} times at once, trained are {high:g}"
        )
    rest = total / typical ** (count - 1)
    if low <= rest <= high * (1 + 1e-6):
        return (*[typical] * (count - 1), rest)
    return (total ** (1 / count),) * count


def _first_axis(spacing: tuple[float, float, float], axes: tuple[int, ...], pattern: str) -> int:
    """What a model has as its first axis: the one across the slices."""
    if pattern == "slices":
        return axes[0]
    if pattern == "plane":
        return next(axis for axis in range(3) if axis not in axes)
    return int(np.argmax(spacing)) if max(spacing) > EQUAL * min(spacing) else 0


def chosen_models(
    names: str | None, modality: str, patterns: Sequence[str], load: Callable[[str], Model] | None = None
) -> list[Model]:
    """The models named, separated by commas, or the installed ones for each of `patterns`; by `load` instead of from disk.

    Raises `ModelError` if there is none, or one is not for super-resolution.
    """
    from ...models import load_model

    load = load or load_model
    if names:
        found = [load(name.strip()) for name in names.split(",")]
    else:
        found = [load(folder) for folder in dict.fromkeys(_installed(modality, pattern) for pattern in patterns)]
    for model in found:
        check_model(model.card)
    return found


def check_model(card: Card) -> None:
    """Raise `ModelError` for a model that is for another task."""
    if card.task != "super_resolve" or card.resolution is None:
        raise ModelError(f"the model {card.name!r} does not super-resolve; `models list` shows which do")


def _installed(modality: str, pattern: str) -> str:
    from ...models import list_models

    for card, folder in list_models():
        wanted = (card.task, card.modality) == ("super_resolve", modality)
        if wanted and card.resolution is not None and pattern in card.resolution.axes:
            return str(folder)
    raise ModelError(f"no installed model can make {WORDS[pattern]} of {modality} scans finer; name one with --model")
