"""Named noise schedules: each makes a Process from a number of steps and its own few parameters."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor

from ..errors import UsageError
from .process import Process


def linear(steps: int, *, beta_start: float = 1e-4, beta_end: float = 0.02) -> Process:
    """beta_t from beta_start (t = 1) to beta_end (t = T) in equal steps (Ho et al. 2020)."""
    _check_ends(beta_start, beta_end)
    return _from_betas(torch.linspace(beta_start, beta_end, steps, dtype=torch.float64))


def scaled_linear(steps: int, *, beta_start: float = 1e-4, beta_end: float = 0.02) -> Process:
    """sqrt(beta_t) in equal steps (Rombach et al. 2022, who take 0.00085 to 0.012)."""
    _check_ends(beta_start, beta_end)
    return _from_betas(torch.linspace(beta_start**0.5, beta_end**0.5, steps, dtype=torch.float64) ** 2)


def cosine(steps: int, *, s: float = 0.008, max_beta: float = 0.999) -> Process:
    """alpha_bar_t = f(t) / f(0) with f(t) = cos^2(pi/2 (t/T + s) / (1 + s)), each beta at most max_beta.

    Source: Nichol & Dhariwal 2021, eq. 17.
    """
    if not (math.isfinite(s) and s >= 0 and 0 < max_beta <= 1):
        raise UsageError(f"a cosine schedule needs s of 0 or more and max_beta in (0, 1], got {s:g} and {max_beta:g}")
    t = torch.arange(steps + 1, dtype=torch.float64) / steps
    f = torch.cos((t + s) / (1 + s) * (math.pi / 2)) ** 2
    return _from_betas((1 - f[1:] / f[:-1]).clamp(max=max_beta))


def cosine_zero_snr(steps: int) -> Process:
    """alpha_bar_t = cos^2(pi t / 2T) exactly, so that alpha_bar_T = 0: at t = T nothing of x_0 is left."""
    a, s = _quarter_wave(steps)
    return Process(a, s)


def capped_cosine(steps: int, *, cap: float = 0.3) -> Process:
    """alpha_bar_t = cos^2(pi t / 2T), variance cap * (1 - alpha_bar_t): the capped process that trains.

    It is the variance-preserving one of x_0 / sqrt(cap), and sampling starts at standard deviation sqrt(cap).
    """
    _check_cap(cap)
    a, s = _quarter_wave(steps)
    return Process(a, math.sqrt(cap) * s)


def capped_cosine_literal(steps: int, *, cap: float = 0.3) -> Process:
    """alpha_t = cos^2(pi t / 2T), alpha_bar_t = prod alpha_i, variance cap * (1 - alpha_bar_t).

    The formulas taken literally, for parity: alpha_bar is 1e-10 by t = 0.3 T, so most timesteps are pure noise.
    """
    _check_cap(cap)
    factors, _ = _quarter_wave(steps)  # a_t = prod cos(pi i / 2T); factor 0 is 1
    # the product of cosines itself, not the root of the product of squares, which underflows long before T
    a = torch.cumprod(factors, 0)
    return Process(a, (cap * (1 - a) * (1 + a)).sqrt())


def given(steps: int, *, betas: Sequence[float] | Tensor) -> Process:
    """alpha_bar_t = prod (1 - beta_i) of the betas given, one for each of the `steps` timesteps, each in (0, 1]."""
    values = _as_list(betas)
    if values.numel() != steps:
        raise UsageError(f"{steps} steps need {steps} betas, got {values.numel()}")
    return _from_betas(values)


SCHEDULES: Mapping[str, Callable[..., Process]] = MappingProxyType(
    {
        "linear": linear,
        "scaled_linear": scaled_linear,
        "cosine": cosine,
        "cosine_zero_snr": cosine_zero_snr,
        "capped_cosine": capped_cosine,
        "capped_cosine_literal": capped_cosine_literal,
        "given": given,
    }
)


def make_process(name: str, steps: int | None = None, **options: object) -> Process:
    """The process called `name` in SCHEDULES, with T = `steps` (1000; for "given", the number of betas).

    Options are the schedule's own keywords (beta_start, beta_end; s, max_beta; cap; betas).
    Raises UsageError, naming what is allowed, for an unknown name or option or a value out of range.
    """
    if name not in SCHEDULES:
        raise UsageError(f"no schedule '{name}'; there are {', '.join(SCHEDULES)}")
    schedule = SCHEDULES[name]
    parameters = [p for p in inspect.signature(schedule).parameters.values() if p.kind is p.KEYWORD_ONLY]
    allowed = [p.name for p in parameters]
    for option in options:
        if option not in allowed:
            raise UsageError(f"schedule '{name}' has no option '{option}'; it has {', '.join(allowed) or 'none'}")
    for p in parameters:
        if p.default is p.empty and p.name not in options:
            raise UsageError(f"schedule '{name}' needs the option '{p.name}'")
    if steps is None:
        steps = _as_list(options["betas"]).numel() if name == "given" else 1000
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise UsageError(f"steps must be a whole number of 1 or more, got {steps!r}")
    return schedule(steps, **options)


def zero_terminal_snr(process: Process) -> Process:
    """Shift and scale sqrt(alpha_bar) so that it is 0 at T and unchanged at t = 1 (Lin et al. 2024, algorithm 1).

    Raises UsageError unless a^2 + s^2 = 1 throughout, which the algorithm presumes.
    """
    a, s = process.signal, process.noise
    if not torch.allclose(a**2 + s**2, torch.ones_like(a), rtol=0, atol=1e-9):
        raise UsageError("zero terminal SNR is defined for a process with signal^2 + noise^2 = 1; this one is not")
    if process.steps < 2:
        raise UsageError("zero terminal SNR needs a process of 2 steps or more, got 1")
    if a[-1] == 0:
        return process
    rescaled = (a - a[-1]) * (a[1] / (a[1] - a[-1]))
    rescaled[0], rescaled[-1] = 1.0, 0.0
    return Process(rescaled, ((1 - rescaled) * (1 + rescaled)).sqrt())


def _as_list(betas: object) -> Tensor:
    try:
        values = torch.as_tensor(betas, dtype=torch.float64).cpu()
    except (TypeError, ValueError):
        values = torch.empty(())
    if values.ndim != 1:
        raise UsageError("betas must be a list of numbers, one for each timestep")
    return values


def _from_betas(betas: Tensor) -> Process:
    if not ((betas > 0) & (betas <= 1)).all():
        raise UsageError("every beta must lie in (0, 1]; check the schedule's values")
    # by logarithms, so that 1 - alpha_bar keeps its digits where it is small; beta = 1 gives a = 0, s = 1
    log_alpha_bar = torch.cat([torch.zeros(1, dtype=torch.float64), torch.log1p(-betas).cumsum(0)])
    return Process((log_alpha_bar / 2).exp(), torch.expm1(log_alpha_bar).abs().sqrt())


def _quarter_wave(steps: int) -> tuple[Tensor, Tensor]:
    angle = torch.arange(steps + 1, dtype=torch.float64) * (math.pi / (2 * steps))
    a, s = angle.cos(), angle.sin()
    a[-1] = 0.0  # cos(pi / 2) is 6e-17 in floating point
    return a, s


def _check_ends(beta_start: float, beta_end: float) -> None:
    if not 0 < beta_start <= beta_end < 1:
        raise UsageError(f"betas must satisfy 0 < beta_start <= beta_end < 1, got {beta_start:g} and {beta_end:g}")


def _check_cap(cap: float) -> None:
    if not 0 < cap <= 1:
        raise UsageError(f"the variance cap must lie in (0, 1], got {cap:g}")
