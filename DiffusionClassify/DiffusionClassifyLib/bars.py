"""Probabilities as bars with their intervals, drawn for a label of the panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import qt

# Okabe & Ito's blue and a grey, as in the report's figure: told apart with any colour vision.
SAID, OTHER = "#0072B2", "#9A9A9A"
WIDTH, ROW, BAR = 370, 26, 14  # pixels
NAME, NUMBER = 110, 44  # pixels for the class's name and for its number
LETTERS = 16  # of a name that fit


def draw_bars(label: Any, probabilities: Sequence[Mapping[str, Any]], answer: str) -> None:
    """A bar from 0 to 1 for each class, the answer's in colour, with the range of nine in ten samples as a whisker."""
    label.setVisible(bool(probabilities))
    if not probabilities:
        return
    picture = qt.QPixmap(WIDTH, ROW * len(probabilities))
    picture.fill(qt.QColor(0, 0, 0, 0))
    ink = label.palette.color(qt.QPalette.WindowText)
    painter = qt.QPainter()
    painter.begin(picture)
    painter.setPen(qt.QPen(ink))
    room = WIDTH - NAME - NUMBER
    for number, one in enumerate(probabilities):
        middle = ROW * number + ROW // 2
        name = one["name"] if len(one["name"]) <= LETTERS else one["name"][: LETTERS - 1] + "…"
        painter.drawText(0, middle + 5, name)
        painter.drawRect(NAME, middle - BAR // 2, room, BAR)
        colour = qt.QColor(SAID if one["name"] == answer else OTHER)
        painter.fillRect(NAME + 1, middle - BAR // 2 + 1, round((room - 1) * one["probability"]), BAR - 1, colour)
        ends = [NAME + round(room * one[end]) for end in ("low", "high")]
        painter.drawLine(ends[0], middle, ends[1], middle)
        for end in ends:
            painter.drawLine(end, middle - 4, end, middle + 4)
        painter.drawText(WIDTH - NUMBER + 8, middle + 5, f"{one['probability']:.2f}")
    painter.end()
    label.setPixmap(picture)
