"""Images put together from two: what is learnt then has to lie in the right part of the image."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def cutmix(
    x: torch.Tensor, y: torch.Tensor, classes: int, share: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Of a `share` of the images x (N, 1, K, J, I), one side of a plane across a random axis comes from another image.

    Returns the images and their classes (N, classes) by volume: a third of a tumour's cube counts a third. The plane lies
    between a quarter and three quarters of the axis. Source: Yun et al. 2019 (CutMix), with halves for boxes, as no part
    should be too small to be judged.
    """
    truth = F.one_hot(y, classes).to(x.dtype)
    partner = torch.randperm(len(x), generator=generator)
    chosen = torch.rand(len(x), generator=generator) < share
    axes = torch.randint(2, 5, (len(x),), generator=generator).tolist()
    cuts = (0.25 + 0.5 * torch.rand(len(x), generator=generator)).tolist()
    far = (torch.rand(len(x), generator=generator) < 0.5).tolist()
    mixed, targets = x.clone(), truth.clone()
    for n in torch.nonzero(chosen).flatten().tolist():
        other, length = int(partner[n]), x.shape[axes[n]]
        cut = round(cuts[n] * length)
        begin, count = (cut, length - cut) if far[n] else (0, cut)
        side = (n, *[slice(None)] * (axes[n] - 1), slice(begin, begin + count))
        mixed[side] = x[(other, *side[1:])]
        targets[n] = torch.lerp(truth[n], truth[other], count / length)
    return mixed, targets
