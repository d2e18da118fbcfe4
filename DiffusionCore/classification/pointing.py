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
    empty cells too, which show nothing: its evidence counts within the structure only, at any voxel; a region that holds
    none of the structure has no evidence.
    """
    if outline:
        structure = x[:, 0] > 0.5
        regions = top_regions(guidance.where, x.shape[2:], config.region, (1, 1, 1), config.regions, structure)
    else:
        structure = torch.ones_like(x[:, 0], dtype=torch.bool)
        regions = guidance.regions
    return regions, region_evidence(guidance.where, regions, config.region, structure)
