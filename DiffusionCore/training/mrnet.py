"""Knee exams in the layout of MRNet: .npy stacks in a folder a plane, labels in CSV files without a heading.

    train/sagittal/0000.npy      uint8 (slices, 256, 256)
    train-abnormal.csv           0000,1
    valid/..., valid-acl.csv, ...

Source: Bien et al. 2018, doi:10.1371/journal.pmed.1002699. Its `valid` part is what validates here.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError

FOLDERS = {"train": "train", "val": "valid"}
FINDINGS = ("abnormal", "acl", "meniscus")


@dataclass(frozen=True, eq=False)
class Exam:
    """`voxels` (slices, J, I); `scale` the 99.5th percentile; `labels`: of each finding 0 or 1, where it is known."""

    name: str
    voxels: np.ndarray
    scale: float
    labels: dict[str, np.ndarray]


def read_mrnet(root: Path, plane: str, split: str) -> Iterator[Exam]:
    """The exams of one plane and split ("train", "val"), by number. Raises `InputError` where the layout is not this."""
    part = FOLDERS[split]
    folder = root / part / plane
    files = sorted(folder.glob("*.npy"))
    if not files:
        raise InputError(f"{folder}: no .npy exams; data.root must be the folder that holds train/ and valid/")
    known = {finding: read_findings(root / f"{part}-{finding}.csv") for finding in FINDINGS}
    for path in files:
        labels = {name: np.array([found[path.stem]]) for name, found in known.items() if path.stem in found}
        voxels = read_stack(path)
        scale = float(np.percentile(voxels, 99.5)) or 1.0
        yield Exam(f"{part}/{plane}/{path.name}", voxels, scale, labels)


def read_stack(path: Path) -> np.ndarray:
    """One exam (slices, J, I). A pickled object is refused, since it can run code when opened."""
    try:
        voxels = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: not a .npy file of numbers") from error
    if voxels.ndim != 3 or 0 in voxels.shape or voxels.dtype.kind not in "uif":
        raise InputError(f"{path}: an exam is a stack (slices, rows, columns), got {voxels.shape}")
    return voxels


def read_findings(path: Path) -> dict[str, float]:
    """The exam's number, as in its file name, to 0 or 1; nothing where there is no such file."""
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {row[0].strip().zfill(4): float(row[1]) for row in csv.reader(file) if row}
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: each line is an exam's number and 0 or 1") from error
