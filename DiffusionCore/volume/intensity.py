"""What voxel values mean to a model, and the way back: normalisation, rounding, what is padding, what is constant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from ..errors import InputError, UsageError
from .modality import guess_modality, looks_like_hu
from .padding import ct_padding_mask
from .volume import Volume


@dataclass(frozen=True)
class Normalisation:
    """normalised = (x - offset) / scale; `apply` and `invert` undo each other to float32's rounding."""

    offset: float
    scale: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.offset) and np.isfinite(self.scale) and self.scale > 0):
            raise UsageError(
                f"a normalisation needs a finite offset and a scale above 0, got {self.offset}, {self.scale}"
            )

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Values in the volume's units to normalised ones, float32."""
        normalised = np.subtract(x, np.float32(self.offset), dtype=np.float32)
        normalised /= np.float32(self.scale)
        return normalised

    def invert(self, normalised: np.ndarray) -> np.ndarray:
        """Normalised values to the volume's units, float32."""
        values = np.multiply(normalised, np.float32(self.scale), dtype=np.float32)
        values += np.float32(self.offset)
        return values


def normalisation_for(volume: Volume, kind: str) -> Normalisation:
    """How to normalise a volume for a model whose card says `kind`.

    "p99.5"  offset 0, scale the 99.5th percentile of the voxels above zero (MR)
    "hu"     offset 0, scale 1000 (CT)
    Raises `InputError` if no voxel is above zero, `UsageError` for another kind.
    """
    if kind == "hu":
        return Normalisation(0.0, 1000.0)
    if kind != "p99.5":
        raise UsageError(f"the normalisation must be p99.5 or hu, got {kind!r}")
    scale = percentile_above_zero(volume.voxels, 99.5)
    if scale is None:
        raise InputError("no voxel of the scan is above 0; there is no signal to work on")
    return Normalisation(0.0, scale)


def percentile_above_zero(voxels: np.ndarray, percent: float) -> float | None:
    """`np.percentile` of the finite voxels above zero, exactly; None if there is none."""
    voxels = voxels.view(np.uint8) if voxels.dtype.kind == "b" else voxels
    if voxels.dtype.kind in "iu" and voxels.dtype.itemsize <= 2:
        # Counting is twice as fast as sorting. Negative values wrap to the upper half and are cut off there.
        counts = np.bincount(voxels.ravel().view(f"u{voxels.dtype.itemsize}"))[: np.iinfo(voxels.dtype).max + 1]
        counts[0] = 0
        sums = np.cumsum(counts)
        if sums[-1] == 0:
            return None
        rank = (int(sums[-1]) - 1) * percent / 100
        low, high = np.searchsorted(sums, [np.floor(rank), np.ceil(rank)], side="right")
        return float(low + (high - low) * (rank - np.floor(rank)))
    positive = voxels[(voxels > 0) & np.isfinite(voxels)]
    return float(np.percentile(positive, percent)) if positive.size else None


def cast_like(values: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    """The values in `dtype`: for integers rounded to the nearest (ties to even) and clipped to the type's range."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return values >= 0.5
    if dtype.kind not in "iu":
        return values.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    if values.dtype.kind in "iub":
        low, high = int(values.min()), int(values.max())
        fits = limits.min <= low and high <= limits.max
        return (values if fits else np.clip(values, max(limits.min, low), min(limits.max, high))).astype(
            dtype, copy=False
        )
    rounded = np.rint(values)
    # The float next to a limit may lie beyond it (2**31 - 1 is 2**31 in float32), and casting that would wrap.
    lower, upper = rounded.dtype.type(limits.min), rounded.dtype.type(limits.max)
    if int(upper) > limits.max:
        upper = np.nextafter(upper, rounded.dtype.type(0))
    return np.clip(rounded, lower, upper, out=rounded).astype(dtype)


def is_constant(voxels: np.ndarray) -> bool:
    """Whether every voxel has the same value."""
    return bool(voxels.min() == voxels.max())


__all__ = [
    "Normalisation",
    "cast_like",
    "ct_padding_mask",
    "guess_modality",
    "is_constant",
    "looks_like_hu",
    "normalisation_for",
    "percentile_above_zero",
]
