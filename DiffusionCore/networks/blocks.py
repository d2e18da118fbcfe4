"""The blocks of the U-Net, in 2D and 3D: embedding, residual block, self-attention, down- and up-sampling."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from .convolution import convolution, modulated


def sinusoidal_embedding(position: torch.Tensor, width: int, longest_period: float = 10_000.0) -> torch.Tensor:
    """(N,) -> (N, width): sines and cosines of geometrically spaced frequencies (Vaswani et al. 2017, sec. 3.5)."""
    half = width // 2
    frequency = torch.exp(-math.log(longest_period) * torch.arange(half, device=position.device) / half)
    angle = position.float()[:, None] * frequency[None]
    return torch.cat([angle.sin(), angle.cos()], dim=1)


class Embedding(nn.Module):
    """(N,) scalars, e.g. the timestep and ln sigma, to one vector (N, width) that every residual block sees."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.mix = nn.Sequential(nn.Linear(inputs * width, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, *scalars: torch.Tensor) -> torch.Tensor:
        parts = [sinusoidal_embedding(scalar, self.width) for scalar in scalars]
        return self.mix(torch.cat(parts, dim=1).to(self.mix[0].weight.dtype))


def normalisation(kind: str, channels: int) -> nn.Module:
    """`group`: GroupNorm as S0 (statistics over space, so not exact in tiles); `none`: nothing."""
    if kind == "group":
        return nn.GroupNorm(math.gcd(channels, 8 if channels < 64 else 32), channels)
    return nn.Identity()


class ResidualBlock(nn.Module):
    """x + conv(act(film(conv(x)))), the embedding scaling and shifting the hidden channels (FiLM, Perez et al. 2018).

    With `norm="group"` each convolution is followed by GroupNorm and SiLU, as in S0. The second convolution starts at
    zero, so that a new block is the identity: without normalisation this is what keeps deep networks trainable.
    """

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int, embedding: int, norm: str) -> None:
        super().__init__()
        self.conv1 = convolution(spatial_dims, in_channels, out_channels)
        self.norm1 = normalisation(norm, out_channels)
        self.film = nn.Linear(embedding, 2 * out_channels) if embedding else None
        self.conv2 = convolution(spatial_dims, out_channels, out_channels)
        self.norm2 = normalisation(norm, out_channels)
        self.final_activation = norm != "none"
        self.skip = (
            nn.Identity()
            if in_channels == out_channels
            else convolution(spatial_dims, in_channels, out_channels, kernel=1)
        )
        if norm == "none":
            nn.init.zeros_(self.conv2.weight)
            nn.init.zeros_(self.conv2.bias)
        else:
            nn.init.zeros_(self.norm2.weight)
        if self.film is not None:
            nn.init.zeros_(self.film.weight)
            nn.init.zeros_(self.film.bias)

    def forward(self, x: torch.Tensor, embedding: torch.Tensor | None) -> torch.Tensor:
        film = None if self.film is None else self.film(embedding).chunk(2, dim=1)
        if not self.final_activation:
            # Without gradients the answer is added into x itself: nobody needs the block's input any more.
            return self.conv2(self.conv1(x, film, silu=True), add=self.skip(x))
        h = self.conv1(x)
        h = self.norm1(h)
        if film is not None:
            h = modulated(h, film)
        return F.silu(self.norm2(self.conv2(F.silu(h, inplace=True)))) + self.skip(x)


class SelfAttention(nn.Module):
    """Multi-head self-attention over all positions, on average-pooled maps where there are more than `max_tokens`.

    Attention over every voxel of a 64³ patch would be 262 144 tokens; pooling to 16³ keeps it affordable. The pooled
    answer is brought back by linear interpolation and added.
    """

    def __init__(self, channels: int, heads: int, max_tokens: int) -> None:
        super().__init__()
        self.norm = normalisation("group", channels)
        self.attend = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.max_tokens = max_tokens
        nn.init.zeros_(self.attend.out_proj.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.norm(x)
        factor = 1
        while math.prod(-(-size // factor) for size in x.shape[2:]) > self.max_tokens:
            factor *= 2
        if factor > 1:
            pool = F.avg_pool3d if x.ndim == 5 else F.avg_pool2d
            h = pool(h, factor, ceil_mode=True)
        tokens = h.flatten(2).transpose(1, 2)
        answer = self.attend(tokens, tokens, tokens, need_weights=False)[0].transpose(1, 2).reshape(h.shape)
        if factor > 1:
            mode = "trilinear" if x.ndim == 5 else "bilinear"
            answer = F.interpolate(answer, size=x.shape[2:], mode=mode, align_corners=False)
        return x + answer


class Upsample(nn.Module):
    """Twice the size: by transposed convolution (S0), or by a 1-convolution and nearest neighbour (no checkerboard)."""

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int, transposed: bool) -> None:
        super().__init__()
        if transposed:
            layer = nn.ConvTranspose3d if spatial_dims == 3 else nn.ConvTranspose2d
            self.transposed = layer(in_channels, out_channels, 2, stride=2)
        else:
            self.transposed = None
            self.mix = convolution(spatial_dims, in_channels, out_channels, kernel=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.transposed is not None:
            return self.transposed(x)
        return F.interpolate(self.mix(x), scale_factor=2, mode="nearest")
