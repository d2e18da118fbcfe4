"""In which state the worker is, in one word, and who is told when it changes."""

from __future__ import annotations

from collections.abc import Callable

STATES = ("not installed", "ready", "starting", "running", "cancelling", "finished", "cancelled", "failed")
BUSY = ("starting", "running", "cancelling")


class WorkerState:
    """`state` is one of `STATES`, `sentence` says more in words."""

    def __init__(self) -> None:
        self.state, self.sentence = "ready", ""
        self._listeners: list[Callable[[str], None]] = []

    @property
    def busy(self) -> bool:
        """Whether a job is starting, running or being cancelled."""
        return self.state in BUSY

    def on_state_changed(self, listener: Callable[[str], None]) -> None:
        """Call `listener(state)` after each change of state."""
        self._listeners.append(listener)

    def forget_listener(self, listener: Callable[[str], None]) -> None:
        """Call it no more; its panel goes."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def set(self, state: str, sentence: str = "") -> None:
        """Be in another state."""
        self.state, self.sentence = state, sentence
        for listener in tuple(self._listeners):
            listener(state)
