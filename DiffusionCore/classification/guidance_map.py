"""The dense guidance map: the global and the local answer, spread over the label's grid."""

from __future__ import annotations

import torch


def grid_distance(edge: int) -> torch.Tensor:
    """d (edge, edge, edge) in 0..1: (max(i, j, k) - min(i, j, k)) / (edge - 1).

    On a plane it is |i - j| / (edge - 1), the weight of DiffMIC-v2 (Yang et al. 2025): 0 on the diagonal, 1 in the
    corners furthest from it.
    """
    axes = torch.meshgrid(*[torch.arange(edge)] * 3, indexing="ij")
    points = torch.stack(axes)
    return (points.amax(0) - points.amin(0)).float() / (edge - 1)


def dense_guidance(y_global: torch.Tensor, y_local: torch.Tensor, distance: torch.Tensor) -> torch.Tensor:
    """M = (1 - d) y_global + d y_local: (N, classes) twice and (G, G, G) to (N, classes, G, G, G)."""
    return torch.lerp(y_global[..., None, None, None], y_local[..., None, None, None], distance)
