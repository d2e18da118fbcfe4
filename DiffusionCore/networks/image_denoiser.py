"""The denoiser whose state is the image itself: S0's and S3's, and of synthesis from noise."""

from __future__ import annotations

import torch
from torch import nn

from ..errors import UsageError
from .denoiser import Denoiser, per_sample
from .unet import UNetConfig


class ImageDenoiser(Denoiser):
    """S0's and S3's conditioning: the network sees [x_t, y] (or x_t alone) and predicts epsilon, x_0 or v.

    The state is 2 x - 1, since the linear schedule expects data in [-1, 1].
    forward(x_t (N, C, *S), t (N,), y (N, 1, *S) normalised or None, sigma ignored, label (N, labels) or None) ->
    x0_hat (N, C, *S).
    Raises `UsageError` for epsilon-prediction of a process that ends at a = 0.
    """

    state = "image"
    own_scalars = 1
    exact_in_tiles = False
    receptive_field = None

    def __init__(
        self, network: nn.Module, config: UNetConfig, signal: torch.Tensor, noise: torch.Tensor, prediction: str
    ) -> None:
        super().__init__(network, config, signal, noise)
        if prediction not in ("epsilon", "x0", "v"):
            raise UsageError(f"prediction must be 'epsilon', 'x0' or 'v', got {prediction!r}")
        if prediction == "epsilon" and signal[1:].min() <= 0:
            raise UsageError("a network that predicts epsilon says nothing where the signal is 0; predict x0 or v")
        self.prediction = prediction

    def to_state(self, x: torch.Tensor, y: torch.Tensor | None, sigma: torch.Tensor | None) -> torch.Tensor:
        return 2 * x - 1

    def from_state(self, x0: torch.Tensor, y: torch.Tensor | None, sigma: torch.Tensor | None) -> torch.Tensor:
        return (x0 + 1) / 2

    def expected_error(self, t: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """The unit in which the loss measures the error of x0_hat: that of the predicted quantity."""
        a, s = per_sample(self.signal[t], like.ndim), per_sample(self.noise[t], like.ndim)
        unit = {"epsilon": s / a.clamp_min(1e-12), "x0": torch.ones_like(a), "v": s / (a**2 + s**2)}
        return unit[self.prediction]

    def forward(
        self,
        x_t: torch.Tensor,
        t: torch.Tensor,
        y: torch.Tensor | None = None,
        sigma: torch.Tensor | None = None,
        level: torch.Tensor | None = None,
        label: torch.Tensor | None = None,
    ) -> torch.Tensor:
        channels = [x_t] if y is None else [x_t, 2 * y - 1]
        scalars = (1000 * t / self.num_train_timesteps, *self.label_scalars(label, x_t))
        answer = self.run_network(channels, *scalars)
        a, s = per_sample(self.signal[t], x_t.ndim), per_sample(self.noise[t], x_t.ndim)
        if self.prediction == "epsilon":
            return (x_t - s * answer) / a
        if self.prediction == "v":
            return (a * x_t - s * answer) / (a**2 + s**2)
        return answer
