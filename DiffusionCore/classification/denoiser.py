"""The denoiser of labels: a 3D U-Net in which every grid point has its own timestep."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from ..networks.blocks import normalisation, sinusoidal_embedding
from .encoder import checkpointed


class ConditionedBlock(nn.Module):
    """Residual block whose hidden channels are scaled and shifted, at every grid point, by the point's timestep and by
    the feature prior."""

    def __init__(self, in_channels: int, out_channels: int, embedding: int, features: int) -> None:
        super().__init__()
        self.norm1 = normalisation("group", in_channels)
        self.conv1 = nn.Conv3d(in_channels, out_channels, 3, padding=1)
        self.from_time = nn.Conv3d(embedding, 2 * out_channels, 1)
        self.from_features = nn.Linear(features, 2 * out_channels, bias=False)
        self.norm2 = normalisation("group", out_channels)
        self.conv2 = nn.Conv3d(out_channels, out_channels, 3, padding=1)
        self.skip = nn.Identity() if in_channels == out_channels else nn.Conv3d(in_channels, out_channels, 1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x: torch.Tensor, time: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        h = self.norm2(self.conv1(F.silu(self.norm1(x))))
        film = self.from_time(time) + self.from_features(features)[..., None, None, None]
        scale, shift = film.chunk(2, dim=1)
        return self.conv2(F.silu(torch.addcmul(shift, h, 1 + scale))) + self.skip(x)


class LabelUNet(nn.Module):
    """[y_t, M] (N, 2 classes, G, G, G), timesteps (N, 1, G, G, G) and features F (N, features) to (N, classes, G, G, G).

    On coarser levels a point's embedding is the mean over the points it stands for.
    """

    def __init__(self, classes: int, widths: Sequence[int], embedding: int, features: int) -> None:
        super().__init__()
        self.classes, self.embedding = classes, embedding
        self.embed = nn.Sequential(
            nn.Conv3d(embedding, embedding, 1), nn.SiLU(), nn.Conv3d(embedding, embedding, 1), nn.SiLU()
        )
        self.condition = nn.Sequential(nn.LayerNorm(features), nn.SiLU())
        self.head = nn.Conv3d(2 * classes, widths[0], 3, padding=1)
        pairs = list(itertools.pairwise(widths))

        def block(a: int, b: int) -> ConditionedBlock:
            return ConditionedBlock(a, b, embedding, features)

        self.encoder = nn.ModuleList(block(w, w) for w in widths[:-1])
        self.down = nn.ModuleList(nn.Conv3d(a, b, 2, stride=2) for a, b in pairs)
        self.middle = block(widths[-1], widths[-1])
        self.up = nn.ModuleList(nn.ConvTranspose3d(b, a, 2, stride=2) for a, b in pairs)
        self.decoder = nn.ModuleList(block(2 * w, w) for w in widths[:-1])
        self.tail = nn.Sequential(
            normalisation("group", widths[0]), nn.SiLU(), nn.Conv3d(widths[0], classes, 3, padding=1)
        )
        nn.init.zeros_(self.tail[-1].weight)
        nn.init.zeros_(self.tail[-1].bias)
        self.checkpointing = False

    def forward(
        self, y_t: torch.Tensor, dense_map: torch.Tensor, t: torch.Tensor, features: torch.Tensor
    ) -> torch.Tensor:
        times = self._embedded(t)
        condition = self.condition(features)
        x = self.head(torch.cat([y_t, dense_map], dim=1))
        skips = []
        for level, (block, down) in enumerate(zip(self.encoder, self.down, strict=True)):
            x = checkpointed(block, x, times[level], condition, active=self.checkpointing)
            skips.append(x)
            x = down(x)
        x = checkpointed(self.middle, x, times[-1], condition, active=self.checkpointing)
        for level in reversed(range(len(self.up))):
            x = torch.cat([self.up[level](x), skips[level]], dim=1)
            x = checkpointed(self.decoder[level], x, times[level], condition, active=self.checkpointing)
        return self.tail(x)

    def _embedded(self, t: torch.Tensor) -> list[torch.Tensor]:
        """The embedding of t at each level, (N, embedding, G / 2^level cubed)."""
        flat = sinusoidal_embedding(t.flatten(), self.embedding).unflatten(0, (len(t), -1)).transpose(1, 2)
        embedded = self.embed(flat.unflatten(2, t.shape[2:]).to(self.head.weight.dtype))
        levels = [embedded]
        for _ in self.down:
            levels.append(F.avg_pool3d(levels[-1], 2))
        return levels
