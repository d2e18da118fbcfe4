"""What a caller gives, checked and in one form: y (K, J, I) float32, sigma () or (K, J, I), a box of voxels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError, UsageError
from .tiles import Box


def as_volume(y: Tensor | np.ndarray, spatial_dims: int) -> Tensor:
    """y as (K, J, I) float32; one slice (J, I) becomes (1, J, I) for a 2D network. Raises `InputError`."""
    volume = as_float(y)
    if volume.ndim == 2 and spatial_dims == 2:
        volume = volume[None]
    if volume.ndim != 3 or not volume.numel():
        size = "×".join(map(str, volume.shape))
        wanted = "one slice or a volume of slices" if spatial_dims == 2 else "a volume of 3 dimensions"
        raise InputError(f"this {spatial_dims}D model takes {wanted}, and got {size or 'a single number'}")
    return volume


def as_sigma(sigma: float | Tensor | np.ndarray, shape: Sequence[int]) -> Tensor:
    """sigma as () or as a map (K, J, I), float32. Raises `UsageError` where it is not positive or of another shape."""
    values = as_float(sigma)
    if values.ndim == 2 and len(shape) == 3 and shape[0] == 1:
        values = values[None]
    if values.ndim and values.shape != torch.Size(shape):
        raise UsageError(f"the map of sigma has {tuple(values.shape)} voxels, the scan {tuple(shape)}")
    low, high = values.aminmax()
    if not (float(low) > 0 and math.isfinite(float(high))):
        raise UsageError(f"sigma must be above 0 and finite, got {float(low):g} to {float(high):g}")
    return values


def typical(sigma: Tensor) -> float:
    """The median of a map of sigma, from at most about a million of its voxels."""
    values = sigma.reshape(-1)
    return float(values[:: max(values.numel() // 2**20, 1)].median())


def as_box(region: Sequence[slice] | None, shape: Sequence[int]) -> Box:
    """Slices (one per axis; of J and I alone, for all of K) as a box; None is the whole scan. Raises `UsageError`."""
    given = () if region is None else tuple(region)
    given = (slice(None),) * (len(shape) - len(given)) + given
    bounds = [s.indices(length) for s, length in zip(given, shape, strict=False)]
    if len(given) != len(shape) or any(step != 1 or hi <= lo for lo, hi, step in bounds):
        raise UsageError(f"a region needs one slice of step 1 per axis that holds voxels of the scan {tuple(shape)}")
    return tuple((lo, hi) for lo, hi, _ in bounds)


def as_float(values: float | Tensor | np.ndarray) -> Tensor:
    """A float32 tensor; shares memory where it can."""
    if isinstance(values, np.ndarray):
        values = torch.from_numpy(np.ascontiguousarray(values, np.float32))
    return torch.as_tensor(values, dtype=torch.float32)
