"""Which part of each level on the way up an asked part of the answer depends on; nothing else need be computed there.

The way down is needed nearly whole, since the bottleneck looks far. The way up looks less far with each level, and its
last level, at full resolution, is half of the work: a thin slab in a wide halo takes about half the time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .folding import layout

Window = tuple[tuple[int, int], ...]
"""(first, last + 1) position along each axis."""


def decoder_windows(keep: Window, sizes: Sequence[int], levels: int, convolutions: int) -> list[Window]:
    """What each level on the way up, full resolution first, must be given so that its answer serves `keep`.

    sizes         of full resolution; each level below has half of them
    convolutions  of one level, each of which looks one position far; full resolution has one more behind it
    """
    windows, wanted, reach = [], keep, convolutions + 1
    for _ in range(levels):
        wanted = tuple(
            (max(lo - reach, 0), min(hi + reach, size)) for (lo, hi), size in zip(wanted, sizes, strict=True)
        )
        windows.append(wanted)
        wanted, sizes, reach = coarser(wanted), [size // 2 for size in sizes], convolutions
    return windows


def coarser(window: Window, factor: int = 2) -> Window:
    """The window of a grid with a `factor`th of the positions that covers `window`."""
    return tuple((lo // factor, -(-hi // factor)) for lo, hi in window)


def finer(window: Window, factor: int = 2) -> Window:
    """The same window on a grid with `factor` times the positions."""
    return tuple((factor * lo, factor * hi) for lo, hi in window)


def cut(x: torch.Tensor, window: Window, held: Window) -> torch.Tensor:
    """`window` of x (N, C, *S), which holds `held`; x itself, or a tensor as convolutions like it."""
    if window == held:
        return x
    for axis, ((lo, hi), (start, _)) in enumerate(zip(window, held, strict=True), start=2):
        x = x.narrow(axis, lo - start, hi - lo)
    return x.contiguous(memory_format=layout(len(window)))


def whole(x: torch.Tensor) -> Window:
    """The window that is all of x (N, C, *S)."""
    return tuple((0, size) for size in x.shape[2:])
