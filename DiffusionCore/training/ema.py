"""The exponential moving average of the weights: what is validated and kept (Polyak & Juditsky 1992; Ho et al. 2020)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


class MovingAverage:
    """Running mean of a module's parameters in float32.

    After n updates the decay is min(decay, (1 + n) / (10 + n)), so that the mean forgets its random start early.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {name: p.detach().float().clone() for name, p in module.named_parameters()}

    @torch.no_grad()
    def update(self, module: nn.Module, updates: int) -> None:
        """Move towards the module's weights; `updates` were made before this one."""
        share = 1 - min(self.decay, (1 + updates) / (10 + updates))
        for name, parameter in module.named_parameters():
            mean = self.weights[name] = self.weights[name].to(parameter.device)
            mean.lerp_(parameter.float(), share)

    @contextmanager
    def applied(self, module: nn.Module) -> Iterator[None]:
        """Within the block the module computes with the averaged weights; afterwards with its own, bit for bit."""
        kept = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}
        self._copy_into(module, self.weights)
        try:
            yield
        finally:
            self._copy_into(module, kept)

    @staticmethod
    @torch.no_grad()
    def _copy_into(module: nn.Module, weights: dict[str, torch.Tensor]) -> None:
        for name, parameter in module.named_parameters():
            parameter.copy_(weights[name])

    def state_dict(self) -> dict[str, torch.Tensor]:
        return dict(self.weights)

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        self.weights = {name: weight.clone() for name, weight in state.items()}
