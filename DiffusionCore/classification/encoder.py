"""The residual 3D CNN that sees the whole image, and the blocks that both encoders are made of."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from ..networks.blocks import normalisation


def norm_layer(kind: str, channels: int) -> nn.Module:
    """`batch` or `group` normalisation."""
    return nn.BatchNorm3d(channels) if kind == "batch" else normalisation("group", channels)


def checkpointed(module: nn.Module, *inputs: torch.Tensor, active: bool) -> torch.Tensor:
    """module(*inputs); with `active` its inner activations are computed again for the gradients instead of kept."""
    if active and torch.is_grad_enabled():
        return checkpoint(module, *inputs, use_reentrant=False)
    return module(*inputs)


class EncoderBlock(nn.Module):
    """Residual block of two 3×3×3 convolutions, each with its normalisation (He et al. 2016), the first with `stride`."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, norm: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.norm1 = norm_layer(norm, out_channels)
        self.conv2 = nn.Conv3d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = norm_layer(norm, out_channels)
        same = in_channels == out_channels and stride == 1
        self.skip = nn.Identity() if same else nn.Conv3d(in_channels, out_channels, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = F.silu(self.norm1(self.conv1(x)))
        return F.silu(self.norm2(self.conv2(h)) + self.skip(x))


class GlobalEncoder(nn.Module):
    """Image (N, 1, *S) to features (N, features, *S / 2^levels), sizes rounded up: a strided stem with one block, then
    one strided block a level."""

    def __init__(self, widths: Sequence[int], features: int, norm: str) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv3d(1, widths[0], 3, stride=2, padding=1, bias=False), norm_layer(norm, widths[0]), nn.SiLU()
        )
        blocks = [EncoderBlock(widths[0], widths[0], 1, norm)]
        blocks += [EncoderBlock(a, b, 2, norm) for a, b in itertools.pairwise(widths)]
        self.blocks = nn.ModuleList(blocks)
        self.out = nn.Sequential(nn.Conv3d(widths[-1], features, 1, bias=False), norm_layer(norm, features), nn.SiLU())
        self.checkpointing = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = checkpointed(block, x, active=self.checkpointing)
        return self.out(x)
