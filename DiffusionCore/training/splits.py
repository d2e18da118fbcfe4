"""Which scans train, which validate, which test: a JSON file, in which a subject is in one split only."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import InputError, UsageError

DATA_VARIABLE = "DIFFUSIONCORE_DATA"


class Entry(BaseModel):
    """A file of a split.

    file     path under the data root
    subject  whose it is; several where the file is a stack of many subjects' slices
    noise    its own noise, in any unit that is the same in the whole split (used by `data.prefer_clean`)
    average  this many neighbouring slices are averaged to one (thin, noisy CT)
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    subject: str | tuple[str, ...]
    noise: float | None = Field(None, gt=0)
    average: int = Field(1, ge=1)

    @property
    def subjects(self) -> tuple[str, ...]:
        return (self.subject,) if isinstance(self.subject, str) else self.subject


class Split(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: tuple[Entry, ...] = Field(min_length=1)
    val: tuple[Entry, ...] = ()
    test: tuple[Entry, ...] = ()

    def entries(self, name: Literal["train", "val", "test"]) -> tuple[Entry, ...]:
        return {"train": self.train, "val": self.val, "test": self.test}[name]


def load_split(path: Path) -> Split:
    """The split in the JSON file at `path`. Raises `UsageError` if it is broken or a subject is in two splits."""
    try:
        split = Split.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"{path}: the split file can't be read ({error.strerror})") from error
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise UsageError(f"{path}: {place}: {problem['msg']}") from error
    except ValueError as error:
        raise UsageError(f"{path}: the split file is not JSON ({error})") from error
    seen: dict[str, str] = {}
    for name in ("train", "val", "test"):
        for entry in split.entries(name):
            for subject in entry.subjects:
                if seen.setdefault(subject, name) != name:
                    raise UsageError(
                        f"{path}: subject {subject} is in {seen[subject]} and in {name}; it must be in one"
                    )
    return split


def data_root(configured: Path | None) -> Path:
    """The folder of the scans: as configured, else from the environment. Raises `InputError` if there is none."""
    named = configured or os.environ.get(DATA_VARIABLE)
    if not named:
        raise InputError(f"where are the scans? Give data.root=FOLDER or set {DATA_VARIABLE}")
    root = Path(named)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder of scans; give data.root=FOLDER or set {DATA_VARIABLE}")
    return root
