"""Mirror images of a scan. A network answers each a little differently, and the mean of its answers errs less."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from torch import Tensor

from .tiles import Box

Axes = tuple[int, ...]


def mirror_images(spatial_dims: int) -> list[Axes]:
    """The axes of (K, J, I) along which each of the 2^d mirror images is turned round, the scan as it is first."""
    axes = range(3 - spatial_dims, 3)
    return [chosen for count in range(spatial_dims + 1) for chosen in combinations(axes, count)]


def mirror(volume: Tensor, axes: Axes) -> Tensor:
    """The volume turned round along `axes`; itself where there are none."""
    return volume.flip(axes) if axes else volume


def mirror_box(box: Box, shape: Sequence[int], axes: Axes) -> Box:
    """Where the box of a scan of `shape` lies in its mirror image."""
    return tuple(
        (length - hi, length - lo) if axis in axes else (lo, hi)
        for axis, ((lo, hi), length) in enumerate(zip(box, shape, strict=True))
    )
