"""What is known of each image, by name: from a CSV file, or of a slice its height."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..models.card import LabelSpec
from ..networks import NO_LABEL
from .readers import Scan

HEIGHT = "z_fraction"


def labelled(scans: Sequence[Scan], names: Sequence[str], table: Path | None, slices: bool) -> list[Scan]:
    """The scans with their labels `names`, one number a scan, or one a slice. Raises `InputError` if the table is broken.

    Without a table, `z_fraction` of slice k of K is (k + 1/2) / K. What is not known is NaN.
    """
    rows = {} if table is None else read_table(table, names)
    found = []
    for scan in scans:
        count = len(scan.voxels) if slices else 1
        labels = {name: np.broadcast_to(values, count) for name, values in scan.labels.items()}
        if slices and HEIGHT not in labels:
            labels[HEIGHT] = (np.arange(count) + 0.5) / count
        for name in names if table is not None else ():
            of_scan = rows.get(Path(scan.name).name, {})
            labels[name] = np.array([of_scan.get(n if slices else 0, {}).get(name, np.nan) for n in range(count)])
        for name in names:
            labels.setdefault(name, np.full(count, np.nan))
        found.append(replace(scan, labels=labels))
    if names and scans and all(np.isnan(scan.labels[name]).all() for scan in found for name in names):
        raise InputError(f"nothing is known of {', '.join(names)}; synthesis.label_file must name the scans' files")
    return found


def read_table(path: Path, names: Sequence[str]) -> dict[str, dict[int, dict[str, float]]]:
    """file -> index -> label -> number, of a CSV with columns `stack` or `file`, maybe `index`, and the labels."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: the labels can't be read") from error
    table: dict[str, dict[int, dict[str, float]]] = {}
    for line, row in enumerate(rows, 2):
        name = row.get("stack") or row.get("file")
        if not name:
            raise InputError(f"{path}: labels need a column 'stack' or 'file' that names the scan")
        try:
            values = {label: float(row[label]) for label in names if row.get(label)}
            table.setdefault(Path(name).name, {})[int(row.get("index") or 0)] = values
        except ValueError as error:
            raise InputError(f"{path}: line {line} holds something that is no number") from error
    return table


def normalised_label(values: Sequence[float], specs: Sequence[LabelSpec]) -> np.ndarray:
    """Each value as a share of its range; what is not known as `NO_LABEL`."""
    shares = [(value - spec.low) / (spec.high - spec.low) for value, spec in zip(values, specs, strict=True)]
    return np.array([NO_LABEL if np.isnan(share) else share for share in shares], np.float32)
