"""Images from noise, or from images of half their size: synthesis by one model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..diffusion import Process, classifier_free, initial_state, named_sampler, timesteps
from ..errors import UsageError
from ..networks import Denoiser, enlarged
from ..progress import Progress, silent
from .allocator import reused_memory
from .device import repeatable
from .noise import block_noise
from .sample import last

STAGE_STRIDE = 4096  # steps of the noise that a stage may use, more than any sampler has
SPOILING = STAGE_STRIDE - 1  # the one of them that spoils an upscaler's input


@dataclass(frozen=True)
class GenerationSettings:
    """How images are drawn.

    steps, sampler, eta   as in `SamplingSettings`
    guidance   classifier-free: 0 ignores what is asked for, 1 answers to it, more exaggerates it
    seed       image n of a seed is the same however many are made and however many at once
    first      number of the first image
    stage      of a cascade, from 0: each has noise of its own
    batch      images computed at once
    """

    steps: int = 50
    sampler: str = "ddim"
    eta: float = 0.0
    guidance: float = 1.0
    seed: int = 0
    first: int = 0
    stage: int = 0
    batch: int = 4


@dataclass(frozen=True, eq=False)
class Wanted:
    """What is to be made.

    sizes      (J, I) or (K, J, I) of an image
    label      (count, labels), each in 0..1, or None: nothing in particular
    smaller    (count, 1, *S): what an upscaler starts from, normalised; None: from noise
    sigma      standard deviation of the noise that `smaller` is spoilt with, normalised
    clip       (low, high) of the normalised values of an image made from noise
    """

    count: int
    sizes: Sequence[int]
    label: Tensor | None = None
    smaller: Tensor | None = None
    sigma: float = 0.0
    clip: tuple[float, float] | None = None


@torch.no_grad()
def generate(
    denoiser: Denoiser,
    process: Process,
    wanted: Wanted,
    settings: GenerationSettings | None = None,
    *,
    progress: Progress | None = None,
) -> Tensor:
    """Images (count, 1, *sizes), normalised, float32, on the denoiser's device.

    Where the process ends without signal, the network is fed zeros at t = T, as it was trained.
    `progress` hears fractions of its current stage. Raises UsageError, Cancelled.
    """
    settings, progress = settings or GenerationSettings(), progress or silent()
    if any(size % denoiser.downsampling for size in wanted.sizes):
        raise UsageError(f"this model makes images whose sizes are multiples of {denoiser.downsampling}")
    visited = timesteps(process.steps, settings.steps)
    made = []
    for begin in range(0, wanted.count, settings.batch):
        number = min(settings.batch, wanted.count - begin)

        def report(step: int, begin: int = begin, number: int = number) -> None:
            progress.advance((begin + number * step / len(visited)) / wanted.count)

        with repeatable(torch.float32), reused_memory():
            made.append(_batch(denoiser, process, wanted, settings, range(begin, begin + number), visited, report))
    return torch.cat(made)


def _batch(
    denoiser: Denoiser,
    process: Process,
    wanted: Wanted,
    settings: GenerationSettings,
    numbers: range,
    visited: Sequence[int],
    report: Callable[[int], None],
) -> Tensor:
    """The images `numbers` of those wanted."""
    device, sizes = denoiser.signal.device, tuple(wanted.sizes)
    part = slice(numbers.start, numbers.stop)

    def noise(step: int, like: Tensor) -> Tensor:
        at = settings.stage * STAGE_STRIDE + step + 1
        drawn = [block_noise(tuple(like.shape[2:]), settings.seed, settings.first + n, at) for n in numbers]
        return torch.stack([torch.from_numpy(each) for each in drawn])[:, None].to(device)

    y = sigma = clip = None
    if wanted.smaller is None:
        if wanted.clip is not None:
            ends = denoiser.to_state(torch.tensor(wanted.clip), None, None)
            clip = (float(ends[0]), float(ends[1]))
    else:
        smaller = wanted.smaller[part].to(device)
        if wanted.sigma > 0:
            smaller = smaller + wanted.sigma * noise(SPOILING - 1, smaller)
        y = enlarged(smaller, sizes)
        sigma = torch.full((len(numbers), *[1] * (len(sizes) + 1)), wanted.sigma, device=device)
    label = None if wanted.label is None else wanted.label[part].to(device)

    def shown(label: Tensor | None) -> Callable[[Tensor, int], Tensor]:
        extra = {"label": label} if denoiser.labels > 0 else {}

        def denoise(x_t: Tensor, t: int) -> Tensor:
            blind = process.signal[t] == 0
            times = torch.full((len(numbers),), t, device=device)
            return denoiser(torch.zeros_like(x_t) if blind else x_t, times, y, sigma, **extra)

        return denoise

    conditional = shown(label)
    denoise = conditional if label is None else classifier_free(conditional, shown(None), settings.guidance)
    draw = named_sampler(settings.sampler, settings.eta)
    empty = torch.empty(len(numbers), 1, *sizes)
    start = initial_state(process, visited[0], noise(-1, empty))

    def counted():
        for step, state in enumerate(draw(denoise, start, process, visited, noise=noise, clip=clip), 1):
            report(step)
            yield state

    return denoiser.from_state(last(counted()), y, sigma)
