"""Small denoisers that keep the contract of networks.Denoiser, so that inference is tested apart from any preset."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from DiffusionCore.diffusion import Process, make_process


class TinyUNet(nn.Module):
    """No norm: 3-convolution, 2-convolution of stride 2, 3-convolution, nearest neighbour, skip, 3-convolution.

    A voxel reaches 1 (head) + 1 (the pair it is merged with) + 2 (3-convolution below) + 1 (tail) = 5 voxels.
    """

    def __init__(self, dims: int, width: int) -> None:
        super().__init__()
        conv = nn.Conv3d if dims == 3 else nn.Conv2d
        self.head, self.down = conv(3, width, 3, padding=1), conv(width, width, 2, stride=2)
        self.middle, self.tail = conv(width, width, 3, padding=1), conv(width, 1, 3, padding=1)
        self.scalars = nn.Linear(2, width)

    def forward(self, x: torch.Tensor, scalars: torch.Tensor) -> torch.Tensor:
        x = self.head(x)
        x = F.silu(x + self.scalars(scalars.to(x.dtype)).reshape(*x.shape[:2], *[1] * (x.ndim - 2)))
        below = F.silu(self.middle(self.down(x)))
        return self.tail(x + F.interpolate(below, scale_factor=2, mode="nearest"))


class TinyDenoiser(nn.Module):
    """The contract of networks.Denoiser around a TinyUNet."""

    downsampling, receptive_field, exact_in_tiles, macs_per_voxel = 2, 5, True, 1000.0
    streams = False

    def __init__(
        self, dims: int = 3, state: str = "residual", steps: int = 40, width: int = 6, exact: bool = True
    ) -> None:
        super().__init__()
        self.spatial_dims, self.state, self.num_train_timesteps, self.exact_in_tiles = dims, state, steps, exact
        with torch.random.fork_rng():
            torch.manual_seed(5)
            self.network = TinyUNet(dims, width)
        self.width, self.calls, self.seen = width, 0, []

    def bytes_per_voxel(self, dtype: torch.dtype) -> float:
        return 4.0 * self.width * dtype.itemsize

    def from_state(self, x0: torch.Tensor, y: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return torch.addcmul(y, sigma, x0) if self.state == "residual" else x0

    def forward(self, x_t, t, y, sigma, level, keep=None):
        y = torch.zeros_like(x_t) if y is None else y
        shape = torch.broadcast_shapes(x_t.shape, y.shape)
        dtype = self.network.head.weight.dtype
        x = torch.cat([c.expand(shape).to(dtype) for c in (x_t, y, torch.log(sigma))], dim=1)
        x0_hat = self.network(x, torch.stack([t / self.num_train_timesteps, torch.log(level)], dim=1)).float()
        return x0_hat if keep is None else x0_hat[(..., *(slice(*window) for window in keep))]


@pytest.fixture
def tiny():
    """Makes a denoiser: tiny(dims, state, steps, width, exact)."""
    return TinyDenoiser


@pytest.fixture
def process() -> Process:
    """40 steps of the cosine process with zero terminal SNR, the `fast` family's."""
    return make_process("cosine_zero_snr", 40)


@pytest.fixture
def scan():
    """scan(*shape): a reproducible image with structure at all scales."""

    def make(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=torch.Generator().manual_seed(sum(shape)))

    return make
