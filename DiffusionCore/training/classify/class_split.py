"""The split file of scans with a class: made from folders, stratified by class, every subject in one split only."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from pydantic import Field, ValidationError

from ...errors import InputError, OutputError, UsageError
from ..section import Section

SPLITS = ("train", "val", "test")


class ClassEntry(Section):
    """A scan: its path under the data root, whose it is, and its class by name."""

    file: str
    subject: str
    label: str


class ClassSplit(Section):
    """The whole file."""

    train: tuple[ClassEntry, ...] = Field(min_length=1)
    val: tuple[ClassEntry, ...] = Field(min_length=1)
    test: tuple[ClassEntry, ...] = ()

    def entries(self, name: str) -> tuple[ClassEntry, ...]:
        return {"train": self.train, "val": self.val, "test": self.test}[name]


def load_class_split(path: Path, classes: Sequence[str]) -> ClassSplit:
    """The split in the JSON file at `path`. Raises `UsageError` if it is broken, a subject is in two splits, or a label is
    none of the classes."""
    try:
        split = ClassSplit.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"{path}: the split file can't be read ({error.strerror}); --make-split makes one") from error
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise UsageError(f"{path}: {'.'.join(map(str, problem['loc']))}: {problem['msg']}") from error
    except ValueError as error:
        raise UsageError(f"{path}: the split file is not JSON ({error})") from error
    seen: dict[str, str] = {}
    for name in SPLITS:
        for entry in split.entries(name):
            if entry.label not in classes:
                raise UsageError(
                    f"{path}: {entry.file} is labelled {entry.label!r}, which is none of {', '.join(classes)}"
                )
            if seen.setdefault(entry.subject, name) != name:
                raise UsageError(
                    f"{path}: subject {entry.subject} is in {seen[entry.subject]} and in {name}; it must be in one"
                )
    return split


def make_class_split(
    entries: Iterable[ClassEntry],
    shares: Sequence[float] = (0.64, 0.16, 0.2),
    seed: int = 0,
    most: int | None = None,
) -> ClassSplit:
    """Subjects dealt to train, val and test in `shares` of each class, by chance from `seed`.

    A subject with scans of several classes counts for the rarest of them. `most` subjects of each class at most are
    taken (S4: 100 of each). Shares of S4: 128 / 32 / 40 of 200. Raises `InputError` for a single class, or for a class
    with fewer subjects than splits.
    """
    entries = list(entries)
    rarity: dict[str, int] = defaultdict(int)
    of_subject: dict[str, list[ClassEntry]] = defaultdict(list)
    for entry in sorted(entries, key=lambda entry: entry.file):
        rarity[entry.label] += 1
        of_subject[entry.subject].append(entry)
    if len(rarity) < 2:
        raise InputError(f"all scans are of one class, {next(iter(rarity), 'none')!r}; a classifier needs two or more")
    strata: dict[str, list[str]] = defaultdict(list)
    for subject, scans in of_subject.items():
        strata[min((scan.label for scan in scans), key=lambda label: (rarity[label], label))].append(subject)
    rng = np.random.default_rng(seed)
    wanted = sum(share > 0 for share in shares)
    dealt: dict[str, list[ClassEntry]] = {name: [] for name in SPLITS}
    for label in sorted(rarity):
        subjects = strata[label]
        if len(subjects) < wanted:
            shared = sum(len({scan.label for scan in scans}) > 1 for scans in of_subject.values())
            same = f"; {shared} more names are in several classes, where they count as one person's" if shared else ""
            raise InputError(
                f"class {label!r} has {len(subjects)} subject{'s' * (len(subjects) != 1)}; with {wanted} splits each class "
                f"needs {wanted} or more{same}"
            )
        shuffled = [subjects[n] for n in rng.permutation(len(subjects))][:most]
        ends = np.cumsum(_counts(len(shuffled), shares))
        for name, begin, end in zip(SPLITS, [0, *ends], ends, strict=False):
            dealt[name] += [scan for subject in shuffled[begin:end] for scan in of_subject[subject]]
    return ClassSplit(**{name: tuple(sorted(scans, key=lambda s: s.file)) for name, scans in dealt.items()})


def _counts(total: int, shares: Sequence[float]) -> list[int]:
    """Whole numbers in the proportion of `shares` that sum to `total`, by largest remainder, none of them 0 that has a
    share."""
    exact = np.asarray(shares, float) / sum(shares) * total
    counts = np.floor(exact).astype(int)
    for n in np.argsort(-(exact - counts), kind="stable")[: total - counts.sum()]:
        counts[n] += 1
    for n in np.flatnonzero((counts == 0) & (exact > 0)):
        counts[counts.argmax()] -= 1
        counts[n] += 1
    return counts.tolist()


def write_class_split(split: ClassSplit, path: Path) -> Path:
    """Write the split as JSON, a scan a line. Raises `OutputError` if it can't be, or if a file is there already."""
    if path.exists():
        raise OutputError(
            f"{path}: a split is there already; a new one would mix up who was trained on and who was not"
        )
    parts = []
    for name in SPLITS:
        lines = ",\n    ".join(json.dumps(entry.model_dump(), ensure_ascii=False) for entry in split.entries(name))
        parts.append(f'  "{name}": [\n    {lines}\n  ]')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: the split can't be written ({error.strerror})") from error
    return path
