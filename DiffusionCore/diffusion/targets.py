"""What a network predicts (epsilon, x0 or v) and the exact way from each to x_0 and epsilon, for general (a, s)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..errors import UsageError
from .process import Process

KINDS: tuple[str, ...] = ("epsilon", "x0", "v")
Coefficient = float | Tensor
Denoise = Callable[[Tensor, int], Tensor]
"""denoise(x_t, t) -> x0_hat, both (N, C, *spatial)."""


def target(kind: str, x0: Tensor, epsilon: Tensor, a: Coefficient, s: Coefficient) -> Tensor:
    """What the network should say for x_t = a x_0 + s epsilon: epsilon, x_0, or v = a epsilon - s x_0.

    x0, epsilon (N, C, *spatial); a, s floats or tensors that broadcast to them. Source: Salimans & Ho 2022 for v.
    """
    match kind:
        case "epsilon":
            return epsilon
        case "x0":
            return x0
        case "v":
            return (a * epsilon - s * x0).to(x0.dtype)
    raise _unknown(kind)


def x0_from(kind: str, prediction: Tensor, x_t: Tensor, a: Coefficient, s: Coefficient) -> Tensor:
    """x_0 from a prediction of the given kind at x_t; from v it is (a x_t - s v) / (a^2 + s^2).

    Raises UsageError for an epsilon-prediction at a = 0, where x_t holds nothing of x_0.
    """
    match kind:
        case "epsilon":
            if _any_zero(a):
                raise UsageError(
                    "an epsilon-prediction says nothing of x0 where no signal is left (a = 0, zero terminal SNR); "
                    "use a v- or x0-prediction, or start below t = T"
                )
            return ((x_t - s * prediction) / a).to(x_t.dtype)
        case "x0":
            return prediction
        case "v":
            power = a * a + s * s
            return ((a / power) * x_t - (s / power) * prediction).to(x_t.dtype)
    raise _unknown(kind)


def epsilon_from(kind: str, prediction: Tensor, x_t: Tensor, a: Coefficient, s: Coefficient) -> Tensor:
    """epsilon from a prediction of the given kind at x_t; from v it is (s x_t + a v) / (a^2 + s^2).

    Raises UsageError for an x0-prediction at s = 0 (t = 0), where x_t holds no noise.
    """
    match kind:
        case "epsilon":
            return prediction
        case "x0":
            if _any_zero(s):
                raise UsageError("an x0-prediction says nothing of epsilon where there is no noise (s = 0); use t >= 1")
            return ((x_t - a * prediction) / s).to(x_t.dtype)
        case "v":
            power = a * a + s * s
            return ((s / power) * x_t + (a / power) * prediction).to(x_t.dtype)
    raise _unknown(kind)


def x0_denoiser(predict: Callable[[Tensor, int], Tensor], process: Process, kind: str) -> Denoise:
    """Make a sampler's denoise(x_t, t) -> x0_hat of a network's predict(x_t, t) -> prediction of the given kind."""
    if kind not in KINDS:
        raise _unknown(kind)

    def denoise(x_t: Tensor, t: int) -> Tensor:
        return x0_from(kind, predict(x_t, t), x_t, *process.pair(t))

    return denoise


def _any_zero(value: Coefficient) -> bool:
    return bool((value == 0).any()) if isinstance(value, Tensor) else value == 0


def _unknown(kind: str) -> UsageError:
    return UsageError(f"no prediction target '{kind}'; there are {', '.join(KINDS)}")
