"""From noise to a label on its grid, each point along its own timesteps; and from the grid to probabilities."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch

from ..diffusion import Process

X0 = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""x0(y_t, t) -> the expected clean state; y_t (N, C, G, G, G), t (N, 1, G, G, G) int64."""


def denoise_labels(x0: X0, y_T: torch.Tensor, process: Process, maps: Sequence[torch.Tensor]) -> torch.Tensor:
    """The state at t = 0 (N, C, G, G, G), by DDIM without added noise (Song et al. 2021, eq. 12) at each point.

    `maps` are timestep maps (N or 1, 1, G, G, G), the first all T, the last all 0, none rising. A point that has arrived at
    0 stays as it is.
    """
    y = y_T
    for now, then in itertools.pairwise(maps):
        t = now.to(y.device).expand(len(y), -1, -1, -1, -1)
        s = then.to(y.device).expand_as(t)
        expected = x0(y, t.clamp(min=1))
        a_t, sd_t = process.at(t.clamp(min=1), y)
        a_s, sd_s = process.at(s, y)
        epsilon = (y - a_t * expected) / sd_t
        y = torch.where(t == 0, y, a_s * expected + sd_s * epsilon)
    return y


def label_probabilities(labels: torch.Tensor) -> torch.Tensor:
    """(N, C, G, G, G) states, 1 for the class and -1 for the others, to probabilities (N, C): the mean over the grid,
    each class's share of the sum."""
    share = ((labels.float().mean(dim=(2, 3, 4)) + 1) / 2).clamp(1e-6, 1)
    return share / share.sum(dim=1, keepdim=True)
