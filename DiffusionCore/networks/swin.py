"""Swin transformer blocks in 2D and 3D: attention within windows, shifted by half a window in every second block."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

PADDING = 3  # the region of what was added to make whole windows; the regions of an axis itself are 0, 1 and 2


class WindowAttention(nn.Module):
    """Multi-head attention among the tokens of a window, with a learnt bias for each relative position.

    forward(x (N, windows, tokens, channels), window, mask (windows, tokens, tokens) bool or None) -> like x. `window`
    may be smaller than the one the block was made for, where an axis is. Source: Liu et al. 2021, eq. 4.
    """

    def __init__(self, channels: int, heads: int, window: Sequence[int]) -> None:
        super().__init__()
        self.heads, self.window = heads, tuple(window)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.bias_table = nn.Parameter(torch.empty(math.prod(2 * w - 1 for w in window), heads))
        self.project = nn.Linear(channels, channels)
        nn.init.trunc_normal_(self.bias_table, std=0.02)

    def forward(self, x: torch.Tensor, window: Sequence[int], mask: torch.Tensor | None) -> torch.Tensor:
        samples, windows, tokens, channels = x.shape
        qkv = self.qkv(x).reshape(samples, windows, tokens, 3, self.heads, channels // self.heads)
        q, k, v = qkv.permute(3, 0, 1, 4, 2, 5)
        index = relative_positions(window, self.window).to(x.device)
        bias = self.bias_table[index].permute(2, 0, 1).to(q.dtype)
        if mask is not None:
            bias = bias.masked_fill(~mask[:, None], -math.inf)
        answer = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        return self.project(answer.transpose(2, 3).reshape(x.shape))


class SwinBlock(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)), within windows that are shifted by half a window if `shifted`.

    forward(x (N, channels, *S)) -> like x, for any S: axes that are no multiple of the window are padded, and what was
    added is seen by nothing else. The two answers start at zero, so that a new block is the identity.
    Source: Liu et al. 2021, sec. 3.2; in 3D Hatamizadeh et al. 2022 (Swin UNETR).
    """

    def __init__(
        self, spatial_dims: int, channels: int, heads: int, window: int, shifted: bool, mlp_ratio: int = 4
    ) -> None:
        super().__init__()
        self.window, self.shifted = (window,) * spatial_dims, shifted
        self.norm1 = nn.LayerNorm(channels)
        self.attention = WindowAttention(channels, heads, self.window)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(
            nn.Linear(channels, mlp_ratio * channels), nn.GELU(), nn.Linear(mlp_ratio * channels, channels)
        )
        for last in (self.attention.project, self.mlp[2]):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = x.movedim(1, -1)
        h = h + self.attend(self.norm1(h))
        h = h + self.mlp(self.norm2(h))
        return h.movedim(-1, 1)

    def attend(self, h: torch.Tensor) -> torch.Tensor:
        """The attention's answer on channels-last maps (N, *S, channels)."""
        sizes = h.shape[1:-1]
        # an axis of one window or less is one window, and there is nothing to shift
        window = tuple(min(w, n) for w, n in zip(self.window, sizes, strict=True))
        shift = tuple(w // 2 if self.shifted and n > w else 0 for w, n in zip(self.window, sizes, strict=True))
        padded = tuple(-(-n // w) * w for n, w in zip(sizes, window, strict=True))
        axes = tuple(range(1, h.ndim - 1))
        pad = [side for n, p in zip(reversed(sizes), reversed(padded), strict=True) for side in (0, p - n)]
        h = F.pad(h, [0, 0, *pad])
        h = torch.roll(h, [-s for s in shift], axes) if any(shift) else h
        mask = None
        if any(shift) or padded != tuple(sizes):
            mask = window_mask(sizes, window, shift).to(h.device)
        h = whole(self.attention(windowed(h, window), window, mask), padded, window)
        h = torch.roll(h, shift, axes) if any(shift) else h
        return h[(slice(None), *(slice(n) for n in sizes))]


def swin_pair(spatial_dims: int, channels: int, heads: int, window: int) -> nn.Sequential:
    """A block of plain windows and one of shifted windows, without which no two windows would ever meet."""
    return nn.Sequential(*(SwinBlock(spatial_dims, channels, heads, window, shifted) for shifted in (False, True)))


def windowed(h: torch.Tensor, window: Sequence[int]) -> torch.Tensor:
    """(N, *S, channels) -> (N, windows, tokens, channels), S multiples of `window`."""
    dims = len(window)
    cut = [part for n, w in zip(h.shape[1:-1], window, strict=True) for part in (n // w, w)]
    order = [0, *range(1, 2 * dims, 2), *range(2, 2 * dims + 1, 2), 2 * dims + 1]
    return h.reshape(len(h), *cut, h.shape[-1]).permute(order).reshape(len(h), -1, math.prod(window), h.shape[-1])


def whole(h: torch.Tensor, sizes: Sequence[int], window: Sequence[int]) -> torch.Tensor:
    """The inverse of `windowed`: (N, windows, tokens, channels) -> (N, *sizes, channels)."""
    dims = len(window)
    counts = [n // w for n, w in zip(sizes, window, strict=True)]
    order = [0, *itertools.chain.from_iterable((1 + d, 1 + dims + d) for d in range(dims)), 2 * dims + 1]
    return h.reshape(len(h), *counts, *window, h.shape[-1]).permute(order).reshape(len(h), *sizes, h.shape[-1])


def relative_positions(window: Sequence[int], table: Sequence[int]) -> torch.Tensor:
    """(tokens, tokens) int64: where in the bias table of windows `table` the step from one token to another stands."""
    places = torch.stack(torch.meshgrid(*(torch.arange(w) for w in window), indexing="ij")).flatten(1)
    step = places[:, :, None] - places[:, None, :]
    index = torch.zeros(step.shape[1:], dtype=torch.long)
    for axis, w in enumerate(table):
        index = index * (2 * w - 1) + step[axis] + w - 1
    return index


def window_mask(sizes: Sequence[int], window: Sequence[int], shift: Sequence[int]) -> torch.Tensor:
    """(windows, tokens, tokens) bool: which tokens of a window may see each other.

    After the cyclic shift a window on the edge holds voxels from both ends of an axis, which are no neighbours; and it
    may hold padding. Both are told apart by numbering the regions (Liu et al. 2021, fig. 4).
    """
    regions = torch.zeros(1, *[1] * len(sizes), 1, dtype=torch.long)
    for axis, (n, w, s) in enumerate(zip(sizes, window, shift, strict=True)):
        length = -(-n // w) * w
        region = torch.zeros(length, dtype=torch.long)
        if s:
            region[length - w : length - s] = 1
            region[length - s :] = 2
        region[(torch.arange(length) + s) % length >= n] = PADDING
        shape = [1] * (len(sizes) + 2)
        shape[axis + 1] = length
        regions = regions * (PADDING + 1) + region.reshape(shape)
    tokens = windowed(regions, window)[0, :, :, 0]
    return tokens[:, :, None] == tokens[:, None, :]
