"""How thick the slices of a scan are, judged from the scan itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from DiffusionCore.degradation import slice_matrix
from DiffusionCore.degradation.grid import apply_matrix

RANGE = (0.5, 1.6)
"""Thickness over distance between which slices are looked for: a gap as wide as the slice, an overlap of over a half."""
FEWEST = 6
"""Slices along either axis that are enough to compare."""


def estimate_slice_width(voxels: npt.NDArray, spacing: Sequence[float], axis: int, sigma: float = 0.0) -> float | None:
    """Full width at half maximum in mm of the slice profile along `axis` of a scan (K, J, I), or None if it can't be told.

    Anatomy is about as rough along all axes. So the plane's axes, which are finer, are sliced as thickly on purpose, by a
    Gaussian of a width that is sought, until their slices follow on each other as smoothly as the scan's own do. What is
    compared is the mean square of second over that of first differences, which does not depend on contrast and little
    on direction; `sigma`, the noise's standard deviation, is taken out of the scan's own. On heads right to a fifth.

    None where no axis of the plane is twice finer, there are under 6 slices, or no width within 0.5 to 1.6 of the
    distance between slices fits.
    """
    step = spacing[axis]
    others = [
        a for a in range(3) if a != axis and spacing[a] <= step / 2 and voxels.shape[a] * spacing[a] >= FEWEST * step
    ]
    if not others or voxels.shape[axis] < FEWEST:
        return None
    x = np.asarray(voxels, np.float32)
    wanted = _change(x, axis, sigma)
    widths = np.linspace(*RANGE, 12) * step
    changes = np.mean([[_change(_sliced(x, a, spacing[a], w, step), a, 0.0) for w in widths] for a in others], axis=0)
    if not (np.isfinite(wanted) and changes.min() <= wanted <= changes.max()):
        return None
    # thicker slices are more alike
    order = np.argsort(changes)
    return float(np.interp(wanted, changes[order], widths[order]))


def _sliced(
    x: npt.NDArray[np.float32], axis: int, spacing: float, width: float, step: float
) -> npt.NDArray[np.float32]:
    return apply_matrix(slice_matrix(x.shape[axis], spacing, width, step - width), x, axis)


def _change(x: npt.NDArray[np.float32], axis: int, sigma: float) -> float:
    """Mean square second difference over mean square first difference along `axis`, in tissue, without the noise's part."""
    x = np.moveaxis(x, axis, 0)
    tissue = x > 0.05 * np.percentile(x[:, ::2, ::2], 99.5)
    inside = tissue[:-2] & tissue[1:-1] & tissue[2:]
    if np.count_nonzero(inside) < 1000:
        return float("nan")
    first = np.square((x[1:-1] - x[:-2])[inside], dtype=np.float64).mean() - 2 * sigma**2
    second = np.square((x[2:] - 2 * x[1:-1] + x[:-2])[inside], dtype=np.float64).mean() - 6 * sigma**2
    return float(second / first) if first > 0 else float("nan")
