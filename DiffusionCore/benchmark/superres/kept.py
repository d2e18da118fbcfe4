"""What was measured of a method on a scan, kept on disk: a run that was stopped goes on, and parts of it can be run apart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from DiffusionCore.benchmark.superres.cases import Case
from DiffusionCore.benchmark.superres.methods import Method
from DiffusionCore.benchmark.superres.pictures import Panel
from DiffusionCore.benchmark.superres.scores import Row
from DiffusionCore.metrics import Blocks
from DiffusionCore.volume.atomic import atomic_file

MEASURED = 2  # to be raised when something else is measured, or otherwise


@dataclass(frozen=True, eq=False)
class Kept:
    """The rows of one method on one case, and the part of its result that pictures show."""

    rows: tuple[Row, ...]
    panel: Panel


def place_of(folder: Path, case: Case, method: Method, scan: Path, size: Sequence[int] | None) -> Path:
    """The file under `folder` for a method on a case: named after all that its result depends on."""
    described = json.dumps([MEASURED, asdict(case), method.name, method.made_of, size])
    digest = hashlib.sha256(described.encode())
    digest.update(scan.read_bytes())
    return folder / f"{method.name}-{digest.hexdigest()[:20]}.npz"


def read_kept(path: Path, case: Case) -> Kept | None:
    """What is kept there; None if nothing is."""
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as found:
        record = json.loads(str(found["record"]))
        rows = []
        for number, row in enumerate(record["rows"]):
            known = f"sums{number}" in found
            errors = Blocks(found[f"sums{number}"], found[f"counts{number}"]) if known else None
            rows.append(Row(case, **row, errors=errors))
        return Kept(tuple(rows), Panel(found["image"], **record["panel"]))


def write_kept(path: Path, kept: Kept) -> None:
    """Keep it; the file appears when it is whole."""
    rows = [{name: value for name, value in vars(row).items() if name not in ("case", "errors")} for row in kept.rows]
    panel = {name: value for name, value in vars(kept.panel).items() if name != "image"}
    arrays = {"image": kept.panel.image}
    for number, row in enumerate(kept.rows):
        if row.errors is not None:
            arrays |= {f"sums{number}": row.errors.sums, f"counts{number}": row.errors.counts}
    with atomic_file(path, overwrite=True) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, record=json.dumps({"rows": rows, "panel": panel}), **arrays)
