"""The parts of a comparison, an arm with a seed each: which are there, which are missing, and how many hours those take."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from DiffusionCore.benchmark.classify import cnn_rivals
from DiffusionCore.benchmark.classify.arms import OURS, Arm
from DiffusionCore.benchmark.classify.datasets import SPLITS, Dataset
from DiffusionCore.benchmark.classify.record import is_whole
from DiffusionCore.benchmark.classify.spoiling import LEVELS
from DiffusionCore.benchmark.expected_time import in_words
from DiffusionCore.errors import UsageError

HEAD = ("part", "minutes", "state")
NUMBERS = (cnn_rivals.BATCH, cnn_rivals.RATE, cnn_rivals.DECAY, cnn_rivals.SMOOTHING, cnn_rivals.WARM_UP)


@dataclass(frozen=True)
class Part:
    """One arm with one seed.

    folder   where its training and its predictions are kept; its name ends in a hash of all that they depend on
    ours     folder of our training with the same seed: what the guidance network is read off, and whose phase 1 is taken
    minutes  of training that it takes: none for what is hardly trained, or trained with another part
    """

    arm: Arm
    seed: int
    folder: Path
    ours: Path
    minutes: float

    @property
    def name(self) -> str:
        return f"{self.arm.name}-{self.seed}"

    @property
    def done(self) -> bool:
        """Whether its predictions are there."""
        return is_whole(self.folder)

    @property
    def row(self) -> tuple[str, float, str]:
        """For a table with the head `HEAD`."""
        return self.name, round(self.minutes, 2), "there" if self.done else "missing"


def planned(
    arms: Sequence[Arm], seeds: int, data: Dataset, minutes: float, recipe: str, work: Path, bundled: str = ""
) -> list[Part]:
    """Every part, seed by seed, so that a run that is stopped has compared all arms as far as it came.

    recipe   what our own training follows, as text
    bundled  the card of the bundled model of these cases; none: ""
    """
    cases = digest(
        *(getattr(getattr(data, split), field) for split in SPLITS for field in ("images", "labels")),
        json.dumps([data.source.kind, LEVELS[data.source.kind], [c.subjects.tolist() for c in (data.val, data.test)]]),
    )

    def folder(arm: Arm, seed: int) -> Path:
        depends: dict[str, tuple[object, ...]] = {"simple": (), "bundled": (bundled,)}
        training = (minutes, recipe, arm.overrides, NUMBERS)
        key = digest(cases, json.dumps([arm.name, seed, *depends.get(arm.kind, training)]))
        return work / f"{arm.name}-{seed}-{key[:10]}"

    ours = next(arm for arm in arms if arm.name == OURS)
    parts = []
    for seed in range(seeds):
        for arm in arms:
            if (arm.once and seed) or (arm.kind == "bundled" and not bundled):
                continue
            taken = minutes / 2 if arm.second else minutes if arm.trained else 0.0
            parts.append(Part(arm, seed, folder(arm, seed), folder(ours, seed), taken))
    return parts


def chosen_parts(parts: Sequence[Part], names: Sequence[str] | None) -> list[Part]:
    """The parts of these names: an arm's, `resnet18`, or one of them, `resnet18-2`; all without names.

    Raises `UsageError` for a name that is neither.
    """
    if names is None:
        return list(parts)
    known = {name for part in parts for name in (part.name, part.arm.name)}
    if unknown := sorted(set(names) - known):
        raise UsageError(f"there is no part {unknown[0]!r}; there are {', '.join(part.name for part in parts)}")
    return [part for part in parts if {part.name, part.arm.name} & set(names)]


def estimate(parts: Sequence[Part], chosen: Sequence[Part]) -> str:
    """What is there, and how long the rest takes on one idle core, in a sentence."""
    missing = [part for part in chosen if not part.done]
    words = f"{sum(part.done for part in parts)} of {len(parts)} parts are there; "
    if not missing:
        return words + "nothing is to be trained"
    spent = in_words(60 * sum(part.minutes for part in missing))
    return words + f"{len(missing)} to do: {spent} of training on one core, and minutes to measure each"


def digest(*content: npt.NDArray | str) -> str:
    """A hash of all the contents, in their order; arrays by their bytes."""
    found = hashlib.sha256()
    for one in content:
        found.update(hashlib.sha256(one.encode() if isinstance(one, str) else np.ascontiguousarray(one)).digest())
    return found.hexdigest()
