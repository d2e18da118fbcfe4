"""Figures before and after as a table node, which a table view shows and a scene keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import slicer
import vtk

from ..report.rows import report_rows, superres_rows
from ..report.words import shown

COLUMNS = ("figure", "before", "after")
ABOUT_THE_MEASURING = ("measured in", "voxels", "data range")  # in the report; they say nothing of the scan


def figure_rows(metrics: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(figure with its unit, before, after) in words, from the `metrics` of a result."""
    rows = superres_rows(metrics) if "consistency" in metrics else report_rows(metrics)
    return [(name, _word(old), _word(new)) for name, old, new in rows if not name.startswith(ABOUT_THE_MEASURING)]


def _word(value: Any) -> str:
    return "" if value == "" else shown(value)


def fill_table(node: Any, rows: Sequence[Sequence[str]], columns: Sequence[str] = COLUMNS) -> None:
    """Replace what a table node holds; text, as figures and their words stand side by side."""
    was = node.StartModify()
    try:
        node.RemoveAllColumns()
        for number, title in enumerate(columns):
            column = vtk.vtkStringArray()
            column.SetName(title)
            for row in rows:
                column.InsertNextValue(str(row[number]))
            node.AddColumn(column)
        node.SetUseColumnTitleAsColumnHeader(True)
        node.SetUseFirstColumnAsRowHeader(False)
        node.SetLocked(True)
    finally:
        node.EndModify(was)


def metrics_table(name: str, metrics: Mapping[str, Any], more: Sequence[tuple[str, Any, Any]] = ()) -> Any:
    """A new table node named `name` with the figures of a result, and `more` rows of (figure, before, after)."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", name)
    fill_table(node, [*figure_rows(metrics), *((words, _word(old), _word(new)) for words, old, new in more)])
    return node


def table_rows(node: Any) -> list[tuple[str, ...]]:
    """What a table node holds, row by row, as text."""
    table = node.GetTable()
    return [
        tuple(str(table.GetValue(row, column).ToString()) for column in range(table.GetNumberOfColumns()))
        for row in range(table.GetNumberOfRows())
    ]
