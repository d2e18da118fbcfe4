"""Gradients that are no numbers."""

from __future__ import annotations

from torch import nn


def leave_out_broken(network: nn.Module) -> int:
    """Forget the gradients that are not finite; gives how many. oneDNN's in bfloat16 (torch 2.13) are NaN once in some
    hundred steps where a convolution has but a few voxels, and one such step would end all learning."""
    broken = [p for p in network.parameters() if p.grad is not None and not p.grad.isfinite().all()]
    for parameter in broken:
        parameter.grad = None
    return len(broken)
