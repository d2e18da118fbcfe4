"""Corruption: the closed list of ways in which a clean target becomes the noisy input of a training example."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..degradation import gaussian, noncentral_chi, rician, varying_sigma_map
from .config import DegradationConfig

Draw = Callable[[np.ndarray, float, np.random.Generator], "Noisy"]


@dataclass(frozen=True, eq=False)
class Noisy:
    """The input `y` made of a target, float32 of its shape, and the sigma map that the network is told (or shape of 1s)."""

    y: np.ndarray
    sigma: np.ndarray


def make_corruption(config: DegradationConfig) -> Draw | None:
    """`corrupt(target, sigma, rng) -> Noisy` as configured; None where a model is unconditional."""
    if config.target == "none":
        return None
    if config.target == "ct_low_dose":
        from .ct_noise import make_ct_corruption

        return make_ct_corruption(config)

    def corrupt(target: np.ndarray, sigma: float, rng: np.random.Generator) -> Noisy:
        varies = rng.random() < config.varying
        shape = (1,) * target.ndim
        field = varying_sigma_map(target.shape, rng, config.spread) if varies else np.ones(shape, np.float32)
        field = np.float32(sigma) * field
        if config.target == "rician":
            y = rician(target, rng, field).voxels
        elif config.target == "gaussian":
            y = gaussian(target, rng, field).voxels
        else:
            y = noncentral_chi(target, rng, field, int(rng.choice(config.coils))).voxels
        return Noisy(y, field)

    return corrupt


def draw_sigma(config: DegradationConfig, rng: np.random.Generator) -> float:
    """Log-uniform over the configured range."""
    low, high = config.sigma
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def misjudge(noisy: Noisy, config: DegradationConfig, rng: np.random.Generator) -> Noisy:
    """The sigma that the network is told, off by a factor, since an estimate never is exact."""
    if config.sigma_error == 0:
        return noisy
    factor = math.exp(config.sigma_error * rng.standard_normal())
    return Noisy(noisy.y, noisy.sigma * np.float32(factor))
