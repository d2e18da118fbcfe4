"""Denoisers: a network with what goes in and what comes out scaled so that it learns only what is not known already.

Both families answer the same question, E[x_0 | x_t, y], through one signature,
`denoiser(x_t, t, y, sigma, level=None) -> x0_hat`:

`ResidualDenoiser` (`fast`)      the state is the noise-normalised residual (x - y) / sigma
`ImageDenoiser`    (`reference`, image_denoiser.py) the state is the image itself, y a second channel, as in S0 and S3
`Upscaler`         (upscaler.py) the state is what an image from half the size lacks
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from ..errors import UsageError
from .cost import macs_by_layer, peak_bytes_per_column, peak_bytes_per_voxel
from .receptive_field import receptive_field
from .streaming import can_stream
from .unet import UNetConfig
from .window import Window, cut, whole


def gaussian_kernel(width: float) -> torch.Tensor:
    """Sampled Gaussian of standard deviation `width` voxels, cut at 3 widths, sum 1."""
    radius = math.ceil(3 * width)
    x = torch.arange(-radius, radius + 1, dtype=torch.float64)
    kernel = torch.exp(-0.5 * (x / width) ** 2)
    return (kernel / kernel.sum()).float()


def smooth(x: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """Separable convolution of every spatial axis of x (N, 1, *S) with `kernel`; edges repeated."""
    convolve = F.conv3d if x.ndim == 5 else F.conv2d
    radius = len(kernel) // 2
    for axis in range(2, x.ndim):
        shape, pad = [1] * x.ndim, [0] * (2 * (x.ndim - 2))
        shape[axis] = len(kernel)
        first = 2 * (x.ndim - 1 - axis)
        pad[first] = pad[first + 1] = radius
        x = convolve(F.pad(x, pad, mode="replicate"), kernel.to(x.dtype).reshape(shape))
    return x


def per_sample(values: torch.Tensor, ndim: int) -> torch.Tensor:
    """(N,) -> (N, 1, ..., 1) with `ndim` dimensions."""
    return values.reshape(-1, *[1] * (ndim - 1))


# What a network is shown in place of a scan that is left out, in training by condition dropout (Ho & Salimans 2022) and in
# guidance: the middle of the normalised range, which `ImageDenoiser` feeds as 0.
NO_CONDITION = 0.5
# The same in place of a number in 0..1 (slice height, class) that an image is made for; the embedding knows it from all others.
NO_LABEL = -0.5


class Denoiser(nn.Module, ABC):
    """What both families share: the network, its process (a_t, s_t for t = 0..T), and the figures a planner needs."""

    state: str
    own_scalars: int

    def __init__(self, network: nn.Module, config: UNetConfig, signal: torch.Tensor, noise: torch.Tensor) -> None:
        super().__init__()
        self.network = network
        self.config = config
        self.register_buffer("signal", signal.float(), persistent=False)
        self.register_buffer("noise", noise.float(), persistent=False)

    @property
    def num_train_timesteps(self) -> int:
        return len(self.signal) - 1

    @property
    def spatial_dims(self) -> int:
        return self.config.spatial_dims

    @property
    def downsampling(self) -> int:
        return self.config.downsampling

    @property
    def labels(self) -> int:
        """How many numbers an image can be asked for by: the scalars that the network embeds beside its own."""
        return self.config.scalars - self.own_scalars

    def label_scalars(self, label: torch.Tensor | None, like: torch.Tensor) -> list[torch.Tensor]:
        """What is asked for, (N, labels) in 0..1 or `NO_LABEL`, on the timestep's scale; None: nothing is asked for.

        Raises `UsageError` where the network takes another number of labels.
        """
        if label is None:
            label = torch.full((len(like), self.labels), NO_LABEL, device=like.device)
        if label.shape != (len(like), self.labels):
            raise UsageError(f"this model takes {self.labels} labels for each image, got {tuple(label.shape)}")
        return list((1000 * label).unbind(1))

    @property
    def macs_per_voxel(self) -> float:
        """Multiply-accumulates of one pass per voxel of the input."""
        return sum(self.macs_by_layer().values())

    def macs_by_layer(self) -> dict[str, float]:
        """Multiply-accumulates per voxel of each layer of `network`, by its name there: shares for a progress bar."""
        size = 2 * self.downsampling
        return macs_by_layer(self.network, self.config.in_channels, self.spatial_dims, size, self.config.scalars)

    def bytes_per_voxel(self, dtype: torch.dtype) -> float:
        """An estimate of the activations alive at once, in bytes per voxel of the input."""
        return peak_bytes_per_voxel(self.config.channels, self.config.skip, dtype.itemsize, self.spatial_dims)

    def bytes_per_column(self, dtype: torch.dtype, chunk: int) -> float:
        """The same for `streams`, in bytes per voxel of a slice, for stacks of `chunk` slices."""
        c = self.config
        return peak_bytes_per_column(c.channels, c.blocks, dtype.itemsize, self.receptive_field or 0, chunk)

    @property
    def streams(self) -> bool:
        """Whether it can be run layer by layer over a moving stack of slices (`networks.streaming`)."""
        return False

    @property
    def dtype(self) -> torch.dtype:
        return next(self.network.parameters()).dtype

    @abstractmethod
    def to_state(self, x: torch.Tensor, y: torch.Tensor | None, sigma: torch.Tensor | None) -> torch.Tensor:
        """A normalised image x as the clean diffusion state."""

    @abstractmethod
    def from_state(self, x0: torch.Tensor, y: torch.Tensor | None, sigma: torch.Tensor | None) -> torch.Tensor:
        """The inverse of `to_state`: a clean state as a normalised image."""

    def stacked(self, channels: list[torch.Tensor]) -> torch.Tensor:
        """The channels (N, 1, *S) as the network takes them: one tensor (N, C, *S) in its own dtype and layout."""
        memory_format = torch.channels_last_3d if self.spatial_dims == 3 else torch.channels_last
        # not torch.broadcast_shapes, whose first call imports sympy: a second of processor time
        full = [c.to(self.dtype) for c in torch.broadcast_tensors(*channels)]
        return torch.cat(full, dim=1).contiguous(memory_format=memory_format)

    def run_network(
        self, channels: list[torch.Tensor], *scalars: torch.Tensor, keep: Window | None = None
    ) -> torch.Tensor:
        """The network on the stacked channels; the answer, or the part `keep` of it, in float32."""
        return self.network(self.stacked(channels), *scalars, keep=keep).float()


@dataclass(frozen=True)
class WienerPrior:
    """What is assumed of a scan before the network speaks: smooth at `smoothing` voxels, details of std `detail`.

    `shrink` says that sigma is noise in y, so that y's details are believed in part. Without it y's details are believed
    in full, and sigma is what y lacks (super-resolution).
    """

    smoothing: float = 1.2
    detail: float = 0.05
    shrink: bool = True


@dataclass(frozen=True)
class Prepared:
    """The network's channels (N, 1, *S); r0_hat = linear + unit * its answer."""

    channels: list[torch.Tensor]
    linear: torch.Tensor
    unit: torch.Tensor


class ResidualDenoiser(Denoiser):
    """Predicts the noise-normalised residual r_0 = (x - y) / sigma from r_t = a r_0 + s epsilon, y and sigma.

    Locally r_0 is taken as Gaussian with mean m = -sigma (y - l) / (h² + sigma²), the Wiener estimate with
    l = Gaussian * y, and variance q² = h² / (h² + sigma²); without `WienerPrior.shrink` m = 0 and q = 1. Given r_t, its
    linear estimate and error are

        r_lin = m + a q² (r_t - a m) / (a² q² + s²)        q_t = q s / sqrt(a² q² + s²)

    and the network's output F is the rest in units of that error: r0_hat = r_lin + q_t F. This is v-prediction
    (v = (a r_t - r_0) / s) with a preconditioning (Karras et al. 2022, sec. 5). At t = T of a process with
    zero terminal SNR, a = 0: r_t carries nothing, is not used, and r0_hat is the conditional mean E[r_0 | y].

    forward(r_t (N, 1, *S), t (N,), y (N, 1, *S) normalised, sigma (N, 1, *S) or (N, 1, ...1) in y's units,
    level (N,) the typical sigma of the whole scan, by default the median of `sigma`, keep) -> r0_hat (N, 1, *S), or the
    part `keep`, (first, last + 1) along each axis, of it.
    """

    state = "residual"
    own_scalars = 2
    input_channels = 5

    def __init__(
        self,
        network: nn.Module,
        config: UNetConfig,
        signal: torch.Tensor,
        noise: torch.Tensor,
        prior: WienerPrior | None = None,
    ) -> None:
        super().__init__(network, config, signal, noise)
        self.prior = prior or WienerPrior()
        self.register_buffer("kernel", gaussian_kernel(self.prior.smoothing), persistent=False)

    def to_state(self, x: torch.Tensor, y: torch.Tensor | None, sigma: torch.Tensor | None) -> torch.Tensor:
        return (x - y) / sigma

    def from_state(self, x0: torch.Tensor, y: torch.Tensor | None, sigma: torch.Tensor | None) -> torch.Tensor:
        return torch.addcmul(y, sigma, x0)

    @property
    def exact_in_tiles(self) -> bool:
        return self.receptive_field is not None

    @property
    def receptive_field(self) -> int | None:
        reach = receptive_field(self.network)
        return None if reach is None else reach + len(self.kernel) // 2

    def coefficients(self, t: torch.Tensor, sigma: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(a, s, q², total standard deviation of r_t - a m), each broadcastable to sigma."""
        a = per_sample(self.signal[t], sigma.ndim)
        s = per_sample(self.noise[t], sigma.ndim)
        q2 = self.prior.detail**2 / (self.prior.detail**2 + sigma**2) if self.prior.shrink else torch.ones_like(sigma)
        return a, s, q2, torch.sqrt(a**2 * q2 + s**2)

    def expected_error(self, t: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """q_t: the unit in which the loss measures the error of r0_hat."""
        _, s, q2, total = self.coefficients(t, sigma)
        return torch.sqrt(q2) * s / total

    @property
    def streams(self) -> bool:
        return can_stream(self.network)

    @property
    def margin(self) -> int:
        """How far `prepared` looks around a voxel."""
        return len(self.kernel) // 2

    def scalars(self, t: torch.Tensor, level: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """What the network is told beside its channels, each (N,) and of the size its embedding was made for."""
        return 1000 * t / self.num_train_timesteps, 250 * torch.log(level / 0.05)

    def prepared(
        self,
        r_t: torch.Tensor,
        t: torch.Tensor,
        y: torch.Tensor,
        sigma: torch.Tensor,
    ) -> Prepared:
        """What goes into the network and what becomes of its answer; arguments as for `forward`."""
        a, s, q2, total = self.coefficients(t, sigma)
        h2 = self.prior.detail**2
        detail = y - smooth(y, self.kernel)
        pull = -sigma / (h2 + sigma**2) * detail
        mean = pull if self.prior.shrink else 0.0
        innovation = torch.where(a > 0, r_t - a * mean, 0.0)
        # Each bounded by about ten, also at the sharpest edges and the lowest sigma: larger inputs made training jump.
        channels = [
            innovation / total,
            pull,
            detail / torch.sqrt(h2 + sigma**2),
            0.1 * y / (sigma + 0.02),
            torch.log(sigma / 0.05).expand_as(y),
        ]
        return Prepared(channels, mean + a * q2 / total**2 * innovation, torch.sqrt(q2) * s / total)

    def forward(
        self,
        r_t: torch.Tensor,
        t: torch.Tensor,
        y: torch.Tensor,
        sigma: torch.Tensor,
        level: torch.Tensor | None = None,
        keep: Window | None = None,
    ) -> torch.Tensor:
        if level is None:
            level = sigma.flatten(1).median(dim=1).values
        ready = self.prepared(r_t, t, y, sigma)
        answer = self.run_network(ready.channels, *self.scalars(t, level), keep=keep)
        linear, unit = (cut(x.expand_as(y), keep or whole(y), whole(y)) for x in (ready.linear, ready.unit))
        return linear + unit * answer
