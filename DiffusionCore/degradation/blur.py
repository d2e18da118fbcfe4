"""Gaussian blur of a given width in mm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from DiffusionCore.degradation.degraded import Degraded, checked_voxels
from DiffusionCore.degradation.grid import per_axis
from DiffusionCore.errors import UsageError

FWHM_PER_SIGMA = 2 * np.sqrt(2 * np.log(2))


def gaussian_blur(
    x: npt.ArrayLike,
    rng: np.random.Generator | None,
    fwhm_mm: float | Sequence[float],
    spacing_mm: float | Sequence[float] = 1.0,
) -> Degraded:
    """Convolve with a Gaussian of full width at half maximum `fwhm_mm`; nothing is drawn.

    Args:
        x: (K, J, I) or (J, I); values beyond the border repeat it.
        fwhm_mm: one number, or one for each axis; 0 leaves an axis as it is.
        spacing_mm: of the voxels, one number or one for each axis.

    The kernel is the sampled Gaussian: under about 1.2 voxels of width its own sampling widens or narrows it.
    """
    from scipy.ndimage import gaussian_filter

    voxels = checked_voxels(x)
    fwhm = per_axis(fwhm_mm, voxels.ndim, "fwhm_mm")
    spacing = per_axis(spacing_mm, voxels.ndim, "spacing_mm")
    if not all(np.isfinite(f) and f >= 0 for f in fwhm) or not all(np.isfinite(s) and s > 0 for s in spacing):
        raise UsageError(f"widths must not be negative and spacing must be positive in mm, got {fwhm} and {spacing}")
    sigma = [f / FWHM_PER_SIGMA / s for f, s in zip(fwhm, spacing, strict=True)]
    blurred = gaussian_filter(voxels, sigma, mode="nearest", truncate=5.0)
    return Degraded(blurred, {"kind": "gaussian_blur", "fwhm_mm": list(fwhm), "spacing_mm": list(spacing)})
