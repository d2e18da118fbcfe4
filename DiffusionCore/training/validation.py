"""Validation: fixed crops of the validation subjects with fixed noise, restored and compared with the target."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import torch

from ..diffusion import Process, ddim, initial_state, timesteps
from ..networks.denoiser import Denoiser
from .config import TrainingConfig
from .corruption import make_corruption
from .examples import ExampleSource
from .readers import Scan
from .sampling import region

TISSUE = {"p99.5": 0.05, "hu": -0.5, "none": 0.05}


def validation_items(config: TrainingConfig, source: ExampleSource) -> list[dict]:
    """What is validated on, one dictionary per crop and noise level: `x`, `y`, `sigma` (1, 1, *size), `tissue` bool,
    `level` and `name`. An unconditional model is validated on eight fixed batches of examples instead."""
    if source.corrupt is None:
        size = config.trainer.batch_size
        return [{"name": "loss", **source.batch(step, range(size))} for step in range(8)]
    wanted = config.validation.scans
    scans = [scan for scan in source.scans if not wanted or any(part in scan.name for part in wanted)]
    items = []
    for scan in scans:
        for x in _crops(scan, config):
            for level in config.validation.levels:
                items.append(_item(scan.name, x, level, config))
    return items


def _crops(scan: Scan, config: TrainingConfig) -> list[np.ndarray]:
    """Crops spread along the scan's first axis (2D: slices), centred in the others on the tissue's middle."""
    patch = config.data.patch
    size = config.validation.size or tuple(2 * s for s in patch)
    flat = len(size) == 2
    full = (1, *size) if flat else tuple(size)
    shape = scan.voxels.shape
    # a crop stays a multiple of the patch's own divisor, and within the scan where the scan is large enough
    full = tuple(
        min(f, max(p, n // 8 * 8)) for f, p, n in zip(full, (1, *patch) if flat else patch, shape, strict=True)
    )
    middle = np.median(scan.tissue, axis=0).astype(int) if len(scan.tissue) else np.array(shape) // 2
    count = config.validation.crops
    firsts = np.linspace(0, shape[0], count + 2)[1:-1].astype(int) if count > 1 or flat else [middle[0]]
    crops = []
    for first in firsts:
        centre = (first, *middle[1:])
        start = [int(np.clip(c - f // 2, 0, max(0, n - f))) for c, f, n in zip(centre, full, shape, strict=True)]
        block = region(scan, start, full)
        crops.append(block[0] if flat else block)
    return crops


def _item(name: str, x: np.ndarray, level: float, config: TrainingConfig) -> dict:
    rng = np.random.default_rng([zlib.crc32(name.encode()), round(level * 1e6)])
    noisy = make_corruption(config.degradation)(x, level, rng)
    sigma = np.broadcast_to(noisy.sigma, x.shape).astype(np.float32)
    tensors = {"x": x, "y": noisy.y, "sigma": sigma, "tissue": x > TISSUE[config.data.normalisation]}
    return {"name": name, "level": level, **{k: torch.from_numpy(v)[None, None] for k, v in tensors.items()}}


def restore(denoiser: Denoiser, process: Process, y: torch.Tensor, sigma: torch.Tensor, steps: int) -> torch.Tensor:
    """The clean image (N, 1, *S) that the model makes of y: the conditional mean in one step from zeros at t = T where
    the process ends without signal, else DDIM from fixed noise."""
    state = torch.zeros_like(y)
    if steps > 1 or process.signal[-1] > 0:
        generator = torch.Generator().manual_seed(0)
        epsilon = torch.randn(y.shape, generator=generator).to(y.device)
        state = initial_state(process, process.steps, epsilon)

    def denoise(x_t: torch.Tensor, t: int) -> torch.Tensor:
        return denoiser(x_t, torch.full((len(y),), t, device=y.device), y, sigma)

    for _, x0_hat in ddim(denoise, state, process, timesteps(process.steps, steps)):
        last = x0_hat
    return denoiser.from_state(last, y, sigma)


def generate(
    denoiser: Denoiser, process: Process, shape: Sequence[int], steps: int = 50, seed: int = 0
) -> torch.Tensor:
    """Images (N, 1, *S) of an unconditional model, normalised, by DDIM with clipping to the data's range."""
    device = denoiser.signal.device
    epsilon = torch.randn(tuple(shape), generator=torch.Generator().manual_seed(seed)).to(device)

    def denoise(x_t: torch.Tensor, t: int) -> torch.Tensor:
        return denoiser(x_t, torch.full((shape[0],), t, device=device))

    start = initial_state(process, process.steps, epsilon)
    for x, _ in ddim(denoise, start, process, timesteps(process.steps, steps), clip=(-1.0, 1.0)):
        last = x
    return denoiser.from_state(last, None, None)


def psnr(image: torch.Tensor, target: torch.Tensor, tissue: torch.Tensor, window: tuple[float, float] | None) -> float:
    """dB inside `tissue`, data range 1 (MR: p99.5) or a window's width, to which both are clipped first (CT)."""
    low, high = window or (0.0, 1.0)
    if window is not None:
        image, target = image.clamp(low, high), target.clamp(low, high)
    error = (image - target)[tissue].double().square().mean()
    return float(10 * torch.log10((high - low) ** 2 / error.clamp_min(1e-20)))
