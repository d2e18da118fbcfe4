"""Corruption: the closed list of ways in which a clean target becomes the noisy input of a training example."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..degradation import band_limited_noise, gaussian, noncentral_chi, rician, varying_sigma_map
from .config import DegradationConfig
from .ct_noise import shaped_ct_noise

LOWEST_CT = -1.024  # HU / 1000; what most CT files are cut off at


@dataclass(frozen=True, eq=False)
class Noisy:
    """The input `y` made of a target, float32 of its shape, and its noise's standard deviation, which broadcasts to it.

    level  typical sigma of the whole scan; None: the median of `sigma`
    """

    y: np.ndarray
    sigma: np.ndarray
    level: float | None = None


Corrupt = Callable[[np.ndarray, float, np.random.Generator], Noisy]


def make_corruption(config: DegradationConfig) -> Corrupt | None:
    """`corrupt(target, sigma, rng) -> Noisy` as configured; None where a model is unconditional."""
    if config.target == "none":
        return None

    def magnitude(target: np.ndarray, sigma: float, rng: np.random.Generator) -> Noisy:
        deviation = np.full((1,) * target.ndim, sigma, np.float32)
        if rng.random() < config.varying:
            deviation = deviation * varying_sigma_map(target.shape, rng, config.spread)
        if config.target == "rician":
            correlated = config.correlated > 0 and rng.random() < config.correlated
            y = rician(target, rng, deviation, scanner_noise(target.ndim, rng) if correlated else None).voxels
        elif config.target == "gaussian":
            y = gaussian(target, rng, deviation).voxels
        else:
            y = noncentral_chi(target, rng, deviation, int(rng.choice(config.coils))).voxels
        return Noisy(y, deviation)

    def shaped(target: np.ndarray, sigma: float, rng: np.random.Generator) -> Noisy:
        noise, relative = shaped_ct_noise(target.shape, config, rng)
        return as_file(target, np.float32(sigma) * noise, np.float32(sigma) * relative, config, rng)

    return shaped if config.target == "ct_low_dose" else magnitude


def scanner_noise(ndim: int, rng: np.random.Generator) -> Callable[[tuple[int, ...]], np.ndarray]:
    """Draws noise as a scanner that fills k-space up with zeros, and filters it, leaves it: one scan's own correlation."""
    fraction, taper = rng.uniform(0.5, 1.0, ndim), rng.random()
    return lambda shape: band_limited_noise(shape, rng, fraction, taper)


def as_file(
    target: np.ndarray, noise: np.ndarray, deviation: np.ndarray, config: DegradationConfig, rng: np.random.Generator
) -> Noisy:
    """CT with `noise` of `deviation`, for a share of the examples cut off at -1024 HU."""
    y = (target + noise).astype(np.float32)
    if rng.random() < config.clipped:
        np.maximum(y, np.float32(LOWEST_CT), out=y)
    return Noisy(y, deviation.astype(np.float32))


def draw_sigma(config: DegradationConfig, rng: np.random.Generator) -> float:
    """Log-uniform over the configured range."""
    low, high = config.sigma
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def misjudgement(config: DegradationConfig, rng: np.random.Generator) -> np.float32:
    """The factor by which the network is told a wrong sigma, since an estimate never is exact."""
    return np.float32(math.exp(config.sigma_error * rng.standard_normal()))
