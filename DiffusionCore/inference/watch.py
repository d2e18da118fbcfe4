"""Progress and cancel from inside a pass: a whole scan in one call may take many seconds."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator

from torch import nn

from ..progress import Progress

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def shares_of_work(denoiser: nn.Module) -> list[tuple[nn.Module, float]]:
    """The layers that take the time, each with its share of one pass (they add up to 1).

    By the denoiser's own `macs_by_layer()` of its `network` where it has one, else all convolutions alike.
    """
    if hasattr(denoiser, "macs_by_layer"):
        layers = {denoiser.network.get_submodule(name): macs for name, macs in denoiser.macs_by_layer().items()}
        layers = {layer: macs for layer, macs in layers.items() if isinstance(layer, CONVOLUTIONS)}
    else:
        layers = {layer: 1.0 for layer in denoiser.modules() if isinstance(layer, CONVOLUTIONS)}
    total = sum(layers.values()) or 1.0
    return [(layer, macs / total) for layer, macs in layers.items()]


@contextlib.contextmanager
def watched(shares: list[tuple[nn.Module, float]], report: Callable[[float], None]) -> Iterator[None]:
    """Within this context, call report(fraction of the pass done) before each layer; it may raise to end the pass."""
    done = 0.0

    def before(share: float) -> Callable[..., None]:
        def hook(*_: object) -> None:
            nonlocal done
            report(min(done, 1.0))
            done += share

        return hook

    handles = [layer.register_forward_pre_hook(before(share)) for layer, share in shares]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class Meter:
    """Turns the fractions of `passes` passes of a network into one that never falls, told every `interval` seconds."""

    def __init__(self, progress: Progress, passes: int, interval: float = 0.05) -> None:
        self.progress, self.passes, self.interval = progress, passes, interval
        self.done, self.highest, self.told = 0, 0.0, -math.inf

    def report(self, fraction: float) -> None:
        """`fraction` of the current pass is done. Raises `Cancelled` if the caller asked to stop."""
        now = time.monotonic()
        if now - self.told >= self.interval or fraction >= 1:
            self.told = now
            self.highest = max(self.highest, min((self.done + fraction) / self.passes, 1.0))
            self.progress.advance(self.highest)

    def next(self) -> None:
        """The current pass is over."""
        self.done += 1
