"""The feature prior F: what both encoders saw, as one vector."""

from __future__ import annotations

import torch
from torch import nn


class FeaturePrior(nn.Module):
    """F = Σ Q ⊙ [F_global, F_roi1 ... F_roiK] (N, features), Q (1 + K, features) learnt, regions in order of saliency.

    The global features are averaged over space; both kinds are brought to the same width first, the regions' by two
    layers, as they have fewer features. Source: Yang et al. 2025 (DiffMIC-v2), in 3D.
    """

    def __init__(self, features: int, local_features: int, regions: int, hidden: int) -> None:
        super().__init__()
        self.from_global = nn.Sequential(nn.LayerNorm(features), nn.Linear(features, features))
        self.from_local = nn.Sequential(
            nn.LayerNorm(local_features), nn.Linear(local_features, hidden), nn.SiLU(), nn.Linear(hidden, features)
        )
        self.weight = nn.Parameter(torch.full((1 + regions, features), 1 / (1 + regions)))

    def forward(self, global_features: torch.Tensor, local_features: torch.Tensor) -> torch.Tensor:
        """global_features (N, features, *cells), local_features (N, K, local_features)."""
        pooled = self.from_global(global_features.flatten(2).mean(dim=-1))
        streams = torch.cat([pooled[:, None], self.from_local(local_features)], dim=1)
        return (self.weight * streams).sum(dim=1)
