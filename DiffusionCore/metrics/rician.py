"""Rician statistics backwards: from the mean and deviation of magnitude data to its amplitude and channel noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

RAYLEIGH_RATIO = float(np.sqrt(np.pi / (4 - np.pi)))
"""Mean over standard deviation of magnitude noise without signal: 1.913, the least a Rician variable can have."""


def koay_factor(theta: npt.ArrayLike) -> FloatArray:
    """Variance of a Rician variable over the variance of one channel, for theta = amplitude / sigma.

    Rises from 2 - pi/2 = 0.429 at theta = 0 (Rayleigh) to 1.
    Source: Koay & Basser, J Magn Reson 179:317 (2006), eq. 3 (xi).
    """
    from scipy.special import i0e, i1e

    theta = np.asarray(theta, dtype=np.float64)
    square = np.minimum(theta, 30.0) ** 2
    bessel = (2 + square) * i0e(square / 4) + square * i1e(square / 4)
    exact = 2 + square - np.pi / 8 * bessel**2
    # Beyond theta = 30 the difference above would cancel; xi = 1 - 1/(2 theta^2) is exact to 1e-6 there.
    return np.where(theta > 30, 1 - 0.5 / np.maximum(theta, 30.0) ** 2, exact)


def factor_from_mean(mean: npt.ArrayLike, sigma: float) -> FloatArray:
    """`koay_factor` where the magnitude's local mean is `mean` and the channel noise is `sigma` (same units).

    Solves mean^2 = amplitude^2 + (2 - xi) sigma^2 (Koay & Basser 2006, eqs. 2-3); a mean below a Rayleigh variable's
    counts as no signal.
    """
    theta, xi = _grid()
    return np.interp(np.asarray(mean, dtype=np.float64) / sigma, np.sqrt(theta**2 + 2 - xi), xi)


def koay_sigma(mean: npt.ArrayLike, deviation: npt.ArrayLike) -> FloatArray:
    """Channel noise from the mean and standard deviation of magnitude data (arrays that broadcast, same units).

    The root of Koay & Basser's fixed-point equation (2006, eqs. 16-18), read from the table of its inverse: for a
    Rician variable mean/deviation = sqrt((theta^2 + 2)/xi - 1) rises with theta. A ratio below a Rayleigh variable's
    (1.913) counts as no signal.
    """
    mean, deviation = np.broadcast_arrays(np.asarray(mean, dtype=np.float64), np.asarray(deviation, dtype=np.float64))
    theta, xi = _grid()
    ratio = np.divide(mean, deviation, out=np.full(mean.shape, np.inf), where=deviation > 0)
    return deviation / np.sqrt(np.interp(ratio, np.sqrt((theta**2 + 2) / xi - 1), xi))


def amplitude(mean: npt.ArrayLike, sigma: npt.ArrayLike) -> FloatArray:
    """The amplitude under magnitude noise, from the local mean and the channel noise; 0 where there is no signal."""
    mean, sigma = np.broadcast_arrays(np.asarray(mean, dtype=np.float64), np.asarray(sigma, dtype=np.float64))
    theta, xi = _grid()
    ratio = np.divide(mean, sigma, out=np.full(mean.shape, np.inf), where=sigma > 0)
    found = np.interp(ratio, np.sqrt(theta**2 + 2 - xi), xi)
    return np.sqrt(np.maximum(mean**2 - (2 - found) * sigma**2, 0.0))


def _grid() -> tuple[FloatArray, FloatArray]:
    theta = np.concatenate([np.linspace(0, 10, 1001), np.geomspace(10.1, 1e4, 200)])
    return theta, koay_factor(theta)
