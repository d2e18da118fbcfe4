"""Learning rates over a phase."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

WARMUP = 0.1


def cosine_with_warmup(optimiser: torch.optim.Optimizer, steps: int, spent: Callable[[], float]) -> dict[str, Any]:
    """Lightning's description of a schedule by step: up linearly over the first tenth, then down to 0 as a cosine.

    spent  the share of the phase's time that is over: where it is ahead of the steps', the schedule follows it
    """

    def factor(step: int) -> float:
        by_steps, by_time = step / max(steps, 1), spent()
        done = max(by_steps, by_time)
        if done < WARMUP:
            return (step + 1) / (WARMUP * steps + 1) if by_steps >= by_time else done / WARMUP
        return 0.5 * (1 + math.cos(math.pi * min((done - WARMUP) / (1 - WARMUP), 1.0)))

    return {"scheduler": torch.optim.lr_scheduler.LambdaLR(optimiser, factor), "interval": "step"}
