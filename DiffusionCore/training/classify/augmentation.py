"""What is done to a batch of images before a classifier is trained on it: mirrored, turned, scaled, moved, sheared; grey
values bent; label maps thickened and thinned."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from .config import ClassifyAugmentation


def augmented(
    x: torch.Tensor, config: ClassifyAugmentation, labelmap: bool, generator: torch.Generator
) -> torch.Tensor:
    """A changed copy of images x (N, 1, K, J, I) float32, normalised; a label map's values stay 0 and 1.

    Everything is drawn from `generator`, a CPU one. Where an image is turned or moved, its edge goes on (grey values) or
    nothing comes in (label maps).
    """
    x = warped(mirrored(x, config, generator), config, labelmap, generator)
    if labelmap:
        return thickened(x, config.thickness, generator)
    return bent(x, config, generator)


def mirrored(x: torch.Tensor, config: ClassifyAugmentation, generator: torch.Generator) -> torch.Tensor:
    """Each image flipped along each of `config.flip`'s axes, or not, evenly."""
    for axis in config.flip:
        dim = 2 + "kji".index(axis)
        chosen = (torch.rand(len(x), generator=generator) < 0.5).reshape(-1, 1, 1, 1, 1).to(x.device)
        x = torch.where(chosen, x.flip(dim), x)
    return x


def warped(x: torch.Tensor, config: ClassifyAugmentation, labelmap: bool, generator: torch.Generator) -> torch.Tensor:
    """Turned, scaled, sheared and moved at once, by linear interpolation; `config.affine` says how many are."""
    count = len(x)
    turns = _uniform((count, 3), generator) * math.radians(config.degrees)
    # a scale for all axes, and a smaller one for each of its own
    scales = torch.exp(
        _uniform((count, 1), generator) * math.log1p(config.zoom)
        + _uniform((count, 3), generator) * math.log1p(config.stretch)
    )
    shear = torch.eye(3) + config.shear * _uniform((count, 3, 3), generator) * (1 - torch.eye(3))
    matrix = rotation(turns) @ shear * scales[:, None, :]
    size = torch.tensor(x.shape[:1:-1], dtype=torch.float32)  # affine_grid counts along (I, J, K)
    # grid_sample's coordinates span -1..1 on every axis, so an anisotropic box needs its proportions put in and out
    matrix = matrix * size[None, None, :] / size[None, :, None]
    move = 2 * config.shift * _uniform((count, 3), generator) / size
    theta = torch.cat([matrix, move[:, :, None]], dim=2)
    still = torch.rand(count, generator=generator) >= config.affine
    theta[still] = torch.eye(3, 4)
    grid = F.affine_grid(theta.to(x.device), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="zeros" if labelmap else "border", align_corners=False)


def rotation(angles: torch.Tensor) -> torch.Tensor:
    """(N, 3) radians about the three axes, one after the other, to rotation matrices (N, 3, 3)."""
    matrix = torch.eye(3).expand(len(angles), 3, 3)
    for axis in range(3):
        a, b = (n for n in range(3) if n != axis)
        turn = torch.eye(3).repeat(len(angles), 1, 1)
        cosine, sine = angles[:, axis].cos(), angles[:, axis].sin()
        turn[:, a, a], turn[:, b, b] = cosine, cosine
        turn[:, a, b], turn[:, b, a] = -sine, sine
        matrix = matrix @ turn
    return matrix


def thickened(x: torch.Tensor, thickness: float, generator: torch.Generator) -> torch.Tensor:
    """A label map cut anew at a level between 0.5 - thickness and 0.5 + thickness, which moves its surface by up to
    about half a voxel either way."""
    level = 0.5 + thickness * _uniform((len(x), 1, 1, 1, 1), generator).to(x.device)
    return (x > level).to(x.dtype)


def bent(x: torch.Tensor, config: ClassifyAugmentation, generator: torch.Generator) -> torch.Tensor:
    """Grey values times a gain, to a power, through a smooth field, plus an offset and noise."""
    count = len(x)

    def each(strength: float) -> torch.Tensor:
        return (strength * _uniform((count, 1, 1, 1, 1), generator)).to(x.device)

    x = x.clamp_min(0) ** torch.exp(each(math.log1p(config.gamma))) if config.gamma else x
    if config.bias_field:
        slope = (config.bias_field * _uniform((count, 1, 3, 3, 3), generator)).to(x.device)
        x = x * torch.exp(F.interpolate(slope, size=x.shape[2:], mode="trilinear", align_corners=True))
    x = x * torch.exp(each(math.log1p(config.gain))) + each(config.offset)
    if config.noise:
        sigma = (config.noise * torch.rand((count, 1, 1, 1, 1), generator=generator)).to(x.device)
        x = x + sigma * torch.randn(x.shape, generator=generator).to(x.device)
    return x


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """Evenly from -1 to 1."""
    return 2 * torch.rand(shape, generator=generator) - 1
