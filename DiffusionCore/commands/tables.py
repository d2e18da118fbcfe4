"""Results on stdout: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..report.words import plain, shown

# A table's head and rows, and the files that it was written to.
Table = tuple[tuple[str, ...], list[tuple[Any, ...]], list[Path]]


def print_table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Columns as wide as their content, numbers with four digits; plain text that a script can cut as well."""
    cells = [[str(name) for name in head], *([shown(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for row in cells:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def print_json(content: Any) -> None:
    """One line of JSON, ASCII; numbers that JSON has no word for become null."""
    print(json.dumps(plain(content), allow_nan=False))
