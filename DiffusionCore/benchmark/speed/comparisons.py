"""The same work by others: MONAI's sliding window around the same network, and BM4D. Shapes are (K, J, I)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from DiffusionCore.benchmark.speed.measured import AgainstBM4D, SlidingWindow
from DiffusionCore.benchmark.speed.network import SIGMA, fastest, network
from DiffusionCore.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import torch

    from DiffusionCore.diffusion import Process
    from DiffusionCore.networks import Denoiser


def sliding_window(
    shape: Sequence[int],
    compared_shape: Sequence[int],
    roi: int,
    overlap: float = 0.25,
    model: str | None = None,
    repeats: int = 2,
) -> SlidingWindow:
    """MONAI's tiles against ours, one pass at t = T over the noisy head; differences in float32 on `compared_shape`."""
    import torch

    from DiffusionCore.benchmark.speed.input import SCALE, noisy_head
    from DiffusionCore.inference import place_denoiser, sample_volume

    denoiser, process = network(model, None)

    def scan(size: Sequence[int]) -> torch.Tensor:
        return torch.from_numpy(noisy_head(tuple(size)).voxels.astype("float32") / SCALE)

    def ours(y: torch.Tensor, **options: Any) -> tuple[torch.Tensor, str, str]:
        samples = sample_volume(denoiser, y, SIGMA, process, device="cpu", **options)
        return samples.image, samples.record.plan.in_words(), samples.record.plan.dtype

    def theirs(y: torch.Tensor, placed: Denoiser) -> torch.Tensor:
        from monai.inferers import sliding_window_inference

        size = [min(roi, length) for length in y.shape]
        return sliding_window_inference(
            y[None, None], size, 1, lambda patch: restored(placed, process, patch), overlap=overlap, mode="gaussian"
        )[0, 0]

    cpu = torch.device("cpu")
    with torch.no_grad():
        y = scan(shape)
        dtype = ours(y)[2]
        our_seconds = fastest(lambda: ours(y), repeats)
        placed = place_denoiser(denoiser, cpu, getattr(torch, dtype)).denoiser
        theirs(scan(compared_shape), placed)  # imports and first calls are not on the clock
        monai_seconds = fastest(lambda: theirs(y, placed), repeats)
        small = scan(compared_shape)
        whole = ours(small, dtype="float32", tile=max(compared_shape))[0]
        cut, plan, _ = ours(small, dtype="float32", tile=(max(roi // 2, 16), *compared_shape[1:]))
        blended = theirs(small, place_denoiser(denoiser, cpu, torch.float32).denoiser)
    return SlidingWindow(
        shape=tuple(shape),
        roi=roi,
        overlap=overlap,
        dtype=dtype,
        ours=our_seconds,
        monai=monai_seconds,
        compared_shape=tuple(compared_shape),
        our_plan=plan,
        our_difference=float((cut - whole).abs().max()),
        monai_difference=float((blended - whole).abs().max()),
    )


def restored(denoiser: Denoiser, process: Process, y: torch.Tensor) -> torch.Tensor:
    """The one-step estimate of a patch y (1, 1, K, J, I), as a person would write it without `inference`."""
    import torch

    sigma, level = torch.full((1, 1, 1, 1, 1), SIGMA), torch.full((1,), SIGMA)
    answer = denoiser(torch.zeros_like(y), torch.tensor([process.steps]), y, sigma, level)
    return denoiser.from_state(answer, y, sigma)


def bm4d(shape: Sequence[int], crop: Sequence[int], model: str | None = None) -> AgainstBM4D:
    """BM4D and ours on the central `crop` of the head of `shape`, both told the true sigma."""
    import numpy as np

    from DiffusionCore.benchmark.rivals import NoisyScan, parameters_for, rival
    from DiffusionCore.benchmark.speed.input import NOISE, SCALE, clean_head, noisy_head
    from DiffusionCore.inference import sample_volume
    from DiffusionCore.metrics import psnr, tissue_mask

    region = tuple(slice((n - c) // 2, (n - c) // 2 + c) for n, c in zip(shape, crop, strict=True))
    truth = clean_head(tuple(shape))
    clean = truth.voxels[region] / np.float32(SCALE)
    tissue = tissue_mask(truth.voxels, "MR")[region]
    noisy = noisy_head(tuple(shape)).voxels[region].astype(np.float32) / np.float32(SCALE)
    denoiser, process = network(model, None)
    method = rival("bm4d")
    if reason := method.missing():
        raise UsageError(f"BM4D is {reason}")

    def ours() -> np.ndarray:
        return sample_volume(denoiser, noisy, NOISE, process, device="cpu").image.numpy()

    our_image, our_seconds = ours(), fastest(ours, 3)
    scan = NoisyScan(noisy, NOISE, "MR", truth.spacing)
    import_module(method.module)  # not on the clock
    started = time.perf_counter()
    their_image = method.run(scan, **parameters_for(method, "MR", NOISE, []))
    their_seconds = time.perf_counter() - started
    return AgainstBM4D(
        shape=tuple(crop),
        sigma=NOISE,
        ours=our_seconds,
        bm4d=their_seconds,
        psnr_input=psnr(noisy, clean, 1.0, tissue),
        psnr_ours=psnr(our_image, clean, 1.0, tissue),
        psnr_bm4d=psnr(their_image, clean, 1.0, tissue),
    )
