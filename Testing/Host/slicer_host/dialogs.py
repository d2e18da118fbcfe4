"""Modal dialogs: a test says beforehand how the person answers; one that nobody expected fails the test instead of hanging it."""

from __future__ import annotations

from collections import deque
from typing import Any

import slicer
from PySide6 import QtWidgets


class UnexpectedDialog(AssertionError):
    """A dialog opened that the test did not expect."""


class Dialogs:
    """`answer(button or path, saying=part of the text)` for each dialog to come; `shown` are the texts of those that came."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self._answers: deque[tuple[Any, str]] = deque()

    def answer(self, with_what: Any, saying: str = "") -> None:
        """The next dialog is answered so; its text must hold `saying`."""
        self._answers.append((with_what, saying))

    def left(self) -> int:
        """Answers that no dialog has asked for yet."""
        return len(self._answers)

    def clear(self) -> None:
        """Forget answers and texts."""
        self.shown.clear()
        self._answers.clear()

    def _next(self, text: str) -> Any:
        self.shown.append(text)
        if not self._answers:
            raise UnexpectedDialog(f"a dialog opened: {text}")
        answer, saying = self._answers.popleft()
        if saying not in text:
            raise UnexpectedDialog(f"a dialog with {saying!r} was expected, this one says: {text}")
        return answer

    def install(self) -> None:
        """Take the place of Qt's modal loops."""
        dialogs = self

        def run_box(box: Any) -> int:
            button = dialogs._next(f"{box.property('text')} {box.property('informativeText')}".strip())
            return button.value if hasattr(button, "value") else int(button)

        def run_dialog(dialog: Any) -> int:
            if slicer.app.testingEnabled():  # slicer.util.delayDisplay, which closes by itself
                dialogs.shown += [label.property("text") for label in dialog.findChildren(QtWidgets.QLabel)]
                return 0
            return int(dialogs._next(f"{type(dialog).__name__} {dialog.property('windowTitle')}"))

        for cls, run in ((QtWidgets.QDialog, run_dialog), (QtWidgets.QMessageBox, run_box)):
            cls.exec = cls.exec_ = run
        for name in ("getSaveFileName", "getOpenFileName", "getExistingDirectory", "getOpenFileNames"):
            setattr(QtWidgets.QFileDialog, name, staticmethod(self._file_dialog(name)))

    def _file_dialog(self, name: str) -> Any:
        def run(parent: Any = None, caption: str = "", directory: str = "", filter: str = "", *more: Any) -> Any:
            return self._next(f"{name} {caption}")  # PythonQt returns the path alone, without the chosen filter

        return run
