"""Seconds of a network alone: passes on the CPU beside the machine's gemm rate, and on a GPU. Shapes are (K, J, I)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import TYPE_CHECKING

from DiffusionCore.benchmark.speed.measured import GemmRate, OnGPU, Pass
from DiffusionCore.benchmark.speed.process import resident_peak
from DiffusionCore.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import torch

    from DiffusionCore.diffusion import Process
    from DiffusionCore.networks import Denoiser

SIGMA = 0.05  # normalised


def gemm(size: int = 4096, repeats: int = 5) -> GemmRate:
    """GFLOP/s of torch's matrix product; bfloat16 only where the CPU has it."""
    import torch

    from DiffusionCore.inference import choose_dtype

    has_bfloat16 = choose_dtype(torch.device("cpu")) is torch.bfloat16
    return GemmRate(
        float32=gemm_rate(torch.float32, size, repeats),
        bfloat16=gemm_rate(torch.bfloat16, size, repeats) if has_bfloat16 else None,
    )


def gemm_rate(dtype: torch.dtype, size: int, repeats: int) -> float:
    import torch

    a = torch.ones(size, size, dtype=dtype)
    return 2 * size**3 / 1e9 / fastest(lambda: torch.mm(a, a), repeats + 1)


def network_pass(
    shape: Sequence[int],
    model: str | None = None,
    channels: Sequence[int] | None = None,
    dtype: str = "auto",
    memory: str | None = None,
    repeats: int = 3,
    gemm_size: int = 2048,
) -> Pass:
    """The one-step estimate of a scan by `sample_volume`, between two measurements of the gemm rate."""
    import torch

    from DiffusionCore.inference import choose_dtype, parse_memory, sample_volume

    denoiser, process = network(model, channels)
    y = torch.rand(tuple(shape), generator=torch.Generator().manual_seed(0))
    flop = 2 * denoiser.macs_per_voxel * y.numel()
    chosen = choose_dtype(torch.device("cpu"), dtype)
    rates = [gemm_rate(chosen, gemm_size, 2)]
    base = resident_peak()
    records = []
    for _ in range(repeats):
        samples = sample_volume(
            denoiser,
            y,
            SIGMA,
            process,
            device="cpu",
            dtype=dtype,
            memory=None if memory is None else parse_memory(memory),
        )
        records.append(samples.record)
        del samples
    peak = resident_peak()
    rates.append(gemm_rate(chosen, gemm_size, 2))
    return Pass(
        shape=tuple(shape),
        dtype=records[0].plan.dtype,
        seconds=min(record.seconds for record in records),
        gflop=flop / 1e9,
        plan=records[0].plan.in_words(),
        work_factor=records[0].plan.work_factor,
        gemm=max(rates),
        base_bytes=base,
        peak_bytes=peak,
    )


def on_gpu(shape: Sequence[int], steps: Sequence[int], model: str | None = None, repeats: int = 3) -> OnGPU:
    """An int16 array in main memory to an int16 array in main memory: normalise, copy, network, copy, round."""
    import numpy as np
    import torch

    from DiffusionCore.inference import SamplingSettings, devices_here, sample_volume
    from DiffusionCore.volume import Volume
    from DiffusionCore.volume.intensity import cast_like, normalisation_for

    if not devices_here()[0].startswith("cuda"):
        return OnGPU("", tuple(shape), {}, None)
    denoiser, process = network(model, None)
    voxels = np.random.default_rng(0).integers(0, 1000, tuple(shape), np.int16)

    def whole(count: int) -> np.ndarray:
        normalisation = normalisation_for(Volume(voxels, np.eye(4), "MR"), "p99.5")
        settings = SamplingSettings(steps=count)
        samples = sample_volume(denoiser, normalisation.apply(voxels), SIGMA, process, settings, device="cuda:0")
        return cast_like(normalisation.invert(samples.image.numpy()), voxels.dtype)

    seconds = {}
    for count in steps:
        whole(count)
        seconds[str(count)] = median(clocked(lambda count=count: whole(count)) for _ in range(repeats))
    return OnGPU(torch.cuda.get_device_name(0), tuple(shape), seconds, torch.cuda.max_memory_allocated())


def network(model: str | None, channels: Sequence[int] | None) -> tuple[Denoiser, Process]:
    """A model's denoiser and process; by default the installed one for MR; or random weights of some width."""
    import torch

    from DiffusionCore.diffusion import make_process
    from DiffusionCore.models import best_model, load_model
    from DiffusionCore.networks import DenoiserConfig, build_denoiser, unet_config

    if channels is None:
        loaded = load_model(model or best_model("enhance", "MR"))
        if loaded.denoiser.spatial_dims != 3 or loaded.denoiser.state != "residual":
            raise UsageError(f"speed is measured with a 3D model of the fast family; {loaded.card.name!r} is none")
        return loaded.denoiser, loaded.process
    process = make_process("cosine_zero_snr")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = DenoiserConfig(network=unet_config("fast", channels=tuple(channels)))
        return build_denoiser(config, process.signal, process.noise).eval().requires_grad_(False), process


def clocked(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def fastest(work: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of some calls: what other jobs on the machine disturb least."""
    return min(clocked(work) for _ in range(repeats))
