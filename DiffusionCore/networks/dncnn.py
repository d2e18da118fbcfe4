"""DnCNN: a plain stack of convolutions, the regression rival without a U-Net."""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.nn import functional as F

from .convolution import convolution
from .window import Window, cut, whole


class DnCNN(nn.Module):
    """`depth` 3-convolutions with ReLU between them (Zhang et al. 2017, without batch normalisation), 2D or 3D.

    forward(x (N, in_channels, *S), *scalars ignored) -> (N, out_channels, *S), or with `keep` that part of it.
    """

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int, width: int, depth: int) -> None:
        super().__init__()
        widths = [in_channels, *[width] * (depth - 1), out_channels]
        self.convolutions = nn.ModuleList(convolution(spatial_dims, a, b) for a, b in itertools.pairwise(widths))
        for layer in self.convolutions:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.convolutions[-1].weight)

    def forward(self, x: torch.Tensor, *scalars: torch.Tensor, keep: Window | None = None) -> torch.Tensor:
        everything = whole(x)
        for layer in self.convolutions[:-1]:
            x = F.relu(layer(x), inplace=True)
        return cut(self.convolutions[-1](x), keep or everything, everything)
