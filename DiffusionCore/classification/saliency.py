"""The saliency map, and the class prior that is read off it."""

from __future__ import annotations

import torch
from torch import nn


class SaliencyHead(nn.Module):
    """Features (N, F, *cells) to evidence maps (N, classes, *cells), by a linear classifier in every cell."""

    def __init__(self, features: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout3d(dropout)
        self.classify = nn.Conv3d(features, classes, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.classify(self.dropout(features))


def class_evidence(maps: torch.Tensor, share: float) -> torch.Tensor:
    """Logits (N, classes): the mean of the highest `share` of each class's cells, one at least (Shen et al. 2021, eq. 4)."""
    cells = maps.flatten(2)
    count = max(1, round(share * cells.shape[-1]))
    return cells.topk(count, dim=-1).values.mean(dim=-1)


def class_saliency(maps: torch.Tensor) -> torch.Tensor:
    """(N, classes, *cells) in 0..1: what the classes' shares would be if there were only this cell."""
    return maps.float().softmax(dim=1)


def where_to_look(saliency: torch.Tensor, global_logits: torch.Tensor, normal_class: int | None) -> torch.Tensor:
    """One map (N, *cells): the evidence against the normal class, or, without one, for the classes as probable as they
    are."""
    if normal_class is not None:
        return 1 - saliency[:, normal_class]
    weight = global_logits.float().softmax(dim=1)
    return torch.einsum("nc,nc...->n...", weight, saliency)
