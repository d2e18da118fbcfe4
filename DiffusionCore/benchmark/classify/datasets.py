"""The cases that classifiers are compared on: MedMNIST's files, with whose each case is."""

from __future__ import annotations

import csv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from DiffusionCore.errors import InputError

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Source:
    """Where a data set lies under the data's root, and what it is.

    kind    "labelmap" or "volume", as on a model's card
    config  of our own training
    scale   of grey values: the stored value that becomes 1, as `data.scale` of that configuration
    bundled the model of these cases that comes with the program, none: ""
    """

    name: str
    title: str
    file: str
    index: str
    kind: str
    classes: tuple[str, str]
    config: str
    scale: float = 1.0
    bundled: str = ""


SOURCES = (
    Source(
        name="adrenal",
        title="AdrenalMNIST3D, 28³, official test split",
        file="classify/adrenalmnist3d.npz",
        index="",
        kind="labelmap",
        classes=("normal", "mass or hyperplasia"),
        config="configs/classify-adrenal.yaml",
        bundled="classify-adrenal",
    ),
    Source(
        name="adrenal-64",
        title="AdrenalMNIST3D, 64³, official test split",
        file="classify/adrenalmnist3d_64.npz",
        index="",
        kind="labelmap",
        classes=("normal", "mass or hyperplasia"),
        config="configs/classify-adrenal-64.yaml",
    ),
    Source(
        name="mr-sarcoma",
        title="MR T1 cubes of soft-tissue sarcoma, 24³ at 2 mm, 8 test subjects",
        file="classify/sts_mrt1_tumour24.npz",
        index="classify/index_sts.csv",
        kind="volume",
        classes=("other tissue", "sarcoma"),
        config="configs/classify-mr-sarcoma.yaml",
        scale=1050.0,
        bundled="classify-mr-sarcoma",
    ),
)


@dataclass(frozen=True, eq=False)
class Cases:
    """images (N, K, J, I) float32 as networks see them, labels (N,), subjects (N,)."""

    images: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    subjects: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int) -> Cases:
        """About `count` cases, as many of each class as there are, for a run that only shows that everything works."""
        kept = np.sort(np.concatenate([np.flatnonzero(self.labels == c)[: count // 2] for c in np.unique(self.labels)]))
        return Cases(self.images[kept], self.labels[kept], self.subjects[kept])


@dataclass(frozen=True, eq=False)
class Dataset:
    """The three splits of a source. What is tuned or chosen is so on `val`; `test` is only measured."""

    source: Source
    train: Cases
    val: Cases
    test: Cases


def find_source(name: str) -> Source:
    """The source of that name. Raises `InputError` naming those there are."""
    for source in SOURCES:
        if source.name == name:
            return source
    raise InputError(f"there is no data set {name!r}; there are {', '.join(s.name for s in SOURCES)}")


def read_dataset(source: Source, root: Path, *, most: int | None = None) -> Dataset:
    """Read a source under `root`, at most `most` cases of each split.

    Raises `InputError` if the files are not there or not as expected, or a subject is in two splits.
    """
    path = root / source.file
    try:
        with np.load(path) as stored:
            held = {name: stored[name] for split in SPLITS for name in (f"{split}_images", f"{split}_labels")}
    except FileNotFoundError:
        raise InputError(f"{path.name} is not under the data's folder; give --data") from None
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        raise InputError(f"{path.name} is no MedMNIST file: it must hold images and labels of three splits") from None
    splits = {}
    for split in SPLITS:
        labels = held[f"{split}_labels"].reshape(-1).astype(np.int64)
        images = as_trained_on(held[f"{split}_images"], source)
        cases = Cases(images, labels, subjects_of(root / source.index if source.index else None, split, len(labels)))
        splits[split] = cases if most is None else cases.first(most)
    check_apart(splits)
    return Dataset(source, **splits)


def as_trained_on(stored: npt.NDArray, source: Source) -> npt.NDArray[np.float32]:
    """Stored images as our own training sees them: a structure as 1, grey values over one scale for all cubes, never over a
    cube's own percentile, in half precision."""
    if source.kind == "labelmap":
        return (stored > 0).astype(np.float32)
    return (stored.astype(np.float32) / np.float32(source.scale)).astype(np.float16).astype(np.float32)


def subjects_of(index: Path | None, split: str, count: int) -> npt.NDArray[np.str_]:
    """(count,) whose each case is, by the index's columns split, index and subject; without one each is its own."""
    if index is None:
        return np.array([f"{split}/{n}" for n in range(count)])
    try:
        with index.open(newline="", encoding="utf-8") as file:
            found = {int(row["index"]): row["subject"] for row in csv.DictReader(file) if row["split"] == split}
    except (OSError, KeyError, ValueError):
        raise InputError(f"{index.name} is no table of cases: it must have the columns split, index, subject") from None
    if sorted(found) != list(range(count)):
        raise InputError(f"{index.name}: {split} has {len(found)} rows for {count} cases; give one a case")
    return np.array([found[n] for n in range(count)])


def check_apart(splits: dict[str, Cases]) -> None:
    """Raise `InputError` if a subject is in two splits, or a split lacks a class."""
    seen: dict[str, str] = {}
    for split, cases in splits.items():
        if len(np.unique(cases.labels)) < 2:
            raise InputError(f"{split} has cases of one class only; a classifier needs two")
        for subject in np.unique(cases.subjects):
            if seen.setdefault(str(subject), split) != split:
                raise InputError(f"subject {subject} is in {seen[str(subject)]} and in {split}; it must be in one")
