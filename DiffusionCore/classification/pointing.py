"""Where a person is pointed to: the regions that hold most of the evidence; in an outline, where the structure is."""

from __future__ import annotations

import torch

from .config import S4Config
from .guidance import Guidance
from .regions import region_evidence, top_regions


def pointed_regions(
    guidance: Guidance, x: torch.Tensor, config: S4Config, outline: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """(regions (N, R, 3) int64 first voxels, best first; evidence (N, R) 0..1, their means of the map) of images x
    (N, 1, K, J, I).

    Of grey values they are the regions that the local encoder looked at. Of an `outline` (0 and 1) the map is high over
    empty cells too, which show nothing: its evidence counts within the structure only, and regions begin at any voxel where
    all of them find room so; a region that holds none of the structure has no evidence.
    """
    if outline:
        structure = x[:, 0] > 0.5
        size = x.shape[2:]
        # no region overlaps two corners' regions of an image three times its size, so that up to eight always find room
        room = config.regions <= 8 and all(n >= 3 * s - 1 for n, s in zip(size, config.region, strict=True))
        step = (1, 1, 1) if room else config.region_step
        regions = top_regions(guidance.where, size, config.region, step, config.regions, structure)
    else:
        structure = torch.ones_like(x[:, 0], dtype=torch.bool)
        regions = guidance.regions
    return regions, region_evidence(guidance.where, regions, config.region, structure)
