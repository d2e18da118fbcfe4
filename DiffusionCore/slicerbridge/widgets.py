"""What panels do to plain widgets: fill a choice, say why a control cannot be used, show a line, show rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import qt

ROW = 22  # pixels


def fill_choice(combo: Any, names: Sequence[str], chosen: str) -> None:
    """Let a combo box list these names, and show the one that is chosen: it is listed too, as a scene may say what this
    computer has not."""
    names = (*names, *([chosen] if chosen and chosen not in names else []))
    if tuple(combo.itemText(index) for index in range(combo.count)) != names:
        combo.clear()
        combo.addItems(list(names))
    if chosen in names and combo.currentIndex != names.index(chosen):
        combo.setCurrentIndex(names.index(chosen))


def allow(widget: Any, why_not: str, tip: str) -> None:
    """Enable a widget, or disable it with the reason as its tool tip."""
    widget.setEnabled(not why_not)
    widget.setToolTip(why_not or tip)


def say(label: Any, words: str) -> None:
    """Show words, or no line where there are none."""
    label.setText(words)
    label.setVisible(bool(words))


def show_rows(table: Any, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Show text row by row; the first column takes the room that the others leave."""
    table.setColumnCount(len(columns))
    table.setHorizontalHeaderLabels(list(columns))
    table.setRowCount(len(rows))
    for number, row in enumerate(rows):
        for column, words in enumerate(row):
            item = qt.QTableWidgetItem(words)
            item.setToolTip(words)
            table.setItem(number, column, item)
    header = table.horizontalHeader()
    header.setSectionResizeMode(0, qt.QHeaderView.Stretch)
    for column in range(1, len(columns)):
        header.setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)
    table.verticalHeader().setVisible(False)
    table.verticalHeader().setDefaultSectionSize(ROW)
    table.setWordWrap(False)
