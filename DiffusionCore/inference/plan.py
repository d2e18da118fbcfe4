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
WHOLE = (
    2**30
)  # bytes; a larger scan is streamed on a CPU even if it fits: that takes no longer and a fraction of the memory
CHUNKS = (8, 4, 2)  # slices streamed at once, the best first
LARGE_CHUNKS = (32, 16, 8, 4, 2)  # where a call costs more to start
PATCH = 64  # voxels along each axis of the patches that are blended (what the `reference` family is trained on)


class Planned(Protocol):
    """What a planner asks of a denoiser (networks.Denoiser has it)."""

    spatial_dims: int
    downsampling: int
    exact_in_tiles: bool
    receptive_field: int | None
    streams: bool

    def bytes_per_voxel(self, dtype: torch.dtype) -> float: ...

    def bytes_per_column(self, dtype: torch.dtype, chunk: int) -> float: ...


@dataclass(frozen=True)
class Plan:
    """One decision, in voxels along (K, J, I).

    kind         'whole', 'stream' (layer by layer over a moving stack of slices), 'slabs' (cut along one axis), 'tiles'
                 (along several), or 'patches' (overlapping, blended)
    shape        of the scan; `padded` is what the network sees of it, mirrored at the far ends
    core         what one call computes (a patch, where `kind` is 'patches')
    halo         the ring around a core that is computed and thrown away, before it is rounded up to `multiple`
    multiple     inputs begin and end at multiples of this, or at the padded scan's border
    batch        patches computed at once, or slices streamed at once
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
        if self.kind == "stream":
            return f"{self.batch} slices at a time, layer by layer, through {size} voxels"
        return "the whole scan at once" if self.kind == "whole" else f"{self.kind} of {size} voxels"


@dataclass(frozen=True)
class Job:
    """What every plan starts from: the scan, the region asked for, the network's grid and halo, and the place."""

    shape: tuple[int, ...]
    region: Box
    multiple: tuple[int, ...]
    halo: tuple[int, ...]
    memory: int
    device: torch.device
    dtype: torch.dtype

    def planned(self, kind: str, core: tuple[int, ...], batch: int, peak: float, work_factor: float) -> Plan:
        """The plan, once it is decided."""
        if kind == "patches":
            padded = tuple(max(length, size) for length, size in zip(self.shape, core, strict=True))
        else:
            padded = tuple(round_up(length, m) for length, m in zip(self.shape, self.multiple, strict=True))
        place = (str(self.device), str(self.dtype).removeprefix("torch."))
        return Plan(kind, self.shape, padded, core, self.halo, self.multiple, batch, int(peak), work_factor, *place)

    def too_little(self, needed: float, what: str) -> DeviceError:
        """The sentence for a place where not even `what` fits."""
        advice = "free some memory or give more with --memory" if self.device.type == "cpu" else "try --device cpu"
        limits = f"need {in_words(needed)} and {in_words(max(self.memory, 0))} may be used"
        return DeviceError(f"{self.device} has too little memory: even {what} {limits}; {advice}")


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

    An exact network gets the whole scan if that fits (on a CPU: if it is small), else it is streamed if it can be, else
    it gets the cut that computes least twice: mostly the largest slabs along one axis, and tiles where memory is very
    short. A network that depends on its patch gets overlapping patches. A 2D network's slices are independent: along K
    nothing is computed twice. `tile` is a person's choice of the core.
    Raises `DeviceError` where not even the smallest tile fits, `UsageError` for a tile that is not positive.
    """
    shape = tuple(shape)
    flat, step, exact = denoiser.spatial_dims == 2, denoiser.downsampling, denoiser.exact_in_tiles
    multiple = (1 if flat else step, step, step)
    reach = (denoiser.receptive_field or 0) if exact else 0
    job = Job(shape, region or whole(shape), multiple, (0 if flat else reach, reach, reach), memory, device, dtype)
    asked = None if tile is None else _asked(tile, multiple)
    if not exact:
        return _patches(job, flat, denoiser.bytes_per_voxel(dtype), asked)
    extent = sizes(job.region)
    if asked is not None:
        cores = [[min(a, round_up(n, m))] for a, n, m in zip(asked, extent, multiple, strict=True)]
        return _least_work(job, cores, denoiser.bytes_per_voxel(dtype), math.inf)
    cores = [_core_sizes(n, m, SMALLEST if h else 1) for n, m, h in zip(extent, multiple, job.halo, strict=True)]
    chosen = _streamed(job, cores, denoiser) if denoiser.streams else None
    chosen = chosen or _least_work(job, cores, denoiser.bytes_per_voxel(dtype), memory)
    if chosen.bytes > memory:
        raise job.too_little(chosen.bytes, "×".join(map(str, chosen.core)) + " tiles")
    return chosen


def _asked(tile: int | Sequence[int], multiple: Sequence[int]) -> tuple[int, ...]:
    size = (tile,) * 3 if isinstance(tile, int) else tuple(tile)
    if len(size) != 3 or min(size) < 1:
        raise UsageError(f"--tile must be one size above 0, or three, got {tile}")
    return tuple(round_up(s, m) for s, m in zip(size, multiple, strict=True))


def _core_sizes(length: int, multiple: int, smallest: int) -> list[int]:
    """Sizes that cut an axis into 1, 2, 3, ... nearly equal cores of `smallest` or more, the largest first."""
    smallest = min(round_up(smallest, multiple), round_up(length, multiple))
    counts = range(1, -(-length // smallest) + 1)
    return sorted({max(round_up(-(-length // count), multiple), smallest) for count in counts}, reverse=True)


def _streamed(job: Job, cores: list[list[int]], denoiser: Planned) -> Plan | None:
    """The whole scan where that is best, else a stream, through columns where its slices are large; None if none fits."""
    on_cpu = job.device.type == "cpu"
    at_once = _least_work(job, [sizes[:1] for sizes in cores], denoiser.bytes_per_voxel(job.dtype), math.inf)
    if at_once.bytes <= (min(job.memory, WHOLE) if on_cpu else job.memory):
        return at_once
    columns = [cores[0][:1], *cores[1:]]
    streams = [
        _least_work(job, columns, denoiser.bytes_per_column(job.dtype, chunk), job.memory, chunk)
        for chunk in (CHUNKS if on_cpu else LARGE_CHUNKS)
    ]
    fitting = [stream for stream in streams if stream.bytes <= job.memory]
    return min(fitting, key=lambda stream: stream.work_factor, default=None)


def _least_work(job: Job, cores: list[list[int]], cost: float, memory: float, chunk: int = 0) -> Plan:
    """Of all combinations of the axes' core sizes that fit into `memory` the one that computes least, or the smallest.

    `cost` is in bytes per voxel of the input; with a `chunk`, per voxel of a slice, however many slices there are.
    """
    pieces, total, longest = [], [], []
    for axis, options in enumerate(cores):
        cuts = [spans(job.shape[axis], c, job.halo[axis], job.multiple[axis], *job.region[axis]) for c in options]
        pieces.append(np.array([len(cut) for cut in cuts], float))
        total.append(np.array([sum(s.input_hi - s.input_lo for s in cut) for cut in cuts], float))
        longest.append(np.array([max(s.input_hi - s.input_lo for s in cut) for cut in cuts], float))
    if chunk:
        longest[0] = np.ones_like(longest[0])
    work, count, peak = _outer(total), _outer(pieces), cost * _outer(longest)
    # least work, then fewest pieces, then whole rows and planes, which lie together in memory
    _, along_j, along_i = (index.ravel() for index in np.indices(work.shape))
    wanted = np.where(peak <= max(memory, peak.min()), work, np.inf)
    order = np.lexsort((along_j, along_i, count.ravel(), wanted.ravel()))
    best = np.unravel_index(order[0], work.shape)
    cut_axes = sum(int(pieces[axis][index] > 1) for axis, index in enumerate(best))
    voxels = math.prod(round_up(n, m) for n, m in zip(sizes(job.region), job.multiple, strict=True))
    return job.planned(
        kind="stream" if chunk else ("whole", "slabs", "tiles", "tiles")[cut_axes],
        core=tuple(cores[axis][index] for axis, index in enumerate(best)),
        batch=chunk or 1,
        peak=peak[best],
        work_factor=float(work[best]) / voxels,
    )


def _outer(factors: list[np.ndarray]) -> np.ndarray:
    return np.multiply.outer(np.multiply.outer(factors[0], factors[1]), factors[2])


def _patches(job: Job, flat: bool, cost: float, asked: tuple[int, ...] | None) -> Plan:
    """Overlapping patches, halved until one fits, as many at once as memory and use allow."""
    size = asked or tuple(round_up(PATCH, m) for m in job.multiple)
    if flat:
        size = (1, *size[1:])
    while asked is None and cost * math.prod(size) > job.memory:
        smaller = tuple(
            s if s <= max(SMALLEST, m) else round_up(s // 2, m) for s, m in zip(size, job.multiple, strict=True)
        )
        if smaller == size:
            raise job.too_little(cost * math.prod(size), "×".join(map(str, size)) + " patches")
        size = smaller
    count = math.prod(len(starts(length, s)) for length, s in zip(job.shape, size, strict=True))
    # beyond a few million voxels a call gains nothing from a larger batch
    batch = min(max(min(int(job.memory / cost), 2**22) // math.prod(size), 1), count)
    padded = math.prod(max(length, s) for length, s in zip(job.shape, size, strict=True))
    return job.planned("patches", size, batch, cost * batch * math.prod(size), count * math.prod(size) / padded)
