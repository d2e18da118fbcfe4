"""Where to look closely: the K places of highest saliency, side by side, never overlapping."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch.nn import functional as F


def candidate_starts(size: Sequence[int], region: Sequence[int], step: Sequence[int]) -> list[list[int]]:
    """Along each axis the voxels that a region may begin at: multiples of `step`, and the last one that fits, so that
    the far border is reached too."""
    axes = []
    for n, s, by in zip(size, region, step, strict=True):
        starts = list(range(0, n - s + 1, by))
        axes.append(starts if starts[-1] == n - s else [*starts, n - s])
    return axes


def most_blocked(starts: Sequence[Sequence[int]], region: Sequence[int]) -> int:
    """The most candidates that one chosen region overlaps, itself included."""
    return math.prod(
        max(sum(abs(a - b) < s for b in axis) for a in axis) for axis, s in zip(starts, region, strict=True)
    )


def window_means(image: torch.Tensor, starts: Sequence[Sequence[int]], region: Sequence[int]) -> torch.Tensor:
    """Mean of image (N, K, J, I) over the region at every candidate: (N, candidates along K, J, I), by running sums."""
    means = image.double()
    for axis, (places, s) in enumerate(zip(starts, region, strict=True), start=1):
        total = F.pad(means.movedim(axis, -1).cumsum(-1), (1, 0))
        first = torch.tensor(places, device=image.device)
        means = ((total[..., first + s] - total[..., first]) / s).movedim(-1, axis)
    return means


def at_voxels(saliency: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """A map of cells (N, *cells) that spans the image evenly, at the image's voxels (N, *size), linearly."""
    return F.interpolate(saliency[:, None].float(), size=tuple(size), mode="trilinear", align_corners=False)[:, 0]


def top_regions(
    saliency: torch.Tensor,
    size: Sequence[int],
    region: Sequence[int],
    step: Sequence[int],
    count: int,
    structure: torch.Tensor | None = None,
) -> torch.Tensor:
    """The first voxels (N, count, 3) int64 of the regions with the highest mean saliency, best first, not overlapping.

    saliency (N, *cells) is brought to the image's `size` linearly; outside a `structure` (N, *size) bool it counts as 0.
    Chosen one by one: the best candidate, then the best that does not overlap it, and so on (Shen et al. 2021, algorithm
    1). `S4Config.check_size` says whether there is always room.
    """
    fine = at_voxels(saliency, size)
    if structure is not None:
        fine = fine * structure
    starts = candidate_starts(size, region, step)
    # rounding ties off makes the choice the same for any batch and thread count
    score = window_means(fine, starts, region).round(decimals=9).flatten(1)
    places = torch.cartesian_prod(*(torch.tensor(axis, device=saliency.device) for axis in starts))
    extent = torch.tensor(tuple(region), device=saliency.device)
    chosen = []
    for _ in range(count):
        best = places[score.argmax(dim=1)]
        chosen.append(best)
        overlaps = ((places[None] - best[:, None]).abs() < extent).all(dim=-1)
        score = score.masked_fill(overlaps, -math.inf)
    return torch.stack(chosen, dim=1)


def region_evidence(
    saliency: torch.Tensor, starts: torch.Tensor, region: Sequence[int], structure: torch.Tensor
) -> torch.Tensor:
    """(N, K): the mean of the map over the structure (N, *size) in each region; 0 where a region holds none of it."""
    fine = at_voxels(saliency, structure.shape[1:]) * structure
    held, voxels = (crop_regions(x[:, None].float(), starts, region).sum((2, 3, 4, 5)) for x in (fine, structure))
    return held / voxels.clamp_min(1)


def crop_regions(image: torch.Tensor, starts: torch.Tensor, region: Sequence[int]) -> torch.Tensor:
    """The regions (N, K, C, *region) of image (N, C, K, J, I) that begin at starts (N, K, 3)."""
    a, b, c = region
    return torch.stack(
        [
            torch.stack([one[:, k : k + a, j : j + b, i : i + c] for k, j, i in places])
            for one, places in zip(image, starts.tolist(), strict=True)
        ]
    )
