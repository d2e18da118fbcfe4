"""Training losses: mean over all elements, each with an optional weight."""

from __future__ import annotations

import math
from typing import Protocol

import torch.nn.functional as F
from torch import Tensor

from ..errors import UsageError


class Loss(Protocol):
    """loss(prediction, target, weight=None) -> scalar tensor."""

    def __call__(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor: ...


def loss(kind: str, *, delta: float = 1.0) -> Loss:
    """The loss called `kind`, a mean of terms of the residual r = prediction - target.

    "l1": |r|; "l2": r^2; "huber": r^2 / 2 where |r| < delta, else delta (|r| - delta / 2). Only under "l2" is the
    minimiser the conditional mean. `weight` broadcasts to the prediction and multiplies each term before the mean; it
    is not normalised, so divide a mask by its own mean. `delta` is for "huber" alone.
    Raises UsageError for an unknown kind, a delta of 0 or less, or shapes that differ.
    """
    if not (math.isfinite(delta) and delta > 0):
        raise UsageError(f"the Huber delta must be above 0, got {delta:g}")
    if kind not in ("l1", "l2", "huber"):
        raise UsageError(f"no loss '{kind}'; there are l1, l2, huber")

    def weighted(prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        if prediction.shape != target.shape:
            # broadcasting here is how a wrong target goes unnoticed
            raise UsageError(f"prediction {tuple(prediction.shape)} and target {tuple(target.shape)} differ in shape")
        match kind:
            case "l1":
                terms = F.l1_loss(prediction, target, reduction="none")
            case "l2":
                terms = F.mse_loss(prediction, target, reduction="none")
            case _:
                terms = F.huber_loss(prediction, target, reduction="none", delta=delta)
        return (terms if weight is None else terms * weight).mean()

    return weighted
