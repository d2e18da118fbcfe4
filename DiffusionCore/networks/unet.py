"""The one U-Net, in 2D and 3D; everything that differs between presets is in `UNetConfig`."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from ..errors import UsageError
from .blocks import Embedding, ResidualBlock, SelfAttention, Upsample, normalisation
from .convolution import convolution
from .folding import fold, unfold
from .reversible import ReversibleSequence
from .swin import swin_pair
from .window import Window, coarser, cut, decoder_windows, finer, whole


@dataclass(frozen=True)
class UNetConfig:
    """What a U-Net is made of.

    channels          width per level, from full resolution down; each level below halves the size
    blocks            residual blocks per level, on the way down, in the middle and on the way up
    norm              "none" (statistic-free: exact in tiles) or "group" (S0)
    skip              how the encoder's maps join the decoder: "add" (cheap) or "concatenate" (S0)
    transposed        up-sampling by transposed convolution (S0) instead of nearest neighbour
    attention_levels  levels with self-attention; 0 is full resolution, len(channels) - 1 the bottleneck
    attention_tokens  more positions than this are pooled before attending
    embedding         width of the embedding vector; 0: none
    scalars           how many scalars are embedded (timestep; and ln sigma in the `fast` family)
    swin              a pair of Swin blocks, plain and shifted windows, in the bottleneck
    swin_window       edge of their windows, in positions of the bottleneck
    reversible        residual blocks that keep nothing for the gradients (Gomez et al. 2017); needs even widths
    fold              this many voxels along each axis are folded into channels before the first level, and back after
                      the last: a cheap first level where full resolution would cost too much
    """

    spatial_dims: int = 3
    in_channels: int = 2
    out_channels: int = 1
    channels: tuple[int, ...] = (16, 32, 64)
    blocks: int = 1
    norm: str = "none"
    skip: str = "add"
    transposed: bool = False
    attention_levels: tuple[int, ...] = ()
    attention_tokens: int = 4096
    attention_heads: int = 4
    embedding: int = 64
    scalars: int = 2
    swin: bool = False
    swin_window: int = 4
    reversible: bool = False
    fold: int = 1

    def __post_init__(self) -> None:
        if self.spatial_dims not in (2, 3):
            raise UsageError(f"a network has 2 or 3 spatial dimensions, got {self.spatial_dims}")
        if self.norm not in ("none", "group"):
            raise UsageError(f"norm must be 'none' or 'group', got {self.norm!r}")
        if self.skip not in ("add", "concatenate"):
            raise UsageError(f"skip must be 'add' or 'concatenate', got {self.skip!r}")
        if not self.channels or min(self.channels) < 1 or self.blocks < 1:
            raise UsageError("a network needs at least one level, one channel and one block")
        if any(level not in range(len(self.channels)) for level in self.attention_levels):
            raise UsageError(f"attention_levels must be within 0..{len(self.channels) - 1}")
        if self.reversible and any(width % 2 for width in self.channels):
            raise UsageError("reversible blocks split the channels in halves; every width must be even")
        if self.swin and (self.swin_window < 2 or self.channels[-1] % self.attention_heads):
            raise UsageError("Swin blocks need windows of 2 or more, and a last width that is a multiple of the heads")
        if self.fold < 1:
            raise UsageError(f"fold must be 1 or more, got {self.fold}")
        object.__setattr__(self, "channels", tuple(self.channels))
        object.__setattr__(self, "attention_levels", tuple(self.attention_levels))

    @property
    def downsampling(self) -> int:
        """Sizes must be multiples of this."""
        return self.fold * 2 ** (len(self.channels) - 1)

    @property
    def convolutions(self) -> int:
        """3-convolutions in a row in one level on one side; a reversible block is two residual functions."""
        return (4 if self.reversible else 2) * self.blocks


class Level(nn.Module):
    """The residual blocks, each with its attention if any, of one level on one side."""

    def __init__(self, config: UNetConfig, in_channels: int, out_channels: int, attention: bool) -> None:
        super().__init__()
        dims, widths = config.spatial_dims, [in_channels] + [out_channels] * config.blocks
        self.blocks = nn.ModuleList(
            ResidualBlock(dims, a, b, config.embedding, config.norm) for a, b in itertools.pairwise(widths)
        )
        self.attention = nn.ModuleList(
            SelfAttention(out_channels, config.attention_heads, config.attention_tokens) if attention else nn.Identity()
            for _ in range(config.blocks)
        )

    def forward(self, x: torch.Tensor, embedding: torch.Tensor | None) -> torch.Tensor:
        for block, attention in zip(self.blocks, self.attention, strict=True):
            x = attention(block(x, embedding))
        return x


class ReversibleLevel(nn.Module):
    """Like `Level`, of reversible blocks; a 1-convolution brings the decoder's joined maps to the level's width."""

    def __init__(self, config: UNetConfig, in_channels: int, out_channels: int, attention: bool) -> None:
        super().__init__()
        dims = config.spatial_dims
        same = in_channels == out_channels
        self.mix = nn.Identity() if same else convolution(dims, in_channels, out_channels, kernel=1)
        self.blocks = ReversibleSequence(dims, out_channels, config.blocks, config.embedding, config.norm)
        self.attention = (
            SelfAttention(out_channels, config.attention_heads, config.attention_tokens) if attention else nn.Identity()
        )

    def forward(self, x: torch.Tensor, embedding: torch.Tensor | None) -> torch.Tensor:
        return self.attention(self.blocks(self.mix(x), embedding))


class UNet(nn.Module):
    """U-Net (Ronneberger et al. 2015) with residual blocks conditioned on scalars.

    forward(x (N, in_channels, *S), *scalars (N,)) -> (N, out_channels, *S), every size of S a multiple of
    `config.downsampling`. With `keep`, (first, last + 1) along each axis, only that part of the answer, and on the way up
    only what it depends on is computed (not with group norm, attention or Swin blocks, which depend on everything).
    Computes in the dtype of its weights.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        dims, widths = config.spatial_dims, config.channels
        attends = [level in config.attention_levels for level in range(len(widths))]
        self.embed = Embedding(config.scalars, config.embedding) if config.embedding else None
        level = ReversibleLevel if config.reversible else Level
        folded = config.fold**dims
        self.head = convolution(dims, config.in_channels * folded, widths[0])
        self.encoder = nn.ModuleList(level(config, w, w, a) for w, a in zip(widths[:-1], attends, strict=False))
        self.down = nn.ModuleList(convolution(dims, a, b, kernel=2, stride=2) for a, b in itertools.pairwise(widths))
        self.middle = level(config, widths[-1], widths[-1], attends[-1])
        self.swin = swin_pair(dims, widths[-1], config.attention_heads, config.swin_window) if config.swin else None
        self.up = nn.ModuleList(Upsample(dims, b, a, config.transposed) for a, b in itertools.pairwise(widths))
        joined = 2 if config.skip == "concatenate" else 1
        self.decoder = nn.ModuleList(
            level(config, joined * w, w, a) for w, a in zip(widths[:-1], attends, strict=False)
        )
        self.tail_norm = normalisation(config.norm, widths[0])
        self.tail = convolution(dims, widths[0], config.out_channels * folded)
        nn.init.zeros_(self.tail.weight)
        nn.init.zeros_(self.tail.bias)

    def forward(self, x: torch.Tensor, *scalars: torch.Tensor, keep: Window | None = None) -> torch.Tensor:
        factor, keep = self.config.fold, keep or whole(x)
        embedding = self.embed(*scalars) if self.embed is not None else None
        x = self.head(fold(x, factor))
        wanted = coarser(keep, factor)
        windows = decoder_windows(wanted, x.shape[2:], len(self.up), self.config.convolutions)
        skips = []
        for level, down in zip(self.encoder, self.down, strict=True):
            x = level(x, embedding)
            skips.append(x)
            x = down(x)
        x = self.middle(x, embedding)
        x = x if self.swin is None else self.swin(x)
        held = whole(x)
        for up, level, window in zip(reversed(self.up), reversed(self.decoder), reversed(windows), strict=True):
            skip, below = skips.pop(), coarser(window)
            skip = cut(skip, window, whole(skip))
            x = cut(up(cut(x, below, held)), window, finer(below))
            x = torch.cat([x, skip], dim=1) if self.config.skip == "concatenate" else x.add_(skip)
            x, held = level(x, embedding), window
        x = self.tail(F.silu(self.tail_norm(x), inplace=not torch.is_grad_enabled()))
        return cut(unfold(cut(x, wanted, held), factor), keep, finer(wanted, factor))
