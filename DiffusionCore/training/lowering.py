"""Pairs for super-resolution: a target is made coarse, gets a scan's noise, and is brought back up to the target's grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ..degradation import AxisLowering, axis_lowering, expected_residual, lifted, lowered
from .corruption import Corrupt, Noisy
from .resolution import ResolutionConfig


def make_lowering(config: ResolutionConfig, add_noise: Corrupt, typical: bool = False) -> Corrupt:
    """`corrupt(target, sigma, rng) -> Noisy`: the coarse target with noise of sigma in its coarse voxels, on the target's
    grid, and in place of sigma the residual that is expected there (`degradation.expected_residual`).

    typical  always the typical factor along the commonest axes, with slices that touch: for validation
    """
    # drawn numbers are rounded, so that the matrices of most examples have been made before
    axis = lru_cache(maxsize=512)(axis_lowering)

    def corrupt(target: np.ndarray, sigma: float, rng: np.random.Generator) -> Noisy:
        chosen = _draw_axes(config, target.ndim, rng, typical)
        given = {} if typical else _draw(config, rng)
        factor = given.pop("factor", config.typical)
        axes: list[AxisLowering | None] = [
            axis(size, factor, config.kind, **given) if n in chosen else None for n, size in enumerate(target.shape)
        ]
        coarse = add_noise(lowered(target, axes), sigma, rng).y
        y = lifted(coarse, axes)
        return Noisy(y, *expected_residual(y, axes, config.amplitude, config.correlation, config.content))

    return corrupt


def without_margin(x: np.ndarray, noisy: Noisy, margin: Sequence[int]) -> tuple[np.ndarray, Noisy]:
    """A target and its input without what lies within `margin` voxels of their ends."""
    if not any(margin):
        return x, noisy
    inner = tuple(slice(m, n - m) for m, n in zip(margin, x.shape, strict=True))
    sigma = np.broadcast_to(noisy.sigma, x.shape)
    return np.ascontiguousarray(x[inner]), Noisy(np.ascontiguousarray(noisy.y[inner]), sigma[inner], noisy.level)


def _draw(config: ResolutionConfig, rng: np.random.Generator) -> dict:
    """Factor, thickness and what is believed of it, profile and softening of an example."""
    factor = config.typical
    if rng.random() < config.other_factors:
        low, high = config.factor.low, config.factor.high
        factor = round(math.exp(rng.uniform(math.log(low), math.log(high))), 1)
    thickness = rng.uniform(config.thickness.low, config.thickness.high)
    believed = thickness * math.exp(config.thickness_error * rng.standard_normal())
    softening = rng.uniform(0.2, 1) * config.softening if rng.random() < config.softened else 0.0
    return {
        "factor": float(np.clip(factor, config.factor.low, config.factor.high)),
        "thickness": round(20 * thickness) / 20,
        "told": round(20 * float(np.clip(believed, config.thickness.low, config.thickness.high))) / 20,
        "profile": str(rng.choice(config.profiles)),
        "softening": round(float(softening), 1),
    }


def _draw_axes(config: ResolutionConfig, dims: int, rng: np.random.Generator, typical: bool) -> tuple[int, ...]:
    meant = {"all": tuple(range(dims)), "plane": (dims - 2, dims - 1), "slices": (0,)}
    weights = np.array(config.shares)
    chosen = int(weights.argmax()) if typical else rng.choice(len(weights), p=weights / weights.sum())
    return meant[config.axes[chosen]]
