"""Validation: fixed crops of the validation subjects with fixed noise, restored and compared with the target."""

from __future__ import annotations

import zlib

import numpy as np
import torch

from ..diffusion import Process, ddim, initial_state, timesteps
from ..networks.denoiser import Denoiser
from .config import TrainingConfig
from .corruption import Noisy, make_corruption
from .examples import ExampleSource
from .lowering import make_lowering, without_margin
from .readers import Scan, tissue_above
from .sampling import region


def validation_items(config: TrainingConfig, source: ExampleSource) -> list[dict]:
    """What is validated on, one dictionary per crop and noise level: `x`, `y`, `sigma` (1, 1, *size), `tissue` bool,
    `level` and `name`. An unconditional model is validated on eight fixed batches of examples instead."""
    if source.corrupt is None:
        size = config.trainer.batch_size
        return [{"name": "loss", **source.batch(step, range(size))} for step in range(8)]
    wanted = config.validation.scans
    items = []
    for n, scan in enumerate(source.scans):
        if not wanted or any(part in scan.name for part in wanted):
            for start, size in _crops(scan, config):
                items += [_item(source, n, start, size, level) for level in config.validation.levels]
    # where there is no tissue there is no figure, and one NaN would be the mean of all
    return [item for item in items if item["tissue"].any()]


def _crops(scan: Scan, config: TrainingConfig) -> list[tuple[list[int], tuple[int, ...]]]:
    """Blocks (start in the scan, size in voxels of the target), spread along the scan's first axis (2D: slices), in the
    others about the tissue's middle."""
    patch, shape, factor = config.data.patch, scan.voxels.shape, target_factor(config)
    size = config.validation.size or tuple(2 * s for s in patch)
    if len(size) == 2:
        size, patch = (1, *size), (1, *patch)
    # a crop is a multiple of 8 like any patch, and within the scan where the scan is large enough
    size = tuple(min(s, max(p, n // factor // 8 * 8)) for s, p, n in zip(size, patch, shape, strict=True))
    extent = [factor * s for s in size]
    middle = np.median(scan.tissue, axis=0).astype(int) if len(scan.tissue) else np.array(shape) // 2
    count = config.validation.crops
    firsts = [middle[0]] if count == 1 else np.linspace(0, shape[0], count + 2)[1:-1].astype(int)
    blocks = []
    for first in firsts:
        places = zip((first, *middle[1:]), extent, shape, strict=True)
        blocks.append(([int(np.clip(c - s // 2, 0, n - s)) if n >= s else -((s - n) // 2) for c, s, n in places], size))
    return blocks


def target_factor(config: TrainingConfig) -> int:
    """How many times coarser than the scans the targets are."""
    return 1 if config.resolution is None else config.resolution.target_factor


def _item(source: ExampleSource, n: int, start: list[int], size: tuple[int, ...], level: float) -> dict:
    """One crop with its own fixed noise: of CT projected through the scan, if that is trained on."""
    scan, config = source.scans[n], source.config
    rng = np.random.default_rng([zlib.crc32(scan.name.encode()), abs(start[0]), round(level * 1e6)])
    flat = len(config.data.patch) == 2
    if source.banks is not None:
        x = region(scan, start, size)
        kernels = len(config.degradation.kernels)
        noise, relative = source.banks[n].draw(start, size, np.eye(kernels)[kernels // 2], rng)
        noisy = Noisy(x + np.float32(level) * noise, np.float32(level) * relative)
    else:
        x, noisy = _corrupted(source, scan, start, size, level, rng)
    shape = size[1:] if flat else size
    arrays = {"x": x, "y": noisy.y, "sigma": np.broadcast_to(noisy.sigma, noisy.y.shape).astype(np.float32)}
    tensors = {name: torch.from_numpy(array.reshape(1, 1, *shape)) for name, array in arrays.items()}
    tissue = tensors["x"] > tissue_above(config.data.normalisation)
    if noisy.level is not None:
        tensors["sigma_level"] = torch.tensor([noisy.level], dtype=torch.float32)
    return {"name": scan.name, "level": level, "tissue": tissue, **tensors}


def _corrupted(
    source: ExampleSource, scan: Scan, start: list[int], size: tuple[int, ...], level: float, rng: np.random.Generator
) -> tuple[np.ndarray, Noisy]:
    """The block and its input, in 2D both (J, I); of super-resolution the typical one, degraded with a margin around it."""
    config, flat, factor = source.config, len(source.config.data.patch) == 2, target_factor(source.config)
    margin = (0, *source.margin) if flat else source.margin
    outer = [factor * (s + 2 * m) for s, m in zip(size, margin, strict=True)]
    x = region(scan, [a - factor * m for a, m in zip(start, margin, strict=True)], outer)
    corrupt = source.corrupt
    if config.resolution is not None:
        corrupt = make_lowering(config.resolution, make_corruption(config.degradation), typical=True)
    x = x[0] if flat else x
    return without_margin(source.target(x), corrupt(x, level, rng), source.margin)


def restore(
    denoiser: Denoiser,
    process: Process,
    y: torch.Tensor,
    sigma: torch.Tensor,
    steps: int,
    level: torch.Tensor | None = None,
) -> torch.Tensor:
    """The clean image (N, 1, *S) that the model makes of y: the conditional mean in one step from zeros at t = T where
    the process ends without signal, else DDIM from fixed noise."""
    state = torch.zeros_like(y)
    if steps > 1 or process.signal[-1] > 0:
        generator = torch.Generator().manual_seed(0)
        epsilon = torch.randn(y.shape, generator=generator).to(y.device)
        state = initial_state(process, process.steps, epsilon)

    def denoise(x_t: torch.Tensor, t: int) -> torch.Tensor:
        return denoiser(x_t, torch.full((len(y),), t, device=y.device), y, sigma, level)

    for _, x0_hat in ddim(denoise, state, process, timesteps(process.steps, steps)):
        last = x0_hat
    return denoiser.from_state(last, y, sigma)


def relative_error(image: torch.Tensor, target: torch.Tensor, window: tuple[float, float] | None) -> torch.Tensor:
    """Squared error over the squared data range, float64: 1 (MR: p99.5), or a window's width, to which both are clipped
    first (CT)."""
    low, high = window or (0.0, 1.0)
    if window is not None:
        image, target = image.clamp(low, high), target.clamp(low, high)
    return (image - target).double().square() / (high - low) ** 2


def to_psnr(mean_error: float | np.ndarray) -> np.ndarray:
    """dB, of the mean of `relative_error`; no error at all counts as 200 dB."""
    return -10 * np.log10(np.maximum(mean_error, 1e-20))
