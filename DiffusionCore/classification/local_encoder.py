"""The encoder of the regions, and the gated attention that weighs them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import nn

from .encoder import EncoderBlock, checkpointed, norm_layer


class LocalEncoder(nn.Module):
    """Regions (N, K, 1, *region) to features (N, K, features): a small residual CNN, averaged over space."""

    def __init__(self, widths: Sequence[int], features: int, norm: str) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv3d(1, widths[0], 3, padding=1, bias=False), norm_layer(norm, widths[0]), nn.SiLU()
        )
        self.blocks = nn.ModuleList(EncoderBlock(a, b, 2, norm) for a, b in itertools.pairwise(widths))
        self.project = nn.Linear(widths[-1], features)
        self.checkpointing = False

    def forward(self, regions: torch.Tensor) -> torch.Tensor:
        x = self.stem(regions.flatten(0, 1))
        for block in self.blocks:
            x = checkpointed(block, x, active=self.checkpointing)
        return self.project(x.mean(dim=(2, 3, 4))).unflatten(0, regions.shape[:2])


class GatedAttention(nn.Module):
    """Weights (N, K) over the regions' features (N, K, F): softmax of w (tanh(V h) ⊙ sigmoid(U h)) (Ilse et al. 2018, eq. 9)."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.value = nn.Linear(features, width)
        self.gate = nn.Linear(features, width)
        self.weigh = nn.Linear(width, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        score = self.weigh(self.value(features).tanh() * self.gate(features).sigmoid())
        return score.squeeze(-1).softmax(dim=1)
