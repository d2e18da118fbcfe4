"""The ways to condition a diffusion model on a noisy slice (S3), and the sampling of each.

concatenation   the scan is the network's second channel; the chain starts from pure noise at T
start           the scan is where the chain starts: a_t y at the timestep whose state is as noisy (Chung et al. 2022,
                CCDF); the network's second channel holds nothing
both            start there, and the scan in the second channel

Guidance leans from what the network says without the second channel towards what it says with it (Ho & Salimans 2022),
so it needs a model trained with that channel emptied now and then. At 0 the channel is empty: "concatenation" then
invents a picture, and "both" is "start", which has no guidance of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from DiffusionCore.diffusion import (
    Process,
    classifier_free,
    ddim,
    ddpm,
    initial_state,
    matched_start,
    matched_timestep,
    timesteps,
)
from DiffusionCore.errors import ModelError, UsageError
from DiffusionCore.networks import NO_CONDITION

if TYPE_CHECKING:
    from DiffusionCore.models import Card, Model
    from DiffusionCore.networks import Denoiser

CONCATENATION, START, BOTH = "concatenation", "start", "both"
STRATEGIES = (CONCATENATION, START, BOTH)
SAMPLERS = ("ddim", "ddpm")
CLIP = (-1.0, 1.5)  # of x0_hat, the state 2 x - 1: from 0 to 1.25 of the 99.5th percentile lies every voxel


@dataclass(frozen=True)
class Setting:
    """One way of sampling. Raises `UsageError` where its parts do not go together."""

    strategy: str
    guidance: float = 1.0
    sampler: str = "ddim"
    steps: int = 50

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES or self.sampler not in SAMPLERS:
            raise UsageError(f"no setting {self.strategy!r} with {self.sampler!r} in the conditioning study")
        if self.strategy == START and self.guidance != 1:
            raise UsageError("a start without concatenation has no guidance")

    def first_timestep(self, process: Process, level: float) -> int:
        """T, or the timestep that matches noise of `level` (normalised; twice that in the state 2 x - 1)."""
        return process.steps if self.strategy == CONCATENATION else max(matched_timestep(process, 2 * level), 1)

    def visited(self, process: Process, level: float) -> tuple[int, ...]:
        """The timesteps of the chain: `steps` of them, or all that there are below a matched start."""
        first = self.first_timestep(process, level)
        return timesteps(first, min(self.steps, first))

    def passes(self, process: Process, level: float) -> int:
        """Passes of the network for one patch."""
        guided = self.strategy != START and self.guidance not in (0, 1)
        return len(self.visited(process, level)) * (2 if guided else 1)


@dataclass(frozen=True, eq=False)
class Sampled:
    """`image` (N, 1, J, I) normalised; `one_step` the first x0_hat of a chain that started at the scan, else None."""

    image: Tensor
    one_step: Tensor | None


def drop_rate(card: Card) -> float:
    """The share of training examples without their condition, from the card's recipe; 0 where it doesn't say."""
    recipe = card.recipe.get("config", {})
    return float(recipe.get("diffusion", {}).get("drop", 0.0))


def check_model(model: Model) -> None:
    """Raise `ModelError` unless the model is S3's kind: 2D, of the image's state, with the scan as a second channel."""
    denoiser = model.denoiser
    if denoiser.spatial_dims != 2 or denoiser.state != "image" or denoiser.config.in_channels != 2:
        raise ModelError(
            "the conditioning study takes a 2D model that diffuses the image beside the scan; "
            f"{model.card.name!r} is none"
        )


def sample(
    denoiser: Denoiser,
    process: Process,
    y: Tensor,
    level: float,
    setting: Setting,
    *,
    seed: int = 0,
    batch: int = 8,
    report: Callable[[int], None] = lambda passes: None,
) -> Sampled:
    """Restore patches y (N, 1, J, I), normalised, with noise of `level`.

    The noise depends on the seed alone: every strategy and guidance that starts at T starts from the same. The network
    takes `batch` patches at a time; `report` hears how many passes are done after each.
    """
    generator = torch.Generator().manual_seed(seed)

    def noise(_: int, like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=generator).to(like.device)

    epsilon = noise(0, y)
    if setting.strategy == CONCATENATION:
        x = initial_state(process, process.steps, epsilon)
    else:
        x = started(process, y, level)
    done = 0

    def shown(condition: Tensor) -> Callable[[Tensor, int], Tensor]:
        def denoise(x_t: Tensor, t: int) -> Tensor:
            nonlocal done
            pieces = zip(x_t.split(batch), condition.split(batch), strict=True)
            answer = torch.cat([denoiser(x, torch.full((len(x),), t, device=x.device), c) for x, c in pieces])
            done += 1
            report(done)
            return answer

        return denoise

    without = shown(torch.full_like(y, NO_CONDITION))
    denoise = without if setting.strategy == START else classifier_free(shown(y), without, setting.guidance)
    run = ddim if setting.sampler == "ddim" else ddpm
    first = None
    with torch.no_grad():
        steps: Iterator[tuple[Tensor, Tensor]] = run(
            denoise, x, process, setting.visited(process, level), noise=noise, clip=CLIP
        )
        for state, x0_hat in steps:
            first, last = x0_hat if first is None else first, state
    one_step = None if setting.strategy == CONCATENATION else denoiser.from_state(first, None, None)
    return Sampled(denoiser.from_state(last, None, None), one_step)


def started(process: Process, y: Tensor, level: float) -> Tensor:
    """a_t (2 y - 1) at the matched timestep, which is 1 or more."""
    x, t = matched_start(process, 2 * y - 1, 2 * level)
    return x if t > 0 else process.pair(1)[0] * (2 * y - 1)
