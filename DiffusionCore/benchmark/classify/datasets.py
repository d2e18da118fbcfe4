"""The data sets that classifiers are compared on, and their cases with whose each is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.errors import InputError

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Source:
    """A data set.

    config   of our own training, which says where its cases are and how networks see them
    kind     "labelmap" or "volume", as on a model's card
    bundled  the model of these cases that comes with the program, none: ""
    """

    name: str
    title: str
    config: str
    kind: str
    classes: tuple[str, str]
    bundled: str = ""


SOURCES = (
    Source(
        name="adrenal",
        title="AdrenalMNIST3D, 28³, official test split",
        config="configs/classify-adrenal.yaml",
        kind="labelmap",
        classes=("normal", "mass or hyperplasia"),
        bundled="classify-adrenal",
    ),
    Source(
        name="adrenal-64",
        title="AdrenalMNIST3D, 64³, official test split",
        config="configs/classify-adrenal-64.yaml",
        kind="labelmap",
        classes=("normal", "mass or hyperplasia"),
    ),
    Source(
        name="mr-sarcoma",
        title="MR T1 cubes of soft-tissue sarcoma, 24³ at 2 mm, 8 test subjects",
        config="configs/classify-mr-sarcoma.yaml",
        kind="volume",
        classes=("other tissue", "sarcoma"),
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

    def first(self, count: int) -> Dataset:
        """About `count` cases of each split."""
        return Dataset(self.source, **{split: getattr(self, split).first(count) for split in SPLITS})


def find_source(name: str) -> Source:
    """The source of that name. Raises `InputError` naming those there are."""
    for source in SOURCES:
        if source.name == name:
            return source
    raise InputError(f"there is no data set {name!r}; there are {', '.join(s.name for s in SOURCES)}")
