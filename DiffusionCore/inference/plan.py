"""How a scan is cut so that a pass of the network fits into memory with the least work computed twice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from ..errors import DeviceError, UsageError
from .blend import starts
from .memory import in_words
from .tiles import Box, Span, round_up, sizes, spans, whole

SMALLEST = 16  # voxels along each axis of a core; below it nearly everything computed is halo
PATCH = 64  # voxels along each axis of the patches that are blended (what the `reference` family is trained on)


class Planned(Protocol):
    """What a planner asks of a denoiser (networks.Denoiser has it)."""

    spatial_dims: int
    downsampling: int
    exact_in_tiles: bool
    receptive_field: int | None

    def bytes_per_voxel(self, dtype: torch.dtype) -> float: ...


@dataclass(frozen=True)
class Plan:
    """One decision, in voxels along (K, J, I).

    kind         'whole', 'slabs' (cut along one axis), 'tiles' (along several), or 'patches' (overlapping, blended)
    shape        of the scan; `padded` is what the network sees of it, mirrored at the far ends
    core         what one call computes (a patch, where `kind` is 'patches')
    halo         the ring around a core that is computed and thrown away, before it is rounded up to `multiple`
    multiple     inputs begin and end at multiples of this, or at the padded scan's border
    batch        patches computed at once
    bytes        estimated peak of one call's activations
    work_factor  voxels computed over voxels of the padded scan; 1 is no waste
    device, dtype  where, and in which format
    """

    kind: str
    shape: tuple[int, ...]
    padded: tuple[int, ...]
    core: tuple[int, ...]
    halo: tuple[int, ...]
    multiple: tuple[int, ...]
    batch: int
    bytes: int
    work_factor: float
    device: str
    dtype: str

    def axes(self, box: Box) -> list[list[Span]]:
        """The pieces of `box` along each axis (not for patches)."""
        return [
            spans(length, core, halo, multiple, lo, hi)
            for length, core, halo, multiple, (lo, hi) in zip(
                self.shape, self.core, self.halo, self.multiple, box, strict=True
            )
        ]

    def in_words(self) -> str:
        """For a person: 'slabs of 64×256×256 voxels'."""
        size = "×".join(str(min(c, p)) for c, p in zip(self.core, self.padded, strict=True))
        return "the whole scan at once" if self.kind == "whole" else f"{self.kind} of {size} voxels"


def plan(
    shape: Sequence[int],
    denoiser: Planned,
    *,
    memory: int,
    device: torch.device,
    dtype: torch.dtype,
    tile: int | Sequence[int] | None = None,
    region: Box | None = None,
) -> Plan:
    """Decide how to run `denoiser` over a scan of `shape` (K, J, I), or over `region` of it, in `memory` bytes.

    An exact network gets the whole scan if that fits, else the cut that computes least twice: mostly the largest slabs
    along one axis, and tiles where memory is very short. A network that depends on its patch gets overlapping patches.
    A 2D network's slices are independent: along K nothing is computed twice. `tile` is a person's choice of the core.
    Raises `DeviceError` where not even the smallest tile fits, `UsageError` for a tile that is not positive.
    """
    shape = tuple(shape)
    region = region or whole(shape)
    flat = denoiser.spatial_dims == 2
    step = denoiser.downsampling
    multiple = (1 if flat else step, step, step)
    cost = denoiser.bytes_per_voxel(dtype)
    asked = None if tile is None else _asked(tile, multiple)
    if denoiser.exact_in_tiles:
        reach = denoiser.receptive_field or 0
        halo = (0 if flat else reach, reach, reach)
        return _exact(shape, region, multiple, halo, cost, memory, asked, device, dtype)
    return _patches(shape, flat, multiple, cost, memory, asked, device, dtype)


def _asked(tile: int | Sequence[int], multiple: Sequence[int]) -> tuple[int, ...]:
    size = (tile,) * 3 if isinstance(tile, int) else tuple(tile)
    if len(size) != 3 or min(size) < 1:
        raise UsageError(f"--tile must be one size above 0, or three, got {tile}")
    return tuple(round_up(s, m) for s, m in zip(size, multiple, strict=True))


def _exact(
    shape: tuple[int, ...],
    region: Box,
    multiple: tuple[int, ...],
    halo: tuple[int, ...],
    cost: float,
    memory: int,
    asked: tuple[int, ...] | None,
    device: torch.device,
    dtype: torch.dtype,
) -> Plan:
    extent = sizes(region)
    padded = tuple(round_up(length, m) for length, m in zip(shape, multiple, strict=True))
    if asked is not None:
        options = [[min(a, round_up(n, m))] for a, n, m in zip(asked, extent, multiple, strict=True)]
    else:
        options = [_core_sizes(n, m, SMALLEST if h else 1) for n, m, h in zip(extent, multiple, halo, strict=True)]
    pieces, total, longest = [], [], []
    for axis, cores in enumerate(options):
        cuts = [spans(shape[axis], c, halo[axis], multiple[axis], *region[axis]) for c in cores]
        pieces.append(np.array([len(cut) for cut in cuts], float))
        total.append(np.array([sum(s.input_hi - s.input_lo for s in cut) for cut in cuts], float))
        longest.append(np.array([max(s.input_hi - s.input_lo for s in cut) for cut in cuts], float))
    work, count, peak = _outer(total), _outer(pieces), cost * _outer(longest)
    if asked is None and peak.min() > memory:
        smallest = "×".join(str(cores[-1]) for cores in options)
        raise DeviceError(_too_little(device, peak.min(), memory, f"{smallest} tiles"))
    fits = np.ones_like(work, bool) if asked is not None else peak <= memory
    # least work, then fewest pieces, then whole rows and planes, which lie together in memory
    _, along_j, along_i = (index.ravel() for index in np.indices(work.shape))
    order = np.lexsort((along_j, along_i, count.ravel(), np.where(fits, work, np.inf).ravel()))
    best = np.unravel_index(order[0], work.shape)
    cut_axes = sum(int(pieces[axis][index] > 1) for axis, index in enumerate(best))
    return Plan(
        kind=("whole", "slabs", "tiles", "tiles")[cut_axes],
        shape=shape,
        padded=padded,
        core=tuple(options[axis][index] for axis, index in enumerate(best)),
        halo=halo,
        multiple=multiple,
        batch=1,
        bytes=int(peak[best]),
        work_factor=float(work[best]) / math.prod(round_up(n, m) for n, m in zip(extent, multiple, strict=True)),
        device=str(device),
        dtype=str(dtype).removeprefix("torch."),
    )


def _core_sizes(length: int, multiple: int, smallest: int) -> list[int]:
    """Sizes that cut an axis into 1, 2, 3, ... nearly equal cores of `smallest` or more, the largest first."""
    smallest = min(round_up(smallest, multiple), round_up(length, multiple))
    counts = range(1, -(-length // smallest) + 1)
    return sorted({max(round_up(-(-length // count), multiple), smallest) for count in counts}, reverse=True)


def _outer(factors: list[np.ndarray]) -> np.ndarray:
    return np.multiply.outer(np.multiply.outer(factors[0], factors[1]), factors[2])


def _patches(
    shape: tuple[int, ...],
    flat: bool,
    multiple: tuple[int, ...],
    cost: float,
    memory: int,
    asked: tuple[int, ...] | None,
    device: torch.device,
    dtype: torch.dtype,
) -> Plan:
    size = asked or tuple(round_up(PATCH, m) for m in multiple)
    if flat:
        size = (1, *size[1:])
    while asked is None and cost * math.prod(size) > memory:
        smaller = tuple(
            s if s <= max(SMALLEST, m) else round_up(s // 2, m) for s, m in zip(size, multiple, strict=True)
        )
        if smaller == size:
            what = "×".join(map(str, size)) + " patches"
            raise DeviceError(_too_little(device, cost * math.prod(size), memory, what))
        size = smaller
    counts = [len(starts(length, s)) for length, s in zip(shape, size, strict=True)]
    padded = tuple(max(length, s) for length, s in zip(shape, size, strict=True))
    # beyond a few million voxels a call gains nothing from a larger batch
    batch = max(min(int(memory / cost), 2**22) // math.prod(size), 1)
    batch = min(batch, math.prod(counts))
    return Plan(
        kind="patches",
        shape=shape,
        padded=padded,
        core=size,
        halo=(0, 0, 0),
        multiple=multiple,
        batch=batch,
        bytes=int(cost * batch * math.prod(size)),
        work_factor=math.prod(counts) * math.prod(size) / math.prod(padded),
        device=str(device),
        dtype=str(dtype).removeprefix("torch."),
    )


def _too_little(device: torch.device, needed: float, memory: int, what: str) -> str:
    advice = "free some memory or give more with --memory" if device.type == "cpu" else "try --device cpu"
    limits = f"need {in_words(needed)} and {in_words(max(memory, 0))} may be used"
    return f"{device} has too little memory: even {what} {limits}; {advice}"
