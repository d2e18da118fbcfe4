"""At which timestep each example of a batch is learnt, over all devices of a run."""

from __future__ import annotations

import numpy as np

from .config import TrainingConfig


def draw_timestep(config: TrainingConfig, index: int, rng: np.random.Generator) -> int:
    """t = T for the configured share of each batch, else 1..T-1; a share that is no whole number is drawn."""
    diffusion, total = config.diffusion, global_batch(config)
    at_T, late, u = diffusion.share_at_T * total, rng.random(), rng.random()
    if index < int(at_T) or (index == int(at_T) and late < at_T % 1):
        return diffusion.steps
    if diffusion.steps == 1:
        return 1
    last = diffusion.steps if diffusion.share_at_T == 0 else diffusion.steps - 1
    return 1 + min(last - 1, int(last * u**diffusion.warp))


def device_count(config: TrainingConfig) -> int:
    """How many devices a run computes on."""
    return config.trainer.devices * config.trainer.num_nodes


def global_batch(config: TrainingConfig) -> int:
    """Examples per optimiser step over all devices and nodes."""
    return config.trainer.batch_size * device_count(config)
