"""What one arm said with one seed, kept on disk, so that a benchmark goes on where it was stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from DiffusionCore.benchmark.classify.datasets import Dataset
from DiffusionCore.benchmark.classify.spoiling import LEVELS, spoiled

Predict = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float64]]
"""images (N, K, J, I) -> probabilities (N, classes)."""

ARRAYS, FACTS = "predictions.npz", "facts.json"


@dataclass(frozen=True)
class Facts:
    """cpu_minutes of training, parameters, and what else there is to say."""

    cpu_minutes: float = 0.0
    parameters: int = 0
    note: str = ""
    steps: int = 0


@dataclass(frozen=True, eq=False)
class Record:
    """Probabilities of the validation and test cases, and of the test cases spoilt at each level (levels, N, classes)."""

    arm: str
    seed: int
    val: npt.NDArray[np.float64]
    test: npt.NDArray[np.float64]
    noisy: npt.NDArray[np.float64]
    facts: Facts = field(default_factory=Facts)


def record_folder(work: Path, arm: str, seed: int) -> Path:
    """Where an arm's run is kept."""
    return work / f"{arm}-{seed}"


def predict_all(arm: str, seed: int, data: Dataset, predict: Predict, facts: Facts) -> Record:
    """Everything that is asked of a trained arm."""
    kind = data.source.kind
    noisy = [predict(spoiled(data.test.images, kind, level)) for level in LEVELS[kind]]
    return Record(arm, seed, predict(data.val.images), predict(data.test.images), np.stack(noisy), facts)


def write_record(work: Path, record: Record) -> None:
    """Keep a record; the arrays last, as they say that it is whole."""
    folder = record_folder(work, record.arm, record.seed)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FACTS).write_text(json.dumps(asdict(record.facts), indent=2) + "\n", encoding="utf-8")
    temporary = folder / f".{ARRAYS}"
    with temporary.open("wb") as file:
        np.savez(file, val=record.val, test=record.test, noisy=record.noisy)
    temporary.replace(folder / ARRAYS)


def read_record(work: Path, arm: str, seed: int, data: Dataset) -> Record | None:
    """A record kept before; None if there is none, or it is of other cases."""
    folder = record_folder(work, arm, seed)
    try:
        with np.load(folder / ARRAYS) as held:
            arrays = {name: held[name] for name in ("val", "test", "noisy")}
        facts = Facts(**json.loads((folder / FACTS).read_text(encoding="utf-8")))
    except (OSError, KeyError, ValueError, TypeError):
        return None
    if len(arrays["val"]) != len(data.val) or len(arrays["test"]) != len(data.test):
        return None
    return Record(arm, seed, **arrays, facts=facts)
