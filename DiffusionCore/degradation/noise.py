"""White noise: Gaussian, and what taking the magnitude makes of it (Rician, non-central chi); sigma may vary slowly.

`sigma` is everywhere the standard deviation of the Gaussian noise in one channel (real or imaginary, of one coil), in
the units of `x`: a number, or a map that broadcasts to `x`. Drawn in float32, since training draws it for every patch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from DiffusionCore.degradation.degraded import Degraded, checked_sigma, checked_voxels, sigma_record
from DiffusionCore.degradation.grid import apply_matrix
from DiffusionCore.errors import UsageError


def gaussian(x: npt.ArrayLike, rng: np.random.Generator, sigma: npt.ArrayLike) -> Degraded:
    """Add independent normal noise of standard deviation `sigma` (units of `x`); `x` is (K, J, I) or (J, I)."""
    voxels = checked_voxels(x)
    deviation = checked_sigma(sigma, voxels.shape)
    noisy = rng.standard_normal(voxels.shape, dtype=np.float32)
    noisy *= deviation
    noisy += voxels
    return Degraded(noisy, {"kind": "gaussian", **sigma_record(deviation)})


def rician(
    x: npt.ArrayLike,
    rng: np.random.Generator,
    sigma: npt.ArrayLike,
    draw: Callable[[tuple[int, ...]], npt.NDArray[np.float32]] | None = None,
) -> Degraded:
    """Magnitude of `x` plus complex normal noise: |x + n1 + i·n2|, what one coil's MR image holds.

    `x` is the amplitude without noise, (K, J, I) or (J, I). Where it is zero the result is Rayleigh distributed:
    mean 1.253 sigma, standard deviation 0.655 sigma. `draw(shape)` draws a channel's noise of variance 1 where it is not
    white (`band_limited_noise`).

    Source: Gudbjartsson & Patz, Magn Reson Med 34:910 (1995), eq. 1; moments: `rician_moments`.
    """
    voxels = checked_voxels(x)
    deviation = checked_sigma(sigma, voxels.shape)
    channel = draw or (lambda shape: rng.standard_normal(shape, dtype=np.float32))
    real = channel(voxels.shape)
    real *= deviation
    real += voxels
    real *= real
    imaginary = channel(voxels.shape)
    imaginary *= deviation
    imaginary *= imaginary
    real += imaginary
    np.sqrt(real, out=real)  # several times faster than np.hypot
    return Degraded(real, {"kind": "rician", **sigma_record(deviation)})


def noncentral_chi(x: npt.ArrayLike, rng: np.random.Generator, sigma: npt.ArrayLike, coils: int) -> Degraded:
    """Root of the sum of squares over `coils` channels, each with complex normal noise; one coil is Rician.

    `x` is the root of the sum of squares without noise, (K, J, I) or (J, I). How the amplitude is shared among the
    coils does not matter: one normal variable lies along it, and the other 2·coils − 1 are summed as one chi-squared.

    Source: Constantinides et al., Magn Reson Med 38:852 (1997), eq. 5; moments: `noncentral_chi_moments`.
    """
    if coils != int(coils) or coils < 1:
        raise UsageError(f"coils must be a whole number of at least 1, got {coils}")
    voxels = checked_voxels(x)
    deviation = checked_sigma(sigma, voxels.shape)
    along = rng.standard_normal(voxels.shape, dtype=np.float32)
    along *= deviation
    along += voxels
    along *= along
    across = rng.standard_gamma(coils - 0.5, voxels.shape, dtype=np.float32)
    across *= 2 * deviation * deviation
    along += across
    np.sqrt(along, out=along)
    return Degraded(along, {"kind": "noncentral_chi", "coils": int(coils), **sigma_record(deviation)})


def varying_sigma_map(
    shape: Sequence[int], rng: np.random.Generator, spread: float = 0.3, scale: float = 40.0
) -> npt.NDArray[np.float32]:
    """A positive, slowly varying map of mean exactly 1, to multiply sigma by (g-factor, coil sensitivities).

    The logarithm is a normal field of standard deviation `spread` at every voxel (0 gives ones), made of cubic
    B-splines with knots `scale` voxels apart at a random offset. float32 of `shape`.
    """
    if not spread >= 0 or not scale > 0:
        raise UsageError(f"spread must not be negative and scale must be positive, got {spread} and {scale}")
    weights = [_spline_weights(length, scale, rng.random()) for length in shape]
    values = rng.standard_normal([w.shape[1] for w in weights], dtype=np.float32)
    for axis, weight in enumerate(weights):
        values = apply_matrix(weight, values, axis)
    values *= np.float32(spread)
    np.exp(values, out=values)
    values /= values.mean(dtype=np.float64)
    return values


def _spline_weights(length: int, scale: float, offset: float) -> npt.NDArray[np.float32]:
    """(length, knots) cubic B-spline weights, each row of unit length so that the field's variance is one."""
    position = np.arange(length) / scale + offset
    knots = np.arange(-1, int(np.ceil(position[-1])) + 2)
    distance = np.abs(position[:, None] - knots[None, :])
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    weights = np.where(distance < 1, near, far)
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    return weights.astype(np.float32)
