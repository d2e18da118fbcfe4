"""Classifier-free guidance: lean from what a network says without the condition towards what it says with it."""

from __future__ import annotations

import math

from torch import Tensor

from ..errors import UsageError
from .targets import Denoise


def classifier_free(denoise_conditional: Denoise, denoise_unconditional: Denoise, scale: float) -> Denoise:
    """x0_hat = unconditional + scale (conditional - unconditional) (Ho & Salimans 2022, with scale = 1 + w).

    Scale 0 is unconditional, 1 conditional (each then calls one network only), above 1 goes beyond. On x0_hat, which is
    the same as on epsilon or v at one x_t, since each is an affine function of the other, and holds at a = 0 as well.
    """
    if not math.isfinite(scale) or scale < 0:
        raise UsageError(f"the guidance scale must be 0 or more, got {scale:g}")
    if scale == 0:
        return denoise_unconditional
    if scale == 1:
        return denoise_conditional

    def denoise(x_t: Tensor, t: int) -> Tensor:
        unconditional = denoise_unconditional(x_t, t)
        return unconditional + scale * (denoise_conditional(x_t, t) - unconditional)

    return denoise
