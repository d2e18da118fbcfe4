"""Figures as rows of a table: what was measured before and after side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BEFORE, AFTER = " before", " after"


def before_and_after(figures: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """(name, before, after) of figures whose names say which they are; any other stands under "after"."""
    rows: dict[str, dict[str, Any]] = {}
    for name, value in figures.items():
        when = BEFORE if BEFORE in name else AFTER
        rows.setdefault(name.replace(when, "", 1), {})[when] = value
    return [(name, row.get(BEFORE, ""), row.get(AFTER, "")) for name, row in rows.items()]


def report_rows(figures: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """The rows of a report of `enhance`: without a reference, then against it where there was one."""
    rows = before_and_after({name: value for name, value in figures["without_reference"].items() if name != "note"})
    return rows + against_reference(figures)


def superres_rows(figures: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """The rows of `superres`: data consistency before and after the projection; then, against a reference, interpolated
    and super-resolved."""
    found = before_and_after({f"consistency {name}": value for name, value in figures["consistency"].items()})
    return found + against_reference(figures)


def against_reference(figures: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Rows of what was compared with a reference; none where there was none."""
    if "reference" in figures:
        before, after = figures["reference"]["before"], figures["reference"]["after"]
        return [(name, before.get(name, ""), after.get(name, "")) for name in {**before, **after}]
    return []
