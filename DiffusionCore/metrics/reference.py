"""Figures against a reference: PSNR, SNR in dB, MAE, RMSE, over a mask and with the data range said."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from DiffusionCore.errors import UsageError

_CHUNK = 4_000_000


def mae(x: npt.ArrayLike, reference: npt.ArrayLike, mask: npt.ArrayLike | None = None) -> float:
    """Mean of |x - reference| over the mask, in the scan's units."""
    total = count = 0.0
    for error, _ in _differences(x, reference, mask):
        total += float(np.abs(error).sum())
        count += error.size
    return total / count


def rmse(x: npt.ArrayLike, reference: npt.ArrayLike, mask: npt.ArrayLike | None = None) -> float:
    """Root of the mean of (x - reference)^2 over the mask, in the scan's units."""
    return float(np.sqrt(mse(x, reference, mask)))


def mse(x: npt.ArrayLike, reference: npt.ArrayLike, mask: npt.ArrayLike | None = None) -> float:
    """Mean of (x - reference)^2 over the mask."""
    total = count = 0.0
    for error, _ in _differences(x, reference, mask):
        total += float(np.dot(error, error))
        count += error.size
    return total / count


def psnr(x: npt.ArrayLike, reference: npt.ArrayLike, data_range: float, mask: npt.ArrayLike | None = None) -> float:
    """10 log10(data_range^2 / mean (x - reference)^2) over the mask, in dB; infinite for equal scans.

    `data_range` has no default: the same scan scores tens of dB apart with another (`masks.data_range`).
    """
    checked_range(data_range)
    error = mse(x, reference, mask)
    return float("inf") if error == 0 else float(10 * np.log10(data_range**2 / error))


def snr_db(x: npt.ArrayLike, reference: npt.ArrayLike, mask: npt.ArrayLike | None = None) -> float:
    """10 log10(sum reference^2 / sum (x - reference)^2) over the mask, in dB; infinite for equal scans."""
    signal = noise = 0.0
    for error, clean in _differences(x, reference, mask):
        signal += float(np.dot(clean, clean))
        noise += float(np.dot(error, error))
    if noise == 0:
        return float("inf")
    return float(10 * np.log10(signal / noise)) if signal > 0 else float("-inf")


def windowed(x: npt.ArrayLike, window: tuple[float, float]) -> npt.NDArray[np.float32]:
    """Values clipped to a window (HU), float32: what a reader sees of a CT."""
    return np.clip(np.asarray(x, dtype=np.float32), np.float32(window[0]), np.float32(window[1]))


def checked_pair(
    x: npt.ArrayLike, reference: npt.ArrayLike, mask: npt.ArrayLike | None
) -> tuple[npt.NDArray, npt.NDArray, npt.NDArray[np.bool_] | None]:
    """The three as arrays of one shape, the mask with something in it; `UsageError` otherwise."""
    x, reference = np.asarray(x), np.asarray(reference)
    if x.shape != reference.shape or not x.size:
        raise UsageError(f"two scans to compare must have one shape, got {x.shape} and {reference.shape}")
    if mask is None:
        return x, reference, None
    mask = np.asarray(mask, dtype=bool)
    if mask.shape != x.shape:
        raise UsageError(f"the mask must have the scans' shape {x.shape}, got {mask.shape}")
    if not mask.any():
        raise UsageError("the mask is empty; there is nothing to compare in it")
    return x, reference, mask


def checked_range(data_range: float) -> None:
    if not (np.isfinite(data_range) and data_range > 0):
        raise UsageError(f"the data range must be a finite number above 0, got {data_range}")


def _differences(
    x: npt.ArrayLike, reference: npt.ArrayLike, mask: npt.ArrayLike | None
) -> Iterator[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """(x - reference, reference) over the mask in float64, a few slices at a time so that memory stays small."""
    x, reference, mask = checked_pair(x, reference, mask)
    rows = max(1, _CHUNK // max(1, x.size // len(x))) if x.ndim else 1
    for start in range(0, len(x), rows):
        part = slice(start, start + rows)
        chosen = ... if mask is None else mask[part]
        clean = reference[part][chosen].astype(np.float64).ravel()
        yield x[part][chosen].astype(np.float64).ravel() - clean, clean
