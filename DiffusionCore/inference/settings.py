"""How to sample, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from torch import Tensor

from ..diffusion import SAMPLERS
from ..errors import UsageError
from .plan import Plan


@dataclass(frozen=True)
class SamplingSettings:
    """How to sample. Raises `UsageError` for a value outside its range.

    steps     network passes of a sample; 1 is the conditional mean where the state is the residual
    samples   how many; from 2 on there is a spread, and where the state is the residual each is drawn from another mirror
              image of the scan (of which there are eight in 3D), so that the spread also holds what the network makes
              differently of them
    sampler   'ddim', 'ddpm' or 'dpm++' (DPM-Solver++(2M)); None: the one for the model's state (`for_state`)
    eta       DDIM's share of fresh noise, 0 to 1
    texture   0 to 1, from the conditional mean to a sample: scales all noise (arXiv 2503.20297)
    guidance  classifier-free guidance where the state is the image: 0 unconditional, 1 conditional, more beyond
    seed      0 to 2^63 - 1
    """

    steps: int = 1
    samples: int = 1
    sampler: str | None = None
    eta: float = 0.0
    texture: float = 1.0
    guidance: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        limits = {"steps": (1, 1000), "samples": (1, 1000), "eta": (0, 1), "texture": (0, 1), "guidance": (0, 100)}
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise UsageError(f"--{name} must be {low} to {high}, got {value}")
        if not 0 <= self.seed < 2**63:
            raise UsageError(f"--seed must be 0 to 2^63-1, got {self.seed}")
        if self.sampler is not None and self.sampler not in SAMPLERS:
            raise UsageError(f"--sampler must be {', '.join(SAMPLERS)}, got {self.sampler!r}")

    def for_state(self, state: str) -> SamplingSettings:
        """With the sampler chosen: the residual's posterior is narrow, and DDIM's few steps draw too little of its width.

        `eta` is DDIM's alone, so asking for it asks for DDIM.
        """
        return replace(self, sampler=self.sampler or ("dpm++" if state == "residual" and not self.eta else "ddim"))


PRESETS: Mapping[str, SamplingSettings] = MappingProxyType(
    {
        "quick": SamplingSettings(steps=1),
        "natural": SamplingSettings(steps=8),
        "careful": SamplingSettings(steps=4, samples=8),
    }
)


@dataclass(frozen=True)
class Record:
    """How a result was made: the plan at the end, the network's passes, and what had to be given up on the way."""

    plan: Plan
    passes: int
    seconds: float
    fallbacks: tuple[str, ...]


@dataclass(frozen=True)
class Samples:
    """Results in y's units and shape (or the region's), float32, on y's device.

    one_step  the conditional mean E[x | y], where the first step of the chain gives it, else None; with several samples
              the mean of those of the scan's mirror images that they are drawn from
    mean      of the samples
    spread    their standard deviation (K - 1 degrees of freedom), None for a single one
    first     the first sample; with one step, or texture 0, the conditional mean
    """

    one_step: Tensor | None
    mean: Tensor
    spread: Tensor | None
    first: Tensor
    record: Record

    @property
    def image(self) -> Tensor:
        """What to show: the only sample, or of several the conditional mean where it is known, else their mean."""
        if self.spread is None:
            return self.first
        return self.mean if self.one_step is None else self.one_step
