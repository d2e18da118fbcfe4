"""A task's result as JSON, with its voxels and other arrays as files of the private folder."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from ..volume import Volume
from ..volume.array_file import write_array
from .folder import PrivateFolder
from .requests import Told


class Packer:
    """Turns a result into what JSON can hold; `files` are the names written so far.

    poll  called before each file; raises to give up. Raises `OutputError` where a file cannot be written.
    """

    def __init__(self, folder: PrivateFolder, poll: Callable[[], None]) -> None:
        self.folder, self.poll = folder, poll
        self.files: list[str] = []

    def __call__(self, value: Any) -> Any:
        """`value` as JSON: dataclasses and pydantic models by their fields, NaN and infinity as null."""
        if value is None or isinstance(value, (bool, int, str)):
            return value.value if isinstance(value, Enum) else value
        if isinstance(value, (float, np.floating)):
            return float(value) if math.isfinite(value) else None
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, Volume):
            return {"volume": self.volume(value)}
        if isinstance(value, np.ndarray):
            return {"array": {"file": self.write(value), "shape": list(value.shape), "dtype": value.dtype.str}}
        if isinstance(value, BaseModel):
            return {name: self(getattr(value, name)) for name in type(value).model_fields}
        if is_dataclass(value):
            return {field.name: self(getattr(value, field.name)) for field in fields(value)}
        if isinstance(value, Mapping):
            return {str(key): self(part) for key, part in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self(part) for part in value]
        if isinstance(value, (Path, Enum)):
            return str(value if isinstance(value, Path) else value.value)
        raise TypeError(f"a result holds a {type(value).__name__}, which has no form in JSON")

    def volume(self, volume: Volume) -> dict[str, Any]:
        """A volume as the protocol has it; of its meta only what is plain and was added by the task."""
        return {
            "file": self.write(volume.voxels),
            "matrix": volume.ijk_to_ras.tolist(),
            "modality": volume.modality,
            "meta": {
                name: value
                for name, value in volume.meta.items()
                if name not in Told.model_fields and isinstance(value, (bool, int, float, str))
            },
        }

    def write(self, array: np.ndarray) -> str:
        """Write a file; gives its name."""
        self.poll()
        name = self.folder.new_name()
        self.files.append(name)
        write_array(self.folder.path / name, array)
        return name
