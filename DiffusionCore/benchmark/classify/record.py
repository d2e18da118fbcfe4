"""What one arm said with one seed, kept on disk, so that a comparison goes on where it was stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
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

    val: npt.NDArray[np.float64]
    test: npt.NDArray[np.float64]
    noisy: npt.NDArray[np.float64]
    facts: Facts


def predict_all(data: Dataset, predict: Predict, facts: Facts) -> Record:
    """Everything that is asked of a trained arm."""
    kind = data.source.kind
    noisy = [predict(spoiled(data.test.images, kind, level)) for level in LEVELS[kind]]
    return Record(predict(data.val.images), predict(data.test.images), np.stack(noisy), facts)


def write_record(folder: Path, record: Record) -> None:
    """Keep a record; the arrays last, as they say that it is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FACTS).write_text(json.dumps(asdict(record.facts), indent=2) + "\n", encoding="utf-8")
    temporary = folder / f".{ARRAYS}"
    with temporary.open("wb") as file:
        np.savez(file, val=record.val, test=record.test, noisy=record.noisy)
    temporary.replace(folder / ARRAYS)


def is_whole(folder: Path) -> bool:
    """Whether a record is kept there."""
    return (folder / ARRAYS).is_file()


def read_record(folder: Path) -> Record:
    """The record that is kept there."""
    with np.load(folder / ARRAYS) as held:
        arrays = {name: held[name] for name in ("val", "test", "noisy")}
    return Record(**arrays, facts=Facts(**json.loads((folder / FACTS).read_text(encoding="utf-8"))))
