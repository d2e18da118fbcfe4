"""Learning rates over a phase."""

from __future__ import annotations

import math
from typing import Any

import torch

WARMUP = 0.1


def cosine_with_warmup(optimiser: torch.optim.Optimizer, steps: int) -> dict[str, Any]:
    """Lightning's description of a schedule by step: up linearly over the first tenth, then down to 0 as a cosine."""

    def factor(step: int) -> float:
        done = step / max(steps, 1)
        if done < WARMUP:
            return (step + 1) / (WARMUP * steps + 1)
        return 0.5 * (1 + math.cos(math.pi * min((done - WARMUP) / (1 - WARMUP), 1.0)))

    return {"scheduler": torch.optim.lr_scheduler.LambdaLR(optimiser, factor), "interval": "step"}
