"""Augmentation of a clean target: geometry, resolution, contrast. Costly transforms are rare (see docs/training.md).

Elastic, affine and bias-field transforms are MONAI's, given a random state drawn from the example's own generator, so
that an example is a pure function of its seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from .config import AugmentationConfig

Cut = Callable[[Sequence[int]], np.ndarray]
WARP_MARGIN = 1.25  # the patch that is turned or bent is larger by this, so that no corner comes from outside


@dataclass(frozen=True)
class Augmentation:
    """Augments patches of one size. `affine`, `elastic`, `bias` are MONAI transforms on (1, *size) tensors."""

    config: AugmentationConfig
    size: tuple[int, ...]
    affine: Callable | None
    elastic: Callable | None
    bias: Callable | None

    def __call__(self, cut: Cut, spacing: Sequence[float], rng: np.random.Generator) -> np.ndarray:
        """A target of `size`: `cut(size)` is asked for as much of the scan as the geometry needs; `spacing` in mm."""
        config = self.config
        warp = rng.random()
        bends, turns = warp < config.elastic, config.elastic <= warp < config.elastic + config.affine
        outer = warped_size(self.size) if bends or turns else self.size
        patch = self._resampled(cut, outer, spacing, rng)
        if bends or turns:
            transform = self.elastic if bends else self.affine
            patch = centre_crop(_monai(transform, patch, rng), self.size)
        patch = self.mirrored(patch, spacing, rng)
        return np.ascontiguousarray(self.contrast(patch, rng))

    def _resampled(
        self, cut: Cut, size: Sequence[int], spacing: Sequence[float], rng: np.random.Generator
    ) -> np.ndarray:
        """A patch at its own resolution or, for a share of them, at another one; slices thicker than the range stay."""
        low, high = self.config.spacing
        if rng.random() >= self.config.resolution:
            return cut(size)
        wanted = math.exp(rng.uniform(math.log(low), math.log(high)))
        factors = [
            1.0 if mm > high or s == 1 else float(np.clip(wanted / mm, 0.5, 2.5))
            for s, mm in zip(size, spacing, strict=True)
        ]
        if all(0.95 < factor < 1.05 for factor in factors):
            return cut(size)
        source = [math.ceil(s * factor) for s, factor in zip(size, factors, strict=True)]
        return resample(cut(source), size, factors)

    def mirrored(self, patch: np.ndarray, spacing: Sequence[float], rng: np.random.Generator) -> np.ndarray:
        """Mirrored and turned by quarter turns; `patch` (..., *size), what leads is treated alike."""
        dims = len(self.size)
        axes = [axis for axis in range(-dims, 0) if rng.random() < self.config.flip]
        patch = np.flip(patch, axes)
        if rng.random() < self.config.rotate90:
            planes = [
                (a - dims, b - dims)
                for a in range(dims)
                for b in range(a + 1, dims)
                if self.size[a] == self.size[b] and max(spacing[a], spacing[b]) <= 1.3 * min(spacing[a], spacing[b])
            ]
            for _ in range(min(len(planes), 2)):
                patch = np.rot90(patch, int(rng.integers(4)), planes[rng.integers(len(planes))])
        return patch

    def contrast(self, patch: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """With other grey values, as configured."""
        config = self.config
        gamma, invert, bias, shift = rng.random(4)
        if gamma < config.gamma:
            exponent = math.exp(rng.uniform(-1, 1) * math.log(config.gamma_range))
            patch = np.maximum(patch, 0) ** np.float32(exponent)
        if invert < config.invert:
            patch = np.where(patch > 0.05, np.maximum(1.1 - patch, 0), patch).astype(np.float32)
        if bias < config.bias_field:
            patch = _monai(self.bias, np.ascontiguousarray(patch), rng)
        if shift < config.shift:
            patch = patch + np.float32(rng.uniform(-1, 1) * config.shift_range)
        return patch


def make_augmentation(config: AugmentationConfig, size: Sequence[int]) -> Augmentation:
    """The augmentation of patches of `size`, 2D or 3D. Imports MONAI only if one of its transforms is used."""
    if config.affine == config.elastic == config.bias_field == 0:
        return Augmentation(config, tuple(size), None, None, None)
    from monai.transforms import RandAffine, RandBiasField, RandSmoothDeform

    outer = warped_size(size)
    affine = RandAffine(
        prob=1.0,
        rotate_range=[math.radians(config.degrees)] * (3 if len(size) == 3 else 1),
        scale_range=[config.zoom] * len(size),
        padding_mode="reflection",
        mode="bilinear",
    )
    # a coarse field of shifts, smoothly interpolated: 25 times cheaper than smoothing a fine one (Rand3DElastic)
    elastic = RandSmoothDeform(
        spatial_size=outer,
        rand_size=[min(n, 5) for n in outer],
        field_mode="trilinear" if len(size) == 3 else "bicubic",
        prob=1.0,
        def_range=config.elastic_range,
        grid_mode="bilinear",
        grid_padding_mode="reflection",
    )
    bias = RandBiasField(prob=1.0, degree=3, coeff_range=(-config.bias_strength, config.bias_strength))
    return Augmentation(config, tuple(size), affine, elastic, bias)


def warped_size(size: Sequence[int]) -> tuple[int, ...]:
    """How much is cut for a patch of `size` that is to be turned or bent."""
    return tuple(math.ceil(s * WARP_MARGIN) if s > 1 else 1 for s in size)


def resample(patch: np.ndarray, size: Sequence[int], factors: Sequence[float]) -> np.ndarray:
    """`patch` brought to `size` where a new voxel is `factors` old ones wide, centre on centre.

    Coarser: weighted by a Gaussian as wide (full width at half maximum) as the new voxel; finer: by cubic convolution.
    """
    for axis, (length, factor) in enumerate(zip(size, factors, strict=True)):
        if factor != 1 or patch.shape[axis] != length:
            weights = _weights(patch.shape[axis], length, factor)
            patch = np.moveaxis(np.tensordot(weights, patch, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(patch)


def _weights(old: int, new: int, factor: float) -> np.ndarray:
    """(new, old) weights, each row of sum 1."""
    position = (np.arange(new) - (new - 1) / 2) * factor + (old - 1) / 2
    distance = np.abs(position[:, None] - np.arange(old)[None])
    if factor > 1:
        weights = np.exp(-4 * math.log(2) * (distance / factor) ** 2)
    else:
        near, far = distance < 1, (distance >= 1) & (distance < 2)  # Keys 1981, a = -1/2
        weights = near * (1.5 * distance**3 - 2.5 * distance**2 + 1)
        weights += far * (-0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def centre_crop(patch: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """The middle `size` of a patch."""
    starts = [(n - s) // 2 for n, s in zip(patch.shape, size, strict=True)]
    return patch[tuple(slice(a, a + s) for a, s in zip(starts, size, strict=True))]


def _monai(transform: Callable, patch: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    transform.set_random_state(seed=int(rng.integers(2**31)))
    return np.asarray(transform(torch.from_numpy(np.ascontiguousarray(patch))[None]), dtype=np.float32)[0]
