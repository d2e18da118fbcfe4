"""Voxels folded into channels, and back (space to depth), in 2D and 3D."""

from __future__ import annotations

import itertools

import torch


def fold(x: torch.Tensor, factor: int) -> torch.Tensor:
    """(N, C, *S) -> (N, C factor^dims, *S / factor): the voxels of each block side by side as channels."""
    if factor == 1:
        return x
    dims = x.ndim - 2
    cut = list(itertools.chain.from_iterable((size // factor, factor) for size in x.shape[2:]))
    order = [0, 1, *range(3, 3 + 2 * dims, 2), *range(2, 2 + 2 * dims, 2)]
    x = x.reshape(*x.shape[:2], *cut).permute(order)
    return x.reshape(len(x), -1, *cut[::2]).contiguous(memory_format=layout(dims))


def unfold(x: torch.Tensor, factor: int) -> torch.Tensor:
    """The inverse of `fold`."""
    if factor == 1:
        return x
    dims, sizes = x.ndim - 2, x.shape[2:]
    channels = x.shape[1] // factor**dims
    x = x.reshape(len(x), channels, *[factor] * dims, *sizes)
    order = [0, 1, *itertools.chain.from_iterable((2 + dims + d, 2 + d) for d in range(dims))]
    return x.permute(order).reshape(len(x), channels, *(size * factor for size in sizes))


def layout(dims: int) -> torch.memory_format:
    """The memory layout that convolutions are fastest in."""
    return torch.channels_last_3d if dims == 3 else torch.channels_last
