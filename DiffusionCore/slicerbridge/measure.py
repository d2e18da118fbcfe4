"""The noise of a scan, measured in turns of the event loop that are too short to be felt; numpy and scipy only."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import qt

from ..metrics import NoiseEstimate, estimates_by_slab

LONGEST = 0.05  # seconds of one turn
SIDE, LEAST_SIDE = 96, 64  # voxels in the plane that are looked at
CHANGED = 0.1  # from one turn to the next; below it the rest is not looked at


class NoiseMeasurement:
    """Tells the noise of the middle of a scan, first roughly and then better, until it is settled or stopped.

    `tell(estimate, settled)` is called from the event loop. One scan at a time: a new one takes the old one's place.
    """

    def __init__(self, tell: Callable[[NoiseEstimate, bool], None]) -> None:
        self.tell = tell
        self.longest_turn = 0.0
        self._steps: Iterator[NoiseEstimate] | None = None
        self._scan: tuple[np.ndarray, str, Sequence[float]] | None = None
        self._side = SIDE
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.connect("timeout()", self._turn)

    def begin(self, voxels: np.ndarray, modality: str, spacing: Sequence[float]) -> None:
        """Measure `voxels` (K, J, I), which are only read, from the next turn of the event loop on."""
        self.stop()
        self._scan, self._side = (voxels, modality, spacing), SIDE
        self._restart()

    def stop(self) -> None:
        """Forget the scan; nothing more is told."""
        self._timer.stop()
        self._steps = self._scan = None

    @property
    def busy(self) -> bool:
        """Whether more will be told."""
        return self._scan is not None

    def _restart(self) -> None:
        voxels, modality, spacing = self._scan
        self._steps = estimates_by_slab(middle(voxels, self._side), modality, spacing)
        self._last: NoiseEstimate | None = None
        self._timer.start()

    def _turn(self) -> None:
        if self._steps is None:
            return
        if "scipy.ndimage" not in sys.modules:
            import scipy.ndimage  # noqa: F401  a turn of its own: loading it is none of the measurement's

            self._timer.start()
            return
        started = time.perf_counter()
        estimate = next(self._steps, None)
        spent = time.perf_counter() - started
        self.longest_turn = max(self.longest_turn, spent)
        if spent > LONGEST and self._side > LEAST_SIDE and self._last is None:
            self._side = LEAST_SIDE  # a slow computer: look at less
            self._restart()
            return
        before, self._last = self._last, estimate or self._last
        done = estimate is None or settled(before, estimate)
        if self._last is not None and (estimate is not None or done):
            told = self._last
            if done:
                self.stop()
            self.tell(told, done)
        elif done:
            self.stop()
        if not done:
            self._timer.start()


def settled(before: NoiseEstimate | None, now: NoiseEstimate) -> bool:
    """Whether two slabs in a row said nearly the same, reliably."""
    if before is None or not (before.reliable and now.reliable) or now.sigma <= 0:
        return False
    return abs(before.sigma - now.sigma) < CHANGED * now.sigma


def middle(voxels: np.ndarray, side: int) -> np.ndarray:
    """The middle `side` rows and columns of every slice; a view."""
    cuts = [slice(max((size - side) // 2, 0), max((size - side) // 2, 0) + side) for size in voxels.shape[1:]]
    return voxels[:, cuts[0], cuts[1]]
