"""Convolutions that take what follows them along: feature-wise scale and shift, SiLU, the addition of a skip.

Without gradients on a CPU the lot is one oneDNN primitive, which saves the passes over memory that full-resolution maps
are bound by; everywhere else the same is written out.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


def can_fuse(x: torch.Tensor) -> bool:
    """Whether oneDNN can run convolution and what follows as one: CPU, no gradients or autocast, a build that has it."""
    return (
        x.device.type == "cpu"
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and x.dtype in (torch.float32, torch.bfloat16)
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    )


def modulated(x: torch.Tensor, film: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """x (N, channels, *S) times 1 + scale plus shift, film = (scale, shift) of (N, channels) each (Perez et al. 2018)."""
    scale, shift = (part.reshape(*part.shape, *[1] * (x.ndim - 2)) for part in film)
    return torch.addcmul(shift, x, 1 + scale)


class Fusing:
    """Forward of `Convolution2d` and `Convolution3d`.

    forward(x, film=None, silu=False, add=None) -> silu?(film?(conv(x))) + add?, film as in `modulated`. `add` may be
    overwritten. `padding` replaces the layer's own.
    """

    def forward(
        self,
        x: torch.Tensor,
        film: tuple[torch.Tensor, torch.Tensor] | None = None,
        silu: bool = False,
        add: torch.Tensor | None = None,
        padding: tuple[int, ...] | None = None,
    ) -> torch.Tensor:
        padding = self.padding if padding is None else padding
        if can_fuse(x) and (film is None or len(x) == 1) and not (silu and add is not None):
            return self.fused(x, film, silu, add, padding)
        convolve = F.conv3d if x.ndim == 5 else F.conv2d
        h = convolve(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)
        if film is not None:
            h = modulated(h, film)
        if silu:
            h = F.silu(h, inplace=film is not None or not torch.is_grad_enabled())
        return h if add is None else h + add

    def fused(
        self,
        x: torch.Tensor,
        film: tuple[torch.Tensor, torch.Tensor] | None,
        silu: bool,
        add: torch.Tensor | None,
        padding: tuple[int, ...],
    ) -> torch.Tensor:
        """All in one primitive; scale and shift are folded into weight and bias, since there is one sample."""
        weight, bias = self.weight, self.bias
        if film is not None:
            scale, shift = 1 + film[0][0].float(), film[1][0].float()
            weight = (weight * scale.reshape(-1, *[1] * (weight.ndim - 1))).to(weight.dtype)
            bias = (bias * scale + shift).to(bias.dtype)
        shape = (list(padding), list(self.stride), list(self.dilation), self.groups)
        if add is not None:
            return torch.ops.mkldnn._convolution_pointwise_(add, x, weight, bias, *shape, "add", 1.0, None, [], None)
        return torch.ops.mkldnn._convolution_pointwise(x, weight, bias, *shape, "swish" if silu else "none", [], None)


class Convolution2d(Fusing, nn.Conv2d):
    """`nn.Conv2d` with `Fusing.forward`."""


class Convolution3d(Fusing, nn.Conv3d):
    """`nn.Conv3d` with `Fusing.forward`."""


def convolution(
    spatial_dims: int, in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1
) -> Convolution2d | Convolution3d:
    """A convolution that keeps the size at stride 1 (zero padding) and divides it by `stride` otherwise."""
    layer = Convolution3d if spatial_dims == 3 else Convolution2d
    padding = kernel // 2 if stride == 1 else 0
    return layer(in_channels, out_channels, kernel, stride=stride, padding=padding)
