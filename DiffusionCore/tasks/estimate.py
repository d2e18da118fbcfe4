"""How long a task will about take on a device: what one voxel costs there, measured once, times what there is to do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..progress import Progress
from .enhance import sampling_settings
from .options import EnhanceOptions

if TYPE_CHECKING:
    from ..models import Model

PROBE = 64  # voxels along each axis of the piece that is timed
TRIALS = 3


@dataclass(frozen=True)
class Estimate:
    """What to expect. `seconds` are the network's; `seconds_per_voxel` is the rate behind them, of one pass, which holds
    for this model, device and number of threads and may be kept."""

    seconds: float
    seconds_per_voxel: float
    device: str
    dtype: str
    cut: str
    memory_MiB: int
    network_passes: int


def estimate(
    shape: Sequence[int], model: Model, options: EnhanceOptions, *, seconds_per_voxel: float | None = None
) -> Estimate:
    """How a scan of `shape` (K, J, I) would be cut on which device, and about how long the network would take.

    seconds_per_voxel  the rate, where it is known from before; else a small piece is timed

    Raises `DeviceError` where the scan fits nowhere, `UsageError`.
    """
    from ..inference import Runner, choose_places, network_passes, parse_memory, threads

    memory = parse_memory(options.memory) if options.memory else None
    places = choose_places(options.device, memory=memory, fallback=not options.no_fallback)
    passes = network_passes(model.denoiser, model.process, sampling_settings(options), tuple(shape))
    with threads(options.threads):
        runner = Runner(
            model.denoiser,
            shape,
            places,
            arrays=2 if passes == 1 else 11,
            progress=Progress(),
            tile=options.tile,
        )
        rate = seconds_per_voxel or measured_rate(runner.placed.denoiser, runner.place)
    decided = runner.plan
    voxels = decided.padded[0] * decided.padded[1] * decided.padded[2] * decided.work_factor
    return Estimate(
        seconds=rate * voxels * passes,
        seconds_per_voxel=rate,
        device=decided.device,
        dtype=decided.dtype,
        cut=decided.in_words(),
        memory_MiB=round(decided.bytes / 2**20),
        network_passes=passes,
    )


def measured_rate(denoiser: Any, place: Any) -> float:
    """Seconds a voxel: the fastest of a few passes over a small piece. A rough figure, as caches and cores do otherwise
    on large ones."""
    import torch

    shape = (1, 1, *[PROBE] * 3) if denoiser.spatial_dims == 3 else (PROBE, 1, PROBE, PROBE)
    x = torch.zeros(shape, device=place.device)
    sigma = torch.full((shape[0], *[1] * (len(shape) - 1)), 0.05, device=place.device)
    t = torch.full((shape[0],), denoiser.num_train_timesteps, device=place.device)
    spent = []
    with torch.no_grad():
        for _ in range(TRIALS):
            started = time.perf_counter()
            float(denoiser(x, t, x, sigma).sum())  # reading the sum waits for a GPU to finish
            spent.append(time.perf_counter() - started)
    return min(spent) / PROBE**3
