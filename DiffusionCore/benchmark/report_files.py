"""The files of a benchmark's report: each appears whole or not at all, and replaces the one of an earlier run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from DiffusionCore.volume.atomic import atomic_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_text(path: Path, text: str) -> Path:
    """UTF-8."""
    with atomic_file(path, overwrite=True) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def write_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    """A line for `head`, one for each row."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return write_text(path, text.getvalue())


def write_figure(path: Path, figure: Figure) -> Path:
    """PNG on white."""
    with atomic_file(path, overwrite=True) as temporary:
        figure.savefig(temporary, format="png", dpi=110, facecolor="white")
    return path
