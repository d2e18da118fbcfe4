"""Mean and variance that magnitude noise has in theory, exact at any signal-to-noise ratio."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from DiffusionCore.errors import UsageError

Moments = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


def rician_moments(a: npt.ArrayLike, sigma: npt.ArrayLike) -> Moments:
    """Mean and variance of a Rician variable of amplitude `a` and channel noise `sigma` (arrays that broadcast).

    Source: Koay & Basser, J Magn Reson 179:317 (2006), eqs. 2-5, written with 1F1 as in `noncentral_chi_moments`.
    """
    return noncentral_chi_moments(a, sigma, 1)


def noncentral_chi_moments(a: npt.ArrayLike, sigma: npt.ArrayLike, coils: int) -> Moments:
    """Mean and variance of the root of the sum of squares of `coils` channels with amplitude `a` and noise `sigma`.

    mean = sigma·√2·Γ(n + 1/2)/Γ(n)·1F1(−1/2; n; −z) with z = a²/(2 sigma²), variance = a² + 2n·sigma² − mean².
    For large z the asymptotic series of 1F1 is used: it spares the cancellation in the variance.

    Source: Constantinides et al., Magn Reson Med 38:852 (1997); Koay & Basser, J Magn Reson 179:317 (2006);
    Abramowitz & Stegun 13.5.1.
    """
    from scipy.special import gammaln, hyp1f1

    if coils != int(coils) or coils < 1:
        raise UsageError(f"coils must be a whole number of at least 1, got {coils}")
    a, sigma = np.broadcast_arrays(np.asarray(a, dtype=np.float64), np.asarray(sigma, dtype=np.float64))
    if np.any(a < 0) or np.any(sigma <= 0):
        raise UsageError("the amplitude must not be negative and sigma must be positive")
    n = int(coils)
    z = (a / sigma) ** 2 / 2
    series = z > 100 * n

    low = np.where(series, 0, z)
    mean_low = np.sqrt(2) * np.exp(gammaln(n + 0.5) - gammaln(n)) * hyp1f1(-0.5, n, -low)
    variance_low = 2 * low + 2 * n - mean_low**2

    high = np.where(series, z, 100 * n)
    term = excess = np.zeros_like(high)
    term = term + 1
    for k in range(12):
        term = term * (k - 0.5) * (k + 0.5 - n) / ((k + 1) * high)
        excess = excess + term
    mean_high = np.sqrt(2 * high) * (1 + excess)
    variance_high = 2 * n - 2 * high * excess * (2 + excess)

    mean = np.where(series, mean_high, mean_low) * sigma
    variance = np.where(series, variance_high, variance_low) * sigma**2
    return mean, variance
