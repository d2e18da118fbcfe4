"""Correlated noise: its power spectrum and total deviation from small windows of flat tissue.

A filtered or interpolated scan (zero-filled MR, a CT kernel) has hardly any noise left in the finest sub-band, so a
wavelet estimate sees a fraction of it. The periodograms of many small windows show the noise at all frequencies;
anatomy is mostly at the low ones and differs from window to window, by which it is told from noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.metrics.rician import koay_sigma
from DiffusionCore.metrics.spectra import window_powers

Floats = npt.NDArray[np.float32]

LOW = 0.19
"""Cycles a voxel under which anatomy outweighs the noise of a usual scan."""
QUIET_SHARE = 0.1
HOMOGENEOUS = 1.25
"""Spread of the windows' low-frequency energies, over that of noise alone, up to which there is no anatomy in them."""
_DEGREES = 0.264
"""Independent values in a window of n^2 voxels, over n^2, under the sin^2 taper: (sum w^2)^2 / sum w^4."""


@dataclass(frozen=True, eq=False)
class WindowSpectra:
    """Periodograms of flat windows, half-plane (N, n, n // 2 + 1).

    power  of each window
    cross  real part of the cross-spectrum with the window at the same place in the next slice; nan where there is none
    means  the windows' mean values (N,)
    """

    power: Floats
    cross: Floats
    means: Floats
    size: int


@dataclass(frozen=True, eq=False)
class NoiseSpectrum:
    """What the windows say of the noise.

    sigma        total standard deviation, an upper bound where anatomy is in the windows
    power        (n, n), zero frequency first, mean = sigma^2
    whiteness    least over the two axes of power at high over power at middle frequencies: 1 when white
    correlation  lag-one autocorrelation along (k, j, i); k is nan for a single slice
    homogeneity  spread of the low-frequency energies over that of noise alone: about 1 without anatomy
    windows      how many there were
    """

    sigma: float
    power: npt.NDArray[np.float64]
    whiteness: float
    correlation: tuple[float, float, float]
    homogeneity: float
    windows: int


def window_spectra(first: Floats, second: Floats) -> WindowSpectra:
    """Periodograms of windows (N, n, n) and, where given, of the same places in the next slice."""
    power, transform = window_powers(first)
    means = first.mean(axis=(1, 2))
    if not len(second):
        return WindowSpectra(power, np.full_like(power, np.nan), means, first.shape[-1])
    other, other_transform = window_powers(second)
    cross = transform.real * other_transform.real + transform.imag * other_transform.imag
    return WindowSpectra(
        np.concatenate([power, other]),
        np.concatenate([cross, np.full_like(cross, np.nan)]),
        np.concatenate([means, second.mean(axis=(1, 2))]),
        first.shape[-1],
    )


def pooled_spectra(parts: list[WindowSpectra]) -> WindowSpectra:
    """The windows of several slabs as one."""
    return WindowSpectra(
        np.concatenate([part.power for part in parts]),
        np.concatenate([part.cross for part in parts]),
        np.concatenate([part.means for part in parts]),
        parts[0].size,
    )


def noise_spectrum(spectra: WindowSpectra, *, rician: bool, trust_low: bool) -> NoiseSpectrum | None:
    """The noise's spectrum from windows of tissue; None with fewer than 30 windows that are not constant.

    1. Windows are ranked by their energy below `LOW`; the quietest tenth is kept. The ranking hardly touches the
       frequencies above, of which the median over the kept windows (over ln 2, the median of an exponential variable)
       is taken.
    2. Below `LOW`: the energy that noise alone would show at that rank (chi-squared with the spectrum's degrees of
       freedom). In tissue with anatomy in every window (`trust_low` False: MR) it is at most the plateau just above, as
       MR noise is flat within the band that was measured. CT noise is not, and soft tissue is flat enough: there the
       measured energy stands.
    3. What goes with the windows' mean is filled from its neighbouring ring.

    Zero-filling beyond a factor of two along both axes leaves no plateau above `LOW`, and reads as anatomy.
    """
    n = spectra.size
    radius, along_j, along_i, weight = half_plane(n)
    power = spectra.power.astype(np.float64)
    low = radius < LOW
    energy = np.average(power[:, low], axis=1, weights=weight[low])
    alive = energy > 0
    if np.count_nonzero(alive) < 30:
        return None
    power, energy, means = power[alive], energy[alive], spectra.means[alive]
    quiet = energy <= np.quantile(energy, max(QUIET_SHARE, min(1.0, 30 / len(energy))))
    degrees = _degrees(np.median(power[quiet], axis=0)[low], weight[low])
    homogeneity = _relative_spread(energy, degrees)
    flat = homogeneity < HOMOGENEOUS
    chosen = np.ones_like(quiet) if flat else quiet
    level = np.median(power[chosen], axis=0) / np.log(2)

    whole = level.copy()
    if not flat:
        measured = level[low] * (_noise_at_rank(energy, degrees) / np.average(level[low], weights=weight[low]))
        plateau = np.average(
            level[(radius >= LOW) & (radius < 0.25)], weights=weight[(radius >= LOW) & (radius < 0.25)]
        )
        whole[low] = measured if trust_low else np.minimum(measured, plateau)
    lost, ring = radius < 1.6 / n, (radius >= 1.6 / n) & (radius < 3.2 / n)
    whole[lost] = np.maximum(whole[lost], np.average(whole[ring], weights=weight[ring]))

    total = float(np.sqrt(np.average(whole, weights=weight)))
    sigma = float(koay_sigma(np.median(means[chosen]), total)) if rician else total
    full = _full_plane(whole) * (sigma / total) ** 2
    lags = np.fft.ifft2(full).real
    high = radius >= 0.25
    return NoiseSpectrum(
        sigma=sigma,
        power=full,
        whiteness=min(_ratio(level, weight, axis, high) for axis in (along_j, along_i)),
        correlation=(
            _between_slices(power[chosen], spectra.cross[alive][chosen], weight * high),
            float(lags[1, 0] / lags[0, 0]),
            float(lags[0, 1] / lags[0, 0]),
        ),
        homogeneity=homogeneity,
        windows=len(energy),
    )


def half_plane(n: int) -> tuple[npt.NDArray, npt.NDArray, npt.NDArray, npt.NDArray]:
    """Radius, |f_j|, |f_i| (cycles a voxel) and how often each bin counts, over rfft2's half-plane of n x n."""
    along_j = np.broadcast_to(np.abs(np.fft.fftfreq(n))[:, None], (n, n // 2 + 1))
    along_i = np.broadcast_to(np.fft.rfftfreq(n)[None, :], (n, n // 2 + 1))
    weight = np.full((n, n // 2 + 1), 2.0)
    weight[:, 0] = 1.0
    if n % 2 == 0:
        weight[:, -1] = 1.0
    return np.hypot(along_j, along_i), along_j, along_i, weight


def _full_plane(half: npt.NDArray) -> npt.NDArray[np.float64]:
    n = half.shape[0]
    full = np.empty((n, n))
    full[:, : n // 2 + 1] = half
    mirrored = np.roll(half[::-1], 1, axis=0)
    full[:, n // 2 + 1 :] = mirrored[:, 1 : (n + 1) // 2][:, ::-1]
    return full


def _between_slices(power: npt.NDArray, cross: npt.NDArray, weight: npt.NDArray) -> float:
    """Correlation of neighbouring slices, at frequencies with little anatomy; nan for a single slice."""
    paired = np.isfinite(cross[:, 0, 0])
    own = np.average(power.mean(axis=0), weights=weight)
    if not paired.any() or own <= 0:
        return float("nan")
    return float(np.average(cross[paired].mean(axis=0), weights=weight) / own)


def _degrees(level: npt.NDArray, weight: npt.NDArray) -> float:
    """Degrees of freedom of a window's energy with this spectrum (Welch-Satterthwaite)."""
    level = np.maximum(level, 1e-12 * level.max() + 1e-300)
    return float(max(1.5, _DEGREES * np.sum(weight * level) ** 2 / np.sum(weight * level**2)))


def _relative_spread(energy: npt.NDArray, degrees: float) -> float:
    upper, lower = np.quantile(energy, [0.75, 0.25])
    return float(upper / lower / (_chi2_quantile(0.75, degrees) / _chi2_quantile(0.25, degrees)))


def _chi2_quantile(share: float, degrees: float) -> float:
    """Quantile of the chi-squared distribution; loading scipy.stats for it would hold a panel up for half a second."""
    from scipy.special import gammaincinv

    return float(2 * gammaincinv(degrees / 2, share))


def _noise_at_rank(energy: npt.NDArray, degrees: float) -> float:
    """Mean energy of noise whose low quantile is the one seen."""
    rank = QUIET_SHARE / 2
    return float(np.quantile(energy, rank) * degrees / _chi2_quantile(rank, degrees))


def _ratio(level: npt.NDArray, weight: npt.NDArray, axis: npt.NDArray, high: npt.NDArray) -> float:
    top, middle = (axis >= 0.4) & high, (axis >= 0.2) & (axis < 0.35) & high
    below = np.average(level[middle], weights=weight[middle])
    return float(np.average(level[top], weights=weight[top]) / below) if below > 0 else 1.0
