"""CT at a lower dose: the noise that fewer photons would have added, made in the projections of the scan itself.

y = x + FBP(log of noisy counts − noiseless line integrals). Only noise is filtered, so x keeps its resolution, and the
noise has what CT's noise has: streaks along long paths, more of it deep inside, a spectrum that rises and then falls.

A scan taken with a flux of I0 photons a ray holds noise of its own. A scan at `dose` d differs from it by a variance of
(1/d − 1) times its own, which is what a scan with I0·d/(1 − d) photons would have (electronic noise, which does not
fall with dose, accordingly). I0 is such that at d = 1 soft tissue has the scan's own noise: then at d the noise,
own and added together, is own/√d, and more where few photons leave the electronic noise a part.

Source: Žabić, Wang, Morton & Brown, Med Phys 40:031102 (2013); Yu et al., J Comput Assist Tomogr 36:477 (2012).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from DiffusionCore.degradation.ct_kernel import ReconstructionKernel, ramp_response, reconstruction_kernel
from DiffusionCore.degradation.ct_projection import (
    FINE,
    ParallelBeam,
    back_project,
    back_project_at,
    filtered_back_projection,
    parallel_beam,
    project,
)
from DiffusionCore.degradation.degraded import Degraded, checked_voxels
from DiffusionCore.degradation.grid import apply_matrix
from DiffusionCore.errors import UsageError

MU_WATER_PER_MM = 0.0192  # at 70 keV, the effective energy of a 120 kVp beam (NIST XCOM)
SOFT_TISSUE_HU = (-150.0, 250.0)
PATH_LIMIT = 14.0  # line integral beyond which a ray is blocked; keeps e^path, hence metal's streaks, bounded

Kernel = str | ReconstructionKernel
Array = npt.NDArray[np.float32]
Pixels = tuple[npt.NDArray[np.intp], ...]


def low_dose_ct(
    x: npt.ArrayLike,
    rng: np.random.Generator,
    *,
    pixel_mm: float | tuple[float, float],
    dose: float,
    own_sigma_hu: float,
    kernel: Kernel = "standard",
    electronic: float = 3.0,
    untouched: npt.ArrayLike | None = None,
    angles: int | None = None,
) -> Degraded:
    """`x` as it would look at the fraction `dose` (0 < dose ≤ 1) of its own dose; dose 1 gives `x` itself.

    Each slice is calibrated apart, as tube current modulation does.

    Args:
        x: HU, (K, J, I) or (J, I).
        pixel_mm: spacing in the slice, one number or (J, I), in mm.
        own_sigma_hu: the scan's own noise in soft tissue, standard deviation in HU.
        kernel: `soft`, `standard`, `sharp` or a `ReconstructionKernel`: the one the scan was reconstructed with.
        electronic: standard deviation of the detector's own noise, in photons a ray.
        untouched: True where nothing may be added (padding outside the reconstruction circle), of x's shape.
        angles: number of views; see `parallel_beam`.

    Returns:
        Degraded, with `added_sigma_hu` in the record: the added noise in soft tissue as predicted, in HU, and `flux`, the
        photons a ray at full dose; both by slice.
    """
    voxels = checked_voxels(x)
    if not 0 < dose <= 1:
        raise UsageError(f"the dose is a fraction of the scan's own, above 0 and at most 1, got {dose}")
    _check_noise(own_sigma_hu, electronic)
    keep = _checked_mask(untouched, voxels.shape)
    volume = voxels.reshape(-1, *voxels.shape[-2:])
    beam = parallel_beam(volume.shape[-2:], pixel_mm, angles)
    window = reconstruction_kernel(kernel, min(beam.pixel_mm), beam.detector_mm)
    noisy = volume.copy()
    fluxes, added_sigma = [], []
    for hu, out in zip(volume, noisy, strict=True):
        paths = line_integrals(hu, beam)
        flux, detector = _flux(paths, _soft_tissue(hu), beam, window, own_sigma_hu, electronic)
        fluxes.append(flux)
        # quantum variance goes as 1 / dose, that of the detector as its square
        gained = (own_sigma_hu**2 - detector) * (1 / dose - 1) + detector * (1 / dose**2 - 1)
        added_sigma.append(float(np.sqrt(gained)))
        if dose < 1:
            added = _noise_sinogram(paths, rng, flux * dose / (1 - dose), electronic * np.sqrt((1 + dose) / (1 - dose)))
            out += filtered_back_projection(added, beam, window) * np.float32(1000 / MU_WATER_PER_MM)
    noisy = noisy.reshape(voxels.shape)
    if keep is not None:
        noisy[keep] = voxels[keep]
    record = {
        "kind": "low_dose_ct",
        "dose": float(dose),
        "own_sigma_hu": float(own_sigma_hu),
        "added_sigma_hu": added_sigma,
        "flux": fluxes,
        "electronic": float(electronic),
        "window": window.window,
        "cutoff_per_mm": window.cutoff_per_mm,
        "angles": beam.angles,
    }
    return Degraded(noisy, record)


def unit_noise(
    x: npt.ArrayLike,
    rng: np.random.Generator,
    *,
    pixel_mm: float | tuple[float, float],
    kernel: Kernel = "standard",
    count: int = 1,
    angles: int | None = None,
) -> Array:
    """Quantum noise of one slice (J, I) in HU, (count, J, I) float32, with standard deviation 1 HU in soft tissue.

    For training: compute once per slice, then `x + own_sigma_hu * sqrt(1/dose - 1) * noise`. This is `low_dose_ct` in
    the limit of many photons, where the noise is normal and scales as 1/√flux. Because it is normal, Σ wᵢ·noiseᵢ with
    Σ wᵢ² = 1 is again noise of the same covariance: see `mixed`.
    """
    hu = checked_voxels(x)
    if hu.ndim != 2:
        raise UsageError(f"unit noise is made for one slice (J, I), got shape {hu.shape}")
    if count < 1:
        raise UsageError(f"count must be at least 1, got {count}")
    beam = parallel_beam(hu.shape, pixel_mm, angles)
    window = reconstruction_kernel(kernel, min(beam.pixel_mm), beam.detector_mm)
    deviation = np.exp(line_integrals(hu, beam) / 2)
    variance = _reference(deviation**2, _soft_tissue(hu), beam, window)
    deviation *= 1000 / MU_WATER_PER_MM / np.sqrt(variance)
    noise = np.empty((count, *hu.shape), np.float32)
    for out in noise:
        sinogram = rng.standard_normal(deviation.shape, dtype=np.float32)
        sinogram *= deviation
        out[...] = filtered_back_projection(sinogram, beam, window)
    return noise


def mixed(noises: npt.ArrayLike, rng: np.random.Generator) -> Array:
    """One new realisation (J, I) from several (count, J, I): a random combination whose squared weights sum to 1."""
    noises = np.asarray(noises, dtype=np.float32)
    weights = rng.standard_normal(noises.shape[0])
    weights /= np.linalg.norm(weights)
    return np.tensordot(weights.astype(np.float32), noises, axes=1)


def flux_for_noise(
    x: npt.ArrayLike,
    sigma_hu: float,
    *,
    pixel_mm: float | tuple[float, float],
    kernel: Kernel = "standard",
    electronic: float = 3.0,
    angles: int | None = None,
) -> float:
    """Photons a ray (detector bin of 0.5 mm, one view) with which soft tissue in the slice has noise `sigma_hu`.

    Soft tissue is −150..250 HU; the reference is the median over it. Without any, it is the slice's centre.
    """
    hu = checked_voxels(x)
    _check_noise(sigma_hu, electronic)
    beam = parallel_beam(hu.shape, pixel_mm, angles)
    window = reconstruction_kernel(kernel, min(beam.pixel_mm), beam.detector_mm)
    return _flux(line_integrals(hu, beam), _soft_tissue(hu), beam, window, sigma_hu, electronic)[0]


def noise_map(
    x: npt.ArrayLike,
    flux: float,
    *,
    pixel_mm: float | tuple[float, float],
    kernel: Kernel = "standard",
    electronic: float = 3.0,
    angles: int | None = None,
) -> Array:
    """Standard deviation in HU (J, I) that a scan of `x` with `flux` photons a ray has in theory, without drawing."""
    if not (np.isfinite(flux) and flux > 0):
        raise UsageError(f"the flux must be positive in photons a ray, got {flux}")
    hu = checked_voxels(x)
    beam = parallel_beam(hu.shape, pixel_mm, angles)
    window = reconstruction_kernel(kernel, min(beam.pixel_mm), beam.detector_mm)
    counts = flux * np.exp(-line_integrals(hu, beam))
    variance = _filtered_variance((counts + electronic**2) / counts**2, beam, window)
    return np.sqrt(back_project(np.repeat(variance, FINE, axis=1), beam))


def line_integrals(hu: npt.ArrayLike, beam: ParallelBeam) -> Array:
    """Line integrals (angles, bins) of a slice in HU; air and padding below −1000 HU do not attenuate.

    Pixels of up to 1 mm are taken two by two: what noise needs of a path is its length, not its finest detail.
    """
    mu = np.clip(np.asarray(hu, dtype=np.float32) / 1000 + 1, 0, None) * np.float32(MU_WATER_PER_MM)
    if max(beam.pixel_mm) <= 1:
        for axis, length in enumerate(beam.shape):
            mu = apply_matrix(_halving(length), mu, axis)
        beam = replace(beam, shape=mu.shape, pixel_mm=(2 * beam.pixel_mm[0], 2 * beam.pixel_mm[1]))
    return np.clip(project(mu, beam), 0, PATH_LIMIT)


def _halving(length: int) -> npt.NDArray[np.float32]:
    """(⌈length/2⌉, length): means of two, about the same centre; an odd axis is widened by half a pixel of air each."""
    half = (length + 1) // 2
    centres = (np.arange(half) - (half - 1) / 2) * 2 + (length - 1) / 2
    overlap = np.clip(1.5 - np.abs(centres[:, None] - np.arange(length)[None, :]), 0, 1)
    return (overlap / 2).astype(np.float32)


def _noise_sinogram(paths: Array, rng: np.random.Generator, flux: float, electronic: float) -> Array:
    """Line integrals from noisy counts less the noiseless ones.

    The logarithm of few counts is biased by +variance/2 to second order; scanners calibrate that out, and so does this.
    """
    expected = flux * np.exp(-paths.astype(np.float64))
    counts = rng.poisson(expected) + electronic * rng.standard_normal(paths.shape, dtype=np.float32)
    noise = np.log(expected / np.maximum(counts, 1))
    bias = np.minimum((expected + electronic**2) / expected**2, 1) / 2
    return (noise - bias).astype(np.float32)


def _flux(
    paths: Array,
    soft: Pixels,
    beam: ParallelBeam,
    kernel: ReconstructionKernel,
    sigma_hu: float,
    electronic: float,
) -> tuple[float, float]:
    """Solves quantum/flux + electronic/flux² = sigma² for the flux, in soft tissue; and the electronic part, in HU²."""
    quantum = _reference(np.exp(paths), soft, beam, kernel)
    detector = electronic**2 * _reference(np.exp(2 * paths), soft, beam, kernel) if electronic else 0.0
    variance = sigma_hu**2
    flux = float((quantum + np.sqrt(quantum**2 + 4 * variance * detector)) / (2 * variance))
    return flux, detector / flux**2


def _reference(variance: Array, soft: Pixels, beam: ParallelBeam, kernel: ReconstructionKernel) -> float:
    """Median variance in HU² over soft tissue, of the reconstruction of rays with `variance` (angles, bins)."""
    return float(np.median(back_project_at(_filtered_variance(variance, beam, kernel), beam, *soft)))


def _filtered_variance(variance: Array, beam: ParallelBeam, kernel: ReconstructionKernel) -> Array:
    """What to back-project, in HU², for the variance of the reconstruction of independent rays with `variance`.

    Back projection is linear in the rays, so variances go through it with the squared filter in the filter's place.
    """
    from scipy.fft import irfft, rfft

    response = ramp_response(beam.length, beam.detector_mm, kernel)
    squared = (irfft(response, beam.length * FINE) * FINE) ** 2
    per_bin = squared.reshape(beam.length, FINE)
    per_bin = (per_bin + np.roll(per_bin[:, ::-1], 1, axis=0)).mean(axis=1) / 2  # over where a pixel falls in a bin
    spectrum = rfft(variance, beam.length, axis=1)
    spectrum *= rfft(per_bin).astype(np.complex64)
    scale = (np.pi / beam.angles * 1000 / MU_WATER_PER_MM) ** 2
    return np.clip(irfft(spectrum, beam.length, axis=1), 0, None) * np.float32(scale)


def _soft_tissue(hu: Array) -> Pixels:
    """Rows and columns of at most about 4000 pixels, evenly taken from the soft tissue, or of the centre."""
    soft = np.flatnonzero((hu > SOFT_TISSUE_HU[0]) & (hu < SOFT_TISSUE_HU[1]))
    if soft.size == 0:
        soft = np.array([hu.shape[0] // 2 * hu.shape[1] + hu.shape[1] // 2])
    return np.unravel_index(soft[:: max(1, soft.size // 4000)], hu.shape)


def _check_noise(sigma_hu: float, electronic: float) -> None:
    if not (np.isfinite(sigma_hu) and sigma_hu > 0):
        raise UsageError(f"the scan's own noise must be positive in HU, got {sigma_hu}")
    if not (np.isfinite(electronic) and electronic >= 0):
        raise UsageError(f"electronic noise must not be negative in photons, got {electronic}")


def _checked_mask(mask: npt.ArrayLike | None, shape: tuple[int, ...]) -> npt.NDArray[np.bool_] | None:
    if mask is None:
        return None
    mask = np.asarray(mask, dtype=bool)
    if mask.shape != shape:
        raise UsageError(f"the mask of untouched voxels has shape {mask.shape}, the scan {shape}")
    return mask
