"""Pairs for super-resolution: a scan is made coarse, gets a scan's noise, and is brought back up to the target's grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from ..degradation import AxisLowering, axis_lowering, expected_residual, lifted, lowered
from .corruption import Corrupt, Noisy
from .resolution import ResolutionConfig


def make_lowering(config: ResolutionConfig, add_noise: Corrupt, typical: bool = False) -> Corrupt:
    """`corrupt(scan, sigma, rng) -> Noisy`: the scan made coarse, with noise of sigma in its coarse voxels, on the grid of
    the target (`make_target`), and in place of sigma the residual that is expected there (`degradation.expected_residual`).

    typical  always the typical factor along the commonest axes, with slices that touch: for validation
    """
    # drawn numbers are rounded, so that the matrices of most examples have been made before
    axis = lru_cache(maxsize=512)(axis_lowering)

    def corrupt(scan: np.ndarray, sigma: float, rng: np.random.Generator) -> Noisy:
        chosen = _draw_axes(config, scan.ndim, rng, typical)
        given = {} if typical else _draw(config, rng)
        factor = given.pop("factor", config.typical)

        def axes_from(between: int) -> list[AxisLowering | None]:
            """To the coarse scan from a grid `between` times finer than the target's."""
            return [
                axis(size * between // config.target_factor, factor * between, config.kind, **given)
                if n in chosen
                else None
                for n, size in enumerate(scan.shape)
            ]

        coarse = add_noise(lowered(scan, axes_from(config.target_factor)), sigma, rng).y
        axes = axes_from(1)
        y = lifted(coarse, axes)
        return Noisy(y, *expected_residual(y, axes, config.amplitude, config.correlation, config.content))

    return corrupt


def make_target(config: ResolutionConfig | None) -> Callable[[np.ndarray], np.ndarray]:
    """`target(scan)`: what is learnt from a part of a scan; itself, or `target_factor` times coarser by the same way down."""
    if config is None or config.target_factor == 1:
        return lambda scan: scan
    axis = lru_cache(maxsize=8)(axis_lowering)
    return lambda scan: lowered(scan, [axis(size, config.target_factor, config.kind) for size in scan.shape])


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
