"""One call of a denoiser: what it is given of the scan, and its answer."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ..networks import NO_CONDITION
from .mirror import Axes, mirror
from .tiles import Box, sizes, take
from .watch import shares_of_work


@dataclass(frozen=True)
class Condition:
    """What is known of the scan: y (K, J, I) normalised, or None for a network that is not shown it; sigma () or a map
    (K, J, I) in y's units; `level`, the typical sigma of the whole scan, which is the same in every tile."""

    shape: tuple[int, ...]
    y: Tensor | None
    sigma: Tensor
    level: float

    def mirror(self, axes: Axes) -> Condition:
        """The same of the scan's mirror image."""
        y = None if self.y is None else mirror(self.y, axes)
        return replace(self, y=y, sigma=mirror(self.sigma, axes) if self.sigma.ndim else self.sigma)

    def without_y(self) -> Condition:
        """For a network that has no channel for y."""
        return replace(self, y=None)

    def with_nothing_in_y(self) -> Condition:
        """The null condition of classifier-free guidance in place of the scan, as training shows it."""
        if self.y is None:
            return self
        return replace(self, y=torch.full((), NO_CONDITION, device=self.y.device).expand(self.shape))


@dataclass(frozen=True)
class Placed:
    """A copy of a denoiser where it works, and which of its layers take the time (see `watch.shares_of_work`)."""

    denoiser: nn.Module
    device: torch.device
    shares: list[tuple[nn.Module, float]]


def place_denoiser(denoiser: nn.Module, device: torch.device, dtype: torch.dtype) -> Placed:
    """A copy of the denoiser on a device, its `network` in the format `dtype` and channels last.

    What surrounds the network (schedule, preconditioning) stays in float32: y must keep its full precision there.
    """
    copied = copy.deepcopy(denoiser).eval().requires_grad_(False).to(device)
    body = getattr(copied, "network", copied)
    body.to(dtype=dtype)
    body.to(memory_format=torch.channels_last_3d if copied.spatial_dims == 3 else torch.channels_last)
    return Placed(copied, device, shares_of_work(copied))


def inputs(
    placed: Placed,
    condition: Condition,
    state: Tensor | None,
    t: int,
    boxes: Sequence[Box],
    origin: Sequence[int],
) -> tuple[Tensor, Tensor, Tensor | None, Tensor, Tensor]:
    """The denoiser's arguments (x_t, t, y, sigma, level) for equal boxes of the scan; N boxes in 3D, or N slices in 2D.

    `state` holds the part of x_t (K, J, I) that begins at `origin`; None stands for zeros.
    """
    flat, device = placed.denoiser.spatial_dims == 2, placed.device

    def batch(volume: Tensor, start: Sequence[int]) -> Tensor:
        pieces = [take(volume, box, condition.shape, start).to(device) for box in boxes]
        stacked = pieces[0][None] if len(pieces) == 1 else torch.stack(pieces)
        return stacked.flatten(0, 1)[:, None] if flat else stacked[:, None]

    here = (0, 0, 0)
    shape = (len(boxes), *sizes(boxes[0]))
    count = shape[0] * shape[1] if flat else shape[0]
    spatial = shape[2:] if flat else shape[1:]
    y = None if condition.y is None else batch(condition.y, here)
    if condition.sigma.ndim:
        sigma = batch(condition.sigma, here)
    else:
        sigma = condition.sigma.to(device).reshape((1,) * (len(spatial) + 2)).expand(count, *[1] * (len(spatial) + 1))
    x_t = torch.zeros((), device=device).expand(count, 1, *spatial) if state is None else batch(state, origin)
    time = torch.full((count,), t, device=device)
    level = torch.full((count,), condition.level, device=device)
    return x_t, time, y, sigma, level


def answer(
    placed: Placed,
    condition: Condition,
    state: Tensor | None,
    t: int,
    boxes: Sequence[Box],
    origin: Sequence[int],
    keep: Box | None = None,
) -> Tensor:
    """The denoiser's x0_hat (N, *box) for equal boxes of the scan; arguments as for `inputs`.

    `keep` asks an exact denoiser for this part of each box only, counted from the box's corner.
    """
    part = {} if keep is None else {"keep": keep[-placed.denoiser.spatial_dims :]}
    x0_hat = placed.denoiser(*inputs(placed, condition, state, t, boxes, origin), **part)
    return x0_hat.reshape(len(boxes), *sizes(keep or boxes[0]))
