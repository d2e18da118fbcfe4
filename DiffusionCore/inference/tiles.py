"""Where a volume is cut, and how a piece of it is taken: cores that fill it, each with the halo its answer depends on.

The scan is padded once as a whole, at its far ends, to multiples of the network's down-sampling, by reflection that
repeats where the pad is longer than the axis. The padded scan is never stored: `take` looks mirrored voxels up.
Every input begins at a multiple of the down-sampling and is cut off at the padded scan's border, where the network
meets the same zeros as it would with the whole scan: so the answers are those of the whole (but for rounding).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch

Box = tuple[tuple[int, int], ...]
"""(first, last + 1) voxel along each axis."""


class Span(NamedTuple):
    """One piece of an axis: voxels lo..hi are computed from input_lo..input_hi, which may reach into the padding."""

    lo: int
    hi: int
    input_lo: int
    input_hi: int


def whole(shape: Sequence[int]) -> Box:
    """The box of all voxels."""
    return tuple((0, length) for length in shape)


def sizes(box: Box) -> tuple[int, ...]:
    """The box's voxels along each axis."""
    return tuple(hi - lo for lo, hi in box)


def slices(box: Box, origin: Sequence[int]) -> tuple[slice, ...]:
    """The box as an index into an array whose first voxel is at `origin`."""
    return tuple(slice(lo - o, hi - o) for (lo, hi), o in zip(box, origin, strict=True))


def round_up(value: int, multiple: int) -> int:
    """The least multiple that is not below `value`."""
    return -(-value // multiple) * multiple


def spans(length: int, core: int, halo: int, multiple: int, lo: int = 0, hi: int | None = None) -> list[Span]:
    """Pieces of at most `core` voxels that fill lo..hi of an axis of `length` voxels, each with its aligned input."""
    hi = length if hi is None else hi
    padded = round_up(length, multiple)
    pieces = []
    for start in range(lo, hi, core):
        stop = min(start + core, hi)
        input_lo = max((start - halo) // multiple * multiple, 0)
        input_hi = min(round_up(stop + halo, multiple), padded)
        pieces.append(Span(start, stop, input_lo, input_hi))
    return pieces


def tiles(axes: Sequence[list[Span]]) -> Iterator[tuple[Box, Box]]:
    """(core, input) boxes of every combination of the axes' pieces, the last axis fastest."""
    for pieces in itertools.product(*axes):
        yield tuple((p.lo, p.hi) for p in pieces), tuple((p.input_lo, p.input_hi) for p in pieces)


def mirrored(positions: torch.Tensor, length: int) -> torch.Tensor:
    """Positions beyond an axis' ends as the voxels they mirror: 1 0 | 0 1 2 | 2 1 0 0 1 (repeated as needed)."""
    folded = positions.remainder(2 * length)
    return torch.minimum(folded, 2 * length - 1 - folded)


def take(volume: torch.Tensor, box: Box, shape: Sequence[int], origin: Sequence[int] = (0, 0, 0)) -> torch.Tensor:
    """The voxels of `box` of a scan of `shape`, padding included; a view where no padding is needed.

    `volume` holds the part of the scan that begins at `origin` and reaches far enough.
    """
    padded_axes = []
    for axis, ((lo, hi), length, start) in enumerate(zip(box, shape, origin, strict=True)):
        if hi <= length:
            volume = volume.narrow(axis, lo - start, hi - lo)
        else:
            padded_axes.append((axis, mirrored(torch.arange(lo, hi, device=volume.device), length) - start))
    for axis, index in padded_axes:
        volume = volume.index_select(axis, index)
    return volume


def depends_on(box: Box, shape: Sequence[int], halo: Sequence[int], multiple: Sequence[int]) -> Box:
    """The voxels of the scan that one pass over `box` needs, mirrored ones included."""
    needed = []
    for (lo, hi), length, reach, step in zip(box, shape, halo, multiple, strict=True):
        span = spans(length, hi - lo, reach, step, lo, hi)[0]
        first, last = span.input_lo, min(span.input_hi, length)
        if span.input_hi > length:
            first = min(first, int(mirrored(torch.arange(length, span.input_hi), length).min()))
        needed.append((first, last))
    return tuple(needed)


def voxels(box: Box) -> int:
    """How many voxels the box holds."""
    return math.prod(sizes(box))
