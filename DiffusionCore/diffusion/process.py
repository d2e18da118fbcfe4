"""The forward process as general (signal, noise) pairs: x_t = a_t x_0 + s_t epsilon, and what follows by algebra."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import UsageError


@dataclass(frozen=True, eq=False)
class Process:
    """A Gaussian Markov chain from clean data to noise, known by its marginals q(x_t | x_0) = N(a_t x_0, s_t^2 I).

    `signal` (a_t) and `noise` (s_t) are float64 CPU tensors of T + 1 values. Index 0 is clean (a = 1, s = 0); index t
    is Ho's t, 1 to T, diffusers' plus 1. Neither a^2 + s^2 = 1 nor a_T > 0 is assumed.

    Raises UsageError where the values are no such process: they must be finite, a >= 0, s > 0 from t = 1 on, and a / s
    must never rise with t (noise cannot be taken away by adding noise).
    """

    signal: Tensor
    noise: Tensor

    def __post_init__(self) -> None:
        for name in ("signal", "noise"):
            values = torch.as_tensor(getattr(self, name), dtype=torch.float64).detach().cpu().clone()
            object.__setattr__(self, name, values)
        a, s = self.signal, self.noise
        if a.ndim != 1 or a.shape != s.shape or a.numel() < 2:
            raise UsageError(
                f"a process needs signal and noise as two lists of the same length, 2 or more; got shapes "
                f"{tuple(a.shape)} and {tuple(s.shape)}"
            )
        if not (torch.isfinite(a).all() and torch.isfinite(s).all() and (a >= 0).all() and (s[1:] > 0).all()):
            raise UsageError("a process needs finite values, signal of 0 or more, and noise above 0 from t = 1 on")
        if a[0] != 1 or s[0] != 0:
            raise UsageError(f"a process starts clean (signal 1, noise 0); got {a[0]:g} and {s[0]:g} at t = 0")
        # cross-multiplied, so that a = 0 needs no case of its own; the slack is float64 round-off
        if (a[2:] * s[1:-1] > a[1:-1] * s[2:] * (1 + 1e-12)).any():
            raise UsageError("a process's ratio of signal to noise must not rise with t; check the schedule's values")

    @property
    def steps(self) -> int:
        """T, the number of noising steps."""
        return self.signal.numel() - 1

    def pair(self, t: int) -> tuple[float, float]:
        """(a_t, s_t) as Python floats. Raises UsageError unless 0 <= t <= T."""
        if not 0 <= t <= self.steps:
            raise UsageError(f"t must be 0 to {self.steps}, got {t}")
        return float(self.signal[t]), float(self.noise[t])

    def at(self, t: int | Tensor, like: Tensor) -> tuple[float, float] | tuple[Tensor, Tensor]:
        """(a_t, s_t) ready to multiply `like` (N, C, *spatial).

        An int gives floats. A tensor (N,) gives one pair for each example, of shape (N, 1, ..., 1); a tensor with as
        many axes as `like`, say (N, 1, *spatial), gives every grid point its own. Tensors come on `like`'s device, in
        its dtype or float32, whichever is finer. A tensor's values must lie in 0..T; that costs a device sync to check
        and is left to the caller.
        """
        if not isinstance(t, Tensor):
            return self.pair(t)
        if t.ndim not in (0, 1, like.ndim):
            raise UsageError(
                f"t must have shape (N,) or {like.ndim} axes like the tensor it goes with, got {tuple(t.shape)}"
            )
        dtype = torch.promote_types(like.dtype, torch.float32)
        index = (t.reshape(-1, *[1] * (like.ndim - 1)) if t.ndim == 1 else t).to(like.device, torch.long)
        # cast before the move: some devices have no float64
        return self.signal.to(dtype).to(like.device)[index], self.noise.to(dtype).to(like.device)[index]


def forward(process: Process, x0: Tensor, t: int | Tensor, epsilon: Tensor) -> Tensor:
    """x_t = a_t x_0 + s_t epsilon, in x0's dtype; x0 and epsilon (N, C, *spatial), t as in `Process.at`.

    Source: Ho et al. 2020, eq. 4, for general pairs.
    """
    a, s = process.at(t, x0)
    return (a * x0 + s * epsilon).to(x0.dtype)


def transition(process: Process, s: int, t: int) -> tuple[float, float]:
    """The chain's own step from s up to t > s: q(x_t | x_s) = N(A x_s, v I); returns (A, v).

    A = a_t / a_s and v = s_t^2 - A^2 s_s^2, the only choice that keeps both marginals; v is Ho's beta_t for neighbours
    in a variance-preserving process. Where no signal is left at s either, the noise is drawn afresh (A = 0).
    """
    (a_s, sd_s), (a_t, sd_t) = process.pair(s), process.pair(t)
    ratio = a_t / a_s if a_s > 0 else 0.0
    return ratio, max(sd_t**2 - (ratio * sd_s) ** 2, 0.0)


def posterior(process: Process, s: int, t: int) -> tuple[float, float, float]:
    """q(x_s | x_t, x_0) = N(c_x x_t + c_0 x_0, variance I) for s < t; returns (c_x, c_0, variance).

    Conditioning the Gaussian x_s on x_t = A x_s + sqrt(v) z gives c_x = A s_s^2 / s_t^2, c_0 = a_s v / s_t^2 and
    variance = s_s^2 v / s_t^2, which is Ho et al. 2020, eq. 6-7, where a^2 + s^2 = 1. A capped process carries its cap
    in the variance.
    """
    a_s, sd_s = process.pair(s)
    _, sd_t = process.pair(t)
    ratio, v = transition(process, s, t)
    return ratio * (sd_s / sd_t) ** 2, a_s * v / sd_t**2, sd_s**2 * v / sd_t**2


def initial_state(process: Process, t: int, epsilon: Tensor, *, noise_scale: float = 1.0) -> Tensor:
    """The pure-noise state that sampling starts from at t (mostly T): noise_scale * s_t * epsilon.

    epsilon is standard normal (N, C, *spatial). Its standard deviation is s_t, so a process capped at 0.3 starts at
    sqrt(0.3). Give a sampler the same `noise_scale` (its texture control) as given here.
    """
    _, s = process.pair(t)
    return (noise_scale * s) * epsilon


def matched_timestep(process: Process, sigma: float) -> int:
    """The first t whose state is as noisy as data with noise of standard deviation sigma: s_t / a_t >= sigma.

    x_t / a_t is x_0 plus noise of standard deviation s_t / a_t. sigma is in the units of x_0: on data in [-1, 1], twice
    the share of the range. The first t that is noisy enough, not the nearest, so that no noise is taken for signal.
    0 where sigma is 0. Source: Chung et al. 2022 (CCDF); DDM2 searches for the same t.

    Raises UsageError for a negative sigma or one above what the process reaches.
    """
    if not (math.isfinite(sigma) and sigma >= 0):
        raise UsageError(f"sigma must be 0 or more, got {sigma:g}")
    ratio = process.noise / process.signal
    if sigma > ratio[-1]:
        raise UsageError(f"sigma {sigma:g} is above the process's last noise-to-signal ratio {float(ratio[-1]):g}")
    return int(torch.searchsorted(ratio, sigma))


def matched_start(process: Process, y: Tensor, sigma: float) -> tuple[Tensor, int]:
    """Start the chain from a scan y with noise of standard deviation sigma: (a_t y, t) at the matched timestep t."""
    t = matched_timestep(process, sigma)
    return process.pair(t)[0] * y, t
