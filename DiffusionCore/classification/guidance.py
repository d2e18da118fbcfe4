"""The guidance network: what the two encoders say of an image, before any diffusion (phase 1 trains it)."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import nn

from .config import S4Config
from .encoder import GlobalEncoder
from .local_encoder import GatedAttention, LocalEncoder
from .regions import crop_regions, top_regions
from .saliency import SaliencyHead, class_evidence, class_saliency, where_to_look


def both_answers(global_logits: torch.Tensor, local_logits: torch.Tensor) -> torch.Tensor:
    """(N, classes) probabilities: the encoders' own answer, the mean of both streams'."""
    return (global_logits.float().softmax(1) + local_logits.float().softmax(1)) / 2


@dataclass(frozen=True, eq=False)
class Streams:
    """What the encoders make of N images.

    global_features (N, features, *cells)   local_features (N, K, local_features)
    global_logits, local_logits (N, classes)
    saliency (N, classes, *cells) 0..1      where (N, *cells) 0..1, what the regions are chosen by
    regions (N, K, 3) int64, first voxels   attention (N, K), sums to 1
    """

    global_features: torch.Tensor
    local_features: torch.Tensor
    global_logits: torch.Tensor
    local_logits: torch.Tensor
    saliency: torch.Tensor
    where: torch.Tensor
    regions: torch.Tensor
    attention: torch.Tensor


@dataclass(frozen=True, eq=False)
class Guidance:
    """What the diffusion of a label is guided by, and what a person is shown. N images, K regions.

    global_logits, local_logits (N, classes)
    saliency (N, classes, *cells)   0..1 in each cell of the encoder's feature map, which spans the image evenly
    where (N, *cells)               0..1, the map that the regions were chosen by
    regions (N, K, 3)               first voxel (k, j, i) of each region, int64, best first
    attention (N, K)                weight of each region in the local answer
    dense_map (N, classes, G, G, G) M
    features (N, features)          F
    """

    global_logits: torch.Tensor
    local_logits: torch.Tensor
    saliency: torch.Tensor
    where: torch.Tensor
    regions: torch.Tensor
    attention: torch.Tensor
    dense_map: torch.Tensor
    features: torch.Tensor

    @property
    def probabilities(self) -> torch.Tensor:
        """(N, classes): the guidance network's own answer."""
        return both_answers(self.global_logits, self.local_logits)

    def repeated(self, times: int) -> Guidance:
        """The same for `times` copies of the batch, one after the other."""
        parts = {f.name: getattr(self, f.name) for f in fields(self)}
        return Guidance(**{name: part.repeat(times, *[1] * (part.ndim - 1)) for name, part in parts.items()})


class GuidanceNetwork(nn.Module):
    """Image (N, 1, K, J, I) to `Streams`."""

    def __init__(self, config: S4Config) -> None:
        super().__init__()
        self.config = config
        self.encoder = GlobalEncoder(config.encoder, config.features, config.norm)
        self.saliency = SaliencyHead(config.features, config.classes, config.dropout)
        self.local_encoder = LocalEncoder(config.local, config.local_features, config.norm)
        self.attention = GatedAttention(config.local_features, config.attention)
        self.local_classifier = nn.Sequential(
            nn.Dropout(config.dropout), nn.Linear(config.local_features, config.classes)
        )

    def forward(self, x: torch.Tensor) -> Streams:
        """Raises `UsageError` where the regions don't fit into the image."""
        config = self.config
        config.check_size(tuple(x.shape[2:]))
        if config.window is not None:
            low, high = config.window
            x = (x.clamp(low, high) - low) / (high - low)
        features = self.encoder(x)
        maps = self.saliency(features)
        global_logits = class_evidence(maps, config.pooling)
        saliency = class_saliency(maps)
        where = where_to_look(saliency, global_logits, config.normal_class)
        structure = x[:, 0] != 0 if config.on_structure else None
        starts = top_regions(where.detach(), x.shape[2:], config.region, config.region_step, config.regions, structure)
        if config.local_stream:
            local = self.local_encoder(crop_regions(x, starts, config.region))
            attention = self.attention(local)
            local_logits = self.local_classifier(torch.einsum("nk,nkf->nf", attention, local))
        else:
            local = features.new_zeros(len(x), config.regions, config.local_features)
            attention = features.new_full((len(x), config.regions), 1 / config.regions)
            local_logits = global_logits
        return Streams(features, local, global_logits, local_logits, saliency, where, starts, attention)
