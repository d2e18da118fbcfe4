"""What every degradation gives back, and the checks that they share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from DiffusionCore.errors import UsageError


@dataclass(frozen=True, eq=False)
class Degraded:
    """A spoilt scan and what was done to it.

    Attributes:
        voxels: float32; (K, J, I) or (J, I) like the input, smaller where the degradation samples down.
        record: what was done, ready for JSON: `kind`, then the parameters with their units in the docstring of
            the function that made it.
    """

    voxels: npt.NDArray[np.float32]
    record: dict[str, Any] = field(default_factory=dict)


def checked_voxels(x: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """`x` as a float32 array (not copied where it is one already); UsageError unless it is 2D or 3D and not empty."""
    voxels = np.asarray(x, dtype=np.float32)
    if voxels.ndim not in (2, 3) or voxels.size == 0:
        raise UsageError(f"a slice (J, I) or a volume (K, J, I) is needed, got an array of shape {voxels.shape}")
    return voxels


def checked_sigma(sigma: npt.ArrayLike, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """`sigma` as float32 that broadcasts to `shape`; UsageError if it is negative, not finite or of another shape."""
    values = np.asarray(sigma, dtype=np.float32)
    if not np.all(np.isfinite(values)) or np.any(values < 0):
        raise UsageError("sigma must be finite and not negative")
    try:
        fits = np.broadcast_shapes(values.shape, shape) == tuple(shape)
    except ValueError:
        fits = False
    if not fits:
        raise UsageError(f"a sigma map of shape {values.shape} does not fit voxels of shape {tuple(shape)}")
    return values


def sigma_record(sigma: npt.NDArray[np.float32]) -> dict[str, float]:
    """A scalar sigma as itself; a map as its median, smallest and largest value."""
    if sigma.size == 1:
        return {"sigma": float(sigma.reshape(-1)[0])}
    return {"sigma": float(np.median(sigma)), "sigma_min": float(sigma.min()), "sigma_max": float(sigma.max())}
