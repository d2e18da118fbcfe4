"""The upscaler of a synthesis cascade: what an image of half the size lacks, drawn by diffusion."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from .denoiser import Denoiser, per_sample
from .unet import UNetConfig


def halved(x: torch.Tensor, factor: int = 2) -> torch.Tensor:
    """(N, C, *S) -> (N, C, *S / factor): the mean of each block of voxels."""
    pool = F.avg_pool3d if x.ndim == 5 else F.avg_pool2d
    return pool(x, factor) if factor > 1 else x


def enlarged(x: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
    """(N, C, *S) -> (N, C, *sizes) on the same physical box: bicubic in 2D, trilinear in 3D."""
    mode = "trilinear" if x.ndim == 5 else "bicubic"
    return F.interpolate(x, size=tuple(sizes), mode=mode, align_corners=False)


class Upscaler(Denoiser):
    """Predicts v of the residual r_0 = (x - y) / detail, where y is an image of half the size, enlarged.

    `detail` is the residual's typical size in normalised units, so that r_0 has about unit variance at edges. In training
    y is spoilt by white noise of standard deviation sigma before it is enlarged, and the network is told how much, so that
    it forgives the mistakes of the stage before it (conditioning augmentation, Ho et al. 2022, sec. 4).

    forward(r_t (N, 1, *S), t (N,), y (N, 1, *S) normalised, sigma (N, 1, ...), label (N, labels) or None) -> r0_hat.
    """

    state = "upscale"
    own_scalars = 2
    input_channels = 2
    exact_in_tiles = False
    receptive_field = None

    def __init__(
        self, network: nn.Module, config: UNetConfig, signal: torch.Tensor, noise: torch.Tensor, detail: float
    ) -> None:
        super().__init__(network, config, signal, noise)
        self.detail = detail

    def to_state(self, x: torch.Tensor, y: torch.Tensor | None, sigma: torch.Tensor | None) -> torch.Tensor:
        return (x - y) / self.detail

    def from_state(self, x0: torch.Tensor, y: torch.Tensor | None, sigma: torch.Tensor | None) -> torch.Tensor:
        return y + self.detail * x0

    def expected_error(self, t: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """The unit in which the loss measures the error of r0_hat: that of v."""
        a, s = per_sample(self.signal[t], like.ndim), per_sample(self.noise[t], like.ndim)
        return s / (a**2 + s**2)

    def forward(
        self,
        r_t: torch.Tensor,
        t: torch.Tensor,
        y: torch.Tensor,
        sigma: torch.Tensor,
        level: torch.Tensor | None = None,
        label: torch.Tensor | None = None,
    ) -> torch.Tensor:
        level = sigma.flatten(1).mean(dim=1) if level is None else level
        scalars = (1000 * t / self.num_train_timesteps, 2500 * level, *self.label_scalars(label, r_t))
        answer = self.run_network([r_t, 2 * y - 1], *scalars)
        a, s = per_sample(self.signal[t], r_t.ndim), per_sample(self.noise[t], r_t.ndim)
        return (a * r_t - s * answer) / (a**2 + s**2)
