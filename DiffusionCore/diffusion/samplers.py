"""Samplers from noise to data, each one flat generator, for any (signal, noise) process and tensors of any dimension.

All take denoise(x_t, t) -> x0_hat; x_T (N, C, *spatial), the state at timesteps[0] (`initial_state` makes it of noise,
`matched_start` of a scan); and timesteps, descending ints in 1..T. All step from the last timestep to t = 0, where
x_0 = x0_hat, and yield (x, x0_hat) after every step, so the last x is the result. The state keeps x_T's dtype;
coefficients are float64.

`noise(step_index, like)` returns standard normal noise, shaped like `like`, for the step that leaves
timesteps[step_index]; it is not asked on the last step. `noise_scale` multiplies it: from 1, a sample, down to 0, the
mean (arXiv 2503.20297); give `initial_state` the same. `clip` = (low, high) bounds x0_hat. Whether gradients are kept
is the caller's choice. A wrong argument raises UsageError when the first step is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Literal

from torch import Tensor

from ..errors import UsageError
from .process import Process, posterior, transition
from .targets import Denoise
from .timesteps import check_timesteps

Noise = Callable[[int, Tensor], Tensor]
Steps = Iterator[tuple[Tensor, Tensor]]


def ddpm(
    denoise: Denoise,
    x_T: Tensor,
    process: Process,
    timesteps: Sequence[int],
    *,
    noise: Noise,
    variance: Literal["posterior", "beta"] = "posterior",
    noise_scale: float = 1.0,
    clip: tuple[float, float] | None = None,
) -> Steps:
    """Ancestral sampling (Ho et al. 2020, algorithm 2): x_s ~ q(x_s | x_t, x0_hat).

    variance "posterior" is that of q(x_s | x_t, x_0), "beta" that of the forward step q(x_t | x_s).
    """
    if variance not in ("posterior", "beta"):
        raise UsageError(f"no DDPM variance '{variance}'; there are posterior, beta")
    _check_noise_scale(noise_scale)
    x = x_T
    for i, (t, s) in enumerate(_pairs(process, timesteps)):
        x0_hat = _as_state(denoise(x, t), x, clip)
        if s == 0:
            yield x0_hat, x0_hat
            return
        c_x, c_0, var = posterior(process, s, t)
        if variance == "beta":
            _, var = transition(process, s, t)
        x = (c_x * x).add_(x0_hat, alpha=c_0)
        if noise_scale > 0 and var > 0:
            x = x.add_(noise(i, x), alpha=noise_scale * math.sqrt(var))
        yield x, x0_hat


def ddim(
    denoise: Denoise,
    x_T: Tensor,
    process: Process,
    timesteps: Sequence[int],
    *,
    noise: Noise | None = None,
    eta: float = 0.0,
    noise_scale: float = 1.0,
    clip: tuple[float, float] | None = None,
) -> Steps:
    """DDIM (Song et al. 2021, eq. 12): x_s = a_s x0_hat + sqrt(s_s^2 - sigma^2) epsilon_hat + sigma z.

    sigma = eta times the posterior's standard deviation: eta 0 is deterministic and needs no `noise`, eta 1 is DDPM.
    """
    if not 0 <= eta <= 1:
        raise UsageError(f"eta must be 0 to 1, got {eta:g}")
    if eta > 0 and noise is None:
        raise UsageError("DDIM with eta above 0 needs a source of noise")
    _check_noise_scale(noise_scale)
    x = x_T
    for i, (t, s) in enumerate(_pairs(process, timesteps)):
        x0_hat = _as_state(denoise(x, t), x, clip)
        if s == 0:
            yield x0_hat, x0_hat
            return
        (a_t, sd_t), (a_s, sd_s) = process.pair(t), process.pair(s)
        sigma = eta * math.sqrt(posterior(process, s, t)[2])
        c_epsilon = math.sqrt(max(sd_s**2 - sigma**2, 0.0))
        # epsilon_hat = (x - a_t x0_hat) / s_t, written out so that it needs no tensor of its own
        x = (c_epsilon / sd_t * x).add_(x0_hat, alpha=a_s - c_epsilon * a_t / sd_t)
        if noise is not None and noise_scale * sigma > 0:
            x = x.add_(noise(i, x), alpha=noise_scale * sigma)
        yield x, x0_hat


def dpm_solver_pp_2m(
    denoise: Denoise,
    x_T: Tensor,
    process: Process,
    timesteps: Sequence[int],
    *,
    noise: Noise | None = None,
    noise_scale: float = 1.0,
    clip: tuple[float, float] | None = None,
) -> Steps:
    """DPM-Solver++(2M), the second-order multistep ODE solver (Lu et al. 2022b, algorithm 2), with lambda = ln(a / s).

    The first step is of first order: from a = 0 its limit x_s = a_s x0_hat + s_s x_T / s_T, after which the second step
    has no finite slope to use and is of first order too. So is the last step (h is infinite). It is deterministic:
    `noise` and `noise_scale` are there so that all samplers are called alike, and are not used.
    """
    x, x0_before, h_before = x_T, None, math.inf
    for t, s in _pairs(process, timesteps):
        x0_hat = _as_state(denoise(x, t), x, clip)
        if s == 0:
            yield x0_hat, x0_hat
            return
        (a_t, sd_t), (a_s, sd_s) = process.pair(t), process.pair(s)
        h = math.log(a_s) - math.log(a_t) + math.log(sd_t / sd_s) if a_t > 0 else math.inf
        # x_s = (s_s / s_t) x_t - a_s (e^-h - 1) D; a_s e^-h = a_t s_s / s_t is finite where h is not
        c_x, c_d = sd_s / sd_t, a_s - a_t * sd_s / sd_t
        correction = h / (2 * h_before) if 0 < h_before < math.inf else 0.0
        x = (c_x * x).add_(x0_hat, alpha=c_d * (1 + correction))
        if x0_before is not None and correction != 0:
            x = x.add_(x0_before, alpha=-c_d * correction)
        x0_before, h_before = x0_hat, h
        yield x, x0_hat


SAMPLERS: Mapping[str, Callable[..., Steps]] = MappingProxyType({"ddim": ddim, "ddpm": ddpm, "dpm++": dpm_solver_pp_2m})


def named_sampler(name: str, eta: float = 0.0) -> Callable[..., Steps]:
    """The sampler of that name in SAMPLERS; `eta` is DDIM's."""
    return partial(ddim, eta=eta) if name == "ddim" else SAMPLERS[name]


def _pairs(process: Process, timesteps: Sequence[int]) -> Iterator[tuple[int, int]]:
    visited = check_timesteps(process.steps, timesteps)
    return zip(visited, (*visited[1:], 0), strict=True)


def _as_state(x0_hat: Tensor, x: Tensor, clip: tuple[float, float] | None) -> Tensor:
    x0_hat = x0_hat.to(x.dtype)
    if clip is None:
        return x0_hat
    low, high = clip
    if not low < high:
        raise UsageError(f"clip must be (low, high) with low below high, got ({low:g}, {high:g})")
    return x0_hat.clamp(low, high)


def _check_noise_scale(noise_scale: float) -> None:
    if not (math.isfinite(noise_scale) and noise_scale >= 0):
        raise UsageError(f"noise_scale must be 0 or more, got {noise_scale:g}")
