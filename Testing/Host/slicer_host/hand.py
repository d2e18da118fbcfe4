"""Drives a panel as a hand would: only what can be seen and is enabled can be clicked or set, and the event loop runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from PySide6 import QtCore, QtWidgets

from . import ctk_buttons, ctk_numbers, mrml_widgets


class NotPossible(AssertionError):
    """A hand could not do this: the widget is hidden or disabled, or has no such choice."""


def require_usable(widget: QtWidgets.QWidget) -> None:
    """NotPossible unless a person could use the widget now."""
    name = widget.property("objectName") or type(widget).__name__
    if not widget.isEnabled():
        raise NotPossible(f"{name} is disabled; its tool tip says: {widget.property('toolTip')!r}")
    above = widget
    while above is not None and not above.isWindow():
        if above.isHidden():
            raise NotPossible(f"{name} is hidden")
        above = above.parentWidget()


def click(button: QtWidgets.QAbstractButton) -> None:
    """Press and release, then let events run."""
    require_usable(button)
    button.click()
    turn()


def set_value(widget: QtWidgets.QWidget, value: Any) -> None:
    """Set what the widget shows: a text, a number, a choice by its text, a node, yes or no."""
    require_usable(widget)
    if isinstance(widget, mrml_widgets.qMRMLNodeComboBox):
        widget.setCurrentNode(value)
        if widget.currentNode() is not value:
            raise NotPossible(f"{widget.property('objectName')} does not list this node")
    elif isinstance(widget, QtWidgets.QComboBox):
        index = widget.findText(value) if isinstance(value, str) else value
        if index < 0:
            raise NotPossible(f"{widget.property('objectName')} has no choice {value!r}")
        widget.setCurrentIndex(index)
        widget.activated.emit(index)
    elif isinstance(widget, QtWidgets.QAbstractButton):
        if widget.isChecked() != value:
            widget.click()
    elif isinstance(widget, QtWidgets.QLineEdit):
        widget.clear()
        widget.insert(value)
        widget.editingFinished.emit()
    elif isinstance(
        widget,
        (
            ctk_numbers.ctkSliderWidget,
            ctk_numbers.ctkDoubleSpinBox,
            QtWidgets.QAbstractSpinBox,
            QtWidgets.QAbstractSlider,
        ),
    ):
        if not widget.property("minimum") <= value <= widget.property("maximum"):
            raise NotPossible(
                f"{widget.property('objectName')} goes from {widget.property('minimum')} to {widget.property('maximum')}"
            )
        widget.setValue(value)
    else:
        raise TypeError(f"no hand for a {type(widget).__name__}")
    turn()


def open_section(button: ctk_buttons.ctkCollapsibleButton, opened: bool = True) -> None:
    """Open or close a collapsible section."""
    require_usable(button)
    button.setProperty("collapsed", not opened)
    turn()


def turn() -> None:
    """One turn of the event loop, and the objects that it was asked to delete go."""
    QtCore.QCoreApplication.processEvents()
    QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)


def wait_until(condition: Callable[[], Any], seconds: float = 30.0, what: str = "") -> Any:
    """Let the event loop run until the condition is true; AssertionError after so many seconds."""
    end = time.monotonic() + seconds
    loop = QtCore.QCoreApplication.eventDispatcher()
    timer = QtCore.QTimer()
    timer.setInterval(5)
    timer.start()
    while True:
        found = condition()
        if found:
            turn()
            return found
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds:g} s still not: {what or condition}")
        loop.processEvents(QtCore.QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
        QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)


def run_for(seconds: float) -> None:
    """Let the event loop run for so long."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= end, seconds + 60)


@dataclass
class Gaps:
    """Times between turns of the event loop, in seconds."""

    longest: float = 0.0
    turns: int = 0


@contextmanager
def event_loop_gaps(interval_ms: int = 5) -> Iterator[Gaps]:
    """Measure how long the application did not answer while the block ran: the longest time between two ticks of a timer."""
    gaps, last = Gaps(), [time.monotonic()]

    def tick() -> None:
        now = time.monotonic()
        gaps.longest = max(gaps.longest, now - last[0])
        gaps.turns += 1
        last[0] = now

    timer = QtCore.QTimer()
    timer.setTimerType(QtCore.Qt.TimerType.PreciseTimer)
    timer.setInterval(interval_ms)
    timer.timeout.connect(tick)
    timer.start()
    try:
        yield gaps
    finally:
        tick()
        timer.stop()
