"""Overlapping patches blended by Gaussian weights, for networks whose answer depends on the patch they see.

As nnU-Net does (Isensee et al. 2021): the weight falls off with a standard deviation of 1/8 of the patch, weights that
underflow to zero are lifted to the smallest positive one, and the patches are spread evenly. The weights are a product
of one factor per axis, and each axis' factors are divided by their own sum: so they add up to one everywhere, and no
volume of weights is kept.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch

from .tiles import Box


def window(length: int) -> torch.Tensor:
    """Gaussian weights (length,) float64 about the patch's centre; all above zero."""
    position = torch.arange(length, dtype=torch.float64) - (length - 1) / 2
    weights = torch.exp(-0.5 * (position / (length / 8)) ** 2).float().double()
    return weights.clamp_min(weights[weights > 0].min())


def starts(length: int, patch: int, overlap: float = 0.5) -> list[int]:
    """First voxels of patches spread evenly over an axis, neighbours sharing at least about `overlap` of a patch."""
    if length <= patch:
        return [0]
    step = max(int(patch * (1 - overlap)), 1)
    count = math.ceil((length - patch) / step) + 1
    return [round(index * (length - patch) / (count - 1)) for index in range(count)]


class Blend:
    """The patches of a scan and their weights.

    shape    voxels of the scan along each axis
    patch    voxels of a patch along each axis; a shorter axis is padded up to it
    """

    def __init__(self, shape: Sequence[int], patch: Sequence[int], overlap: float = 0.5) -> None:
        self.shape, self.patch = tuple(shape), tuple(patch)
        self.weights: list[dict[int, torch.Tensor]] = []
        for length, size in zip(shape, patch, strict=True):
            each = window(size)
            total = torch.zeros(max(length, size), dtype=torch.float64)
            firsts = starts(length, size, overlap)
            for first in firsts:
                total[first : first + size] += each
            self.weights.append({first: (each / total[first : first + size]).float() for first in firsts})

    def patches(self, box: Box) -> list[Box]:
        """The patches that touch `box`."""
        axes = [
            [first for first in firsts if first < hi and first + size > lo]
            for firsts, size, (lo, hi) in zip(self.weights, self.patch, box, strict=True)
        ]
        return [
            tuple((first, first + size) for first, size in zip(corner, self.patch, strict=True))
            for corner in itertools.product(*axes)
        ]

    def add(self, total: torch.Tensor, answer: torch.Tensor, patch: Box, box: Box) -> None:
        """Add a patch's weighted answer to `total`, which holds `box` of the scan."""
        into, part = [], answer.float()
        for axis, ((first, end), (lo, hi)) in enumerate(zip(patch, box, strict=True)):
            start, stop = max(first, lo), min(end, hi)
            into.append(slice(start - lo, stop - lo))
            weight = self.weights[axis][first][start - first : stop - first].to(part.device)
            shape = [1] * len(patch)
            shape[axis] = stop - start
            part = part.narrow(axis, start - first, stop - start) * weight.reshape(shape)
        total[tuple(into)] += part.to(total.device)
