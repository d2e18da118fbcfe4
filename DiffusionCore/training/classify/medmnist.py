"""MedMNIST's .npz files: images and labels of three official splits in one file (Yang et al. 2023)."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import numpy as np

from ...errors import InputError
from .config import ClassifyData


def read_medmnist(data: ClassifyData, root: Path, split: str) -> tuple:
    """The fields of `Cases` of one split of a .npz.

    Raises `InputError` if the file, its labels, its sizes or its index are not as configured, or an image is constant.
    """
    path = root / data.file
    images, labels = _arrays(path, split)
    if images.ndim != 4 or images.shape[1:] != data.size:
        raise InputError(f"{path.name}: images are {_by(images.shape[1:])}, and data.size is {_by(data.size)}")
    if len(labels) != len(images):
        raise InputError(
            f"{path.name}: {split} has {len(images)} images and {len(labels)} labels; they must be as many"
        )
    if len(labels) and not (labels.min() >= 0 and labels.max() < len(data.classes)):
        raise InputError(
            f"{path.name}: labels go from {labels.min()} to {labels.max()}, and data.classes names {len(data.classes)}"
        )
    flat = images.reshape(len(images), -1)
    if (constant := np.flatnonzero(flat.min(axis=1) == flat.max(axis=1))).size:
        raise InputError(f"{path.name}: image {constant[0]} of {split} has one value everywhere; leave it out")
    if data.input == "labelmap":
        images = images > 0
    else:
        images = (images.astype(np.float32) / np.float32(data.scale)).astype(np.float16)
    names = tuple(f"{split}/{n}" for n in range(len(images)))
    subjects = names if data.index is None else _subjects(root / data.index, split, len(images))
    return images, labels, subjects, names, (data.spacing_mm,) * 3


def _arrays(path: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        with np.load(path) as stored:
            return stored[f"{split}_images"], stored[f"{split}_labels"].reshape(-1).astype(np.int64)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; is data.root right?") from None
    except KeyError as error:
        raise InputError(f"{path.name} holds no {error.args[0]}; a MedMNIST file has images and labels") from None
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path.name} can't be read as a .npz of arrays; is it damaged?") from error


def _subjects(path: Path, split: str, count: int) -> tuple[str, ...]:
    """Whose each image is, from a table with columns split, index and subject."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["split"] == split]
        found = {int(row["index"]): row["subject"] for row in rows}
    except OSError as error:
        raise InputError(f"{path}: the index can't be read ({error.strerror})") from error
    except (KeyError, ValueError) as error:
        raise InputError(f"{path.name}: an index is a CSV with the columns split, index and subject") from error
    if sorted(found) != list(range(count)):
        raise InputError(f"{path.name}: {split} has {len(found)} rows for {count} images; give one row an image")
    return tuple(found[n] for n in range(count))


def _by(size: tuple[int, ...]) -> str:
    return "×".join(map(str, size))
