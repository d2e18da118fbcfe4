"""Cases: images as the network sees them, with their labels and subjects, and the closed list of readers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...errors import InputError, UsageError
from ..splits import data_root
from .config import ClassifyData
from .medmnist import read_medmnist
from .scans import read_split_scans

SplitName = Literal["train", "val", "test"]


@dataclass(frozen=True, eq=False)
class Cases:
    """N images.

    images    (N, K, J, I), normalised, in a compact type (bool for label maps, else float16)
    labels    (N,) int64, 0 to classes - 1
    subjects  (N,) whose image it is; names (N,) of the images, for tables
    spacing   mm along (K, J, I) of the images' voxels, the median
    """

    images: np.ndarray
    labels: np.ndarray
    subjects: tuple[str, ...]
    names: tuple[str, ...]
    spacing: tuple[float, float, float]


def read_cases(data: ClassifyData, split: SplitName, region: Sequence[int] = (1, 1, 1)) -> Cases:
    """All cases of one split; scans must have room for a `region` (K, J, I) of voxels.

    Raises `InputError` or `UsageError` if they aren't there or can't be learnt from.
    """
    root = data_root(data.root)
    if data.target == "medmnist":
        return Cases(*read_medmnist(data, root, split))
    return Cases(*read_split_scans(data, root, split, region))


def check_cases(splits: dict[str, Cases], classes: Sequence[str]) -> None:
    """Raises `InputError` unless training and validation both hold every class, and more than one subject trains;
    `UsageError` if a subject is in two splits."""
    seen: dict[str, str] = {}
    for split, cases in splits.items():
        for subject in set(cases.subjects):
            if seen.setdefault(subject, split) != split:
                raise UsageError(f"subject {subject} is in {seen[subject]} and in {split}; it must be in one")
        counts = np.bincount(cases.labels, minlength=len(classes))
        if missing := [name for name, count in zip(classes, counts, strict=True) if not count]:
            only = " and ".join(name for name, count in zip(classes, counts, strict=True) if count)
            raise InputError(
                f"{split} has no case of {missing[0]!r}, only of {only}; a classifier needs every class there"
            )
    if len(set(splits["train"].subjects)) < 2:
        raise InputError("all training cases are one subject's; a classifier needs several")
