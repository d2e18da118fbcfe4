"""How strong the noise of a scan is, from the scan alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.errors import InputError
from DiffusionCore.metrics.air_noise import air_deviation, rayleigh_air
from DiffusionCore.metrics.flat_tissue import (
    find_slab,
    flat_windows,
    grid_sample,
    reference_level,
    slab_ranges,
    slices_alike,
)
from DiffusionCore.metrics.noise_bands import Band, band_sigma, pooled, quiet_band, smallest_step
from DiffusionCore.metrics.noise_estimate import NoiseEstimate
from DiffusionCore.metrics.noise_map import BlockNoise, block_noise, block_places, relative_map
from DiffusionCore.metrics.noise_spectrum import (
    HOMOGENEOUS,
    NoiseSpectrum,
    WindowSpectra,
    noise_spectrum,
    pooled_spectra,
    window_spectra,
)

SLABS = 6
WINDOWS_A_SLAB = 400
BLOCKS = 8
FEWEST_WINDOWS = 100
FEWEST_COEFFICIENTS = 400
CORRELATED = 0.4
"""Whiteness (0 to 1) under which the noise is called correlated."""


def estimate_sigma(
    voxels: npt.NDArray,
    modality: str,
    spacing: Sequence[float] | None = None,
    max_slabs: int | None = None,
    mask: npt.NDArray[np.bool_] | None = None,
) -> NoiseEstimate:
    """Estimate the noise of a scan (K, J, I) from at most `max_slabs` (6) slabs of neighbouring slices.

    modality  "MR", "CT" or anything else (then Gaussian and without knowledge of tissue)
    spacing   mm along (k, j, i); tells thick slices, which are not differenced with their neighbours
    mask      where noise may be measured, (K, J, I); the whole scan without it

    White noise: median absolute deviation of the finest diagonal Haar sub-band over quiet tissue. Correlated noise:
    its power spectrum in flat windows (`noise_spectrum`). Between the two by how white the spectrum is. In MR both are
    freed of the Rician bias (Koay & Basser 2006), and a Rayleigh background decides where anatomy hides the noise. CT
    noise is never white, so there the spectrum in soft tissue counts.

    Raises `InputError` for anything but a 3D array of numbers. A scan that is too small or constant gives an estimate
    that is not reliable, and says why.
    """
    settings = _settings(voxels, modality, spacing, mask)
    return _combine(list(_measured(voxels, mask, max_slabs, settings)), voxels.shape, settings)


def estimates_by_slab(
    voxels: npt.NDArray,
    modality: str,
    spacing: Sequence[float] | None = None,
    max_slabs: int | None = None,
    mask: npt.NDArray[np.bool_] | None = None,
) -> Iterator[NoiseEstimate]:
    """`estimate_sigma` in steps, central slab first: yields the estimate from the slabs seen so far after each.

    A step takes some 50 ms on slices of 256 x 256, so that a panel can stay alive in between and stop when it likes.
    """
    settings = _settings(voxels, modality, spacing, mask)
    seen: list[_SlabNoise] = []
    for slab in _measured(voxels, mask, max_slabs, settings):
        seen.append(slab)
        yield _combine(seen, voxels.shape, settings)


@dataclass(frozen=True)
class _Settings:
    modality: str
    rician: bool
    reference: float
    quantum: float
    along_slices: bool
    windows: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class _SlabNoise:
    plane: Band
    space: Band
    spectra: list[WindowSpectra]
    blocks: BlockNoise
    air: float | None
    tissue: float


def _settings(
    voxels: npt.NDArray, modality: str, spacing: Sequence[float] | None, mask: npt.NDArray[np.bool_] | None
) -> _Settings:
    if voxels.ndim != 3 or voxels.dtype.kind not in "iufb" or 0 in voxels.shape:
        raise InputError(f"noise is estimated from a 3D array of numbers, got {voxels.dtype} {voxels.shape}")
    if mask is not None and mask.shape != voxels.shape:
        raise InputError(f"the mask is {mask.shape}, the scan {voxels.shape}")
    sample = grid_sample(voxels, 20_000)
    magnitude = modality == "MR" and (not sample.size or np.mean(sample < 0) <= 0.01)
    kind = modality if modality == "CT" or magnitude else "OTHER"
    return _Settings(
        modality=kind,
        rician=magnitude,
        reference=reference_level(voxels),
        quantum=smallest_step(voxels),
        along_slices=slices_alike(len(voxels), spacing),
        # CT noise has much of its power at low frequencies, which small windows cannot tell apart.
        windows=(24, 16) if kind == "CT" else (16,),
    )


def _measured(
    voxels: npt.NDArray, mask: npt.NDArray[np.bool_] | None, max_slabs: int | None, settings: _Settings
) -> Iterator[_SlabNoise]:
    for first, last in slab_ranges(voxels.shape, max_slabs or SLABS):
        inside = None if mask is None else np.asarray(mask[first:last], dtype=bool)
        yield _measure(voxels[first:last], inside, (first + last) / 2, settings)


def _measure(part: npt.NDArray, mask: npt.NDArray[np.bool_] | None, centre: float, settings: _Settings) -> _SlabNoise:
    slab_voxels = np.array(part, dtype=np.float32)
    finite = np.isfinite(slab_voxels)
    if not finite.all():
        slab_voxels[~finite] = 0
        mask = finite if mask is None else mask & finite
    air, floor = None, 0.0
    if settings.modality == "CT":
        air = air_deviation(slab_voxels)
    elif settings.rician:
        air = rayleigh_air(slab_voxels, settings.reference)
        floor = 2.2 * air if air else 0.0
    slab = find_slab(slab_voxels, settings.modality, settings.reference, mask, floor)
    spectra: list[WindowSpectra] = []
    for size in settings.windows:
        if not spectra or len(spectra[-1].power) < FEWEST_WINDOWS:
            spectra.append(window_spectra(*flat_windows(slab, size, WINDOWS_A_SLAB)))
    return _SlabNoise(
        plane=quiet_band(slab, settings.quantum, along_slices=False),
        space=quiet_band(slab, settings.quantum, along_slices=settings.along_slices),
        spectra=spectra,
        blocks=block_noise(
            slab,
            centre,
            quantum=settings.quantum,
            rician=settings.rician,
            along_slices=settings.along_slices and settings.modality != "CT",
            distance=2 if settings.modality == "CT" else 1,
            blocks=BLOCKS,
        ),
        air=air,
        tissue=float(np.median(slab.local_mean[slab.tissue])) if slab.tissue.any() else 0.0,
    )


def _combine(seen: list[_SlabNoise], shape: tuple[int, ...], settings: _Settings) -> NoiseEstimate:
    windows = pooled_spectra([slab.spectra[0] for slab in seen])
    if len(windows.power) < FEWEST_WINDOWS:
        windows = pooled_spectra([slab.spectra[-1] for slab in seen])
    spectrum = noise_spectrum(windows, rician=settings.rician, trust_low=settings.modality == "CT")
    airs = [slab.air for slab in seen if slab.air]
    air = float(np.median(airs)) if airs else None
    plane = pooled([slab.plane for slab in seen])
    space = pooled([slab.space for slab in seen])
    lower = band_sigma(plane, settings.rician)
    # Slices that share noise cancel it when differenced.
    if len(space.coefficients) and not (spectrum and spectrum.correlation[0] > 0.3):
        lower = band_sigma(space, settings.rician)
    white = _whiteness(spectrum, settings)
    upper = max(lower, spectrum.sigma) if spectrum else lower
    sigma, reason = _level(lower, spectrum, white, air, float(np.median([slab.tissue for slab in seen])), settings)
    enough = len(plane.coefficients) >= FEWEST_COEFFICIENTS
    trouble = _trouble(sigma, enough, spectrum, white, air, settings)
    correlated = white < CORRELATED
    if settings.modality == "CT" and spectrum:
        correlated = max(spectrum.correlation[1:]) > 0.2
    # In correlated MR noise the band that the map follows holds more anatomy than noise.
    followed = sigma > 0 and (settings.modality == "CT" or not correlated)
    blocks = relative_map([slab.blocks for slab in seen]) if followed else None
    coarse = places = None
    if blocks is not None:
        coarse = (sigma * blocks[0]).astype(np.float32)
        slices = np.array(blocks[1]) / shape[0]
        places = (slices, block_places(shape[1], BLOCKS), block_places(shape[2], BLOCKS))
    return NoiseEstimate(
        sigma=sigma,
        kind="rician" if settings.rician else "gaussian",
        correlated=correlated,
        correlation=spectrum.correlation if spectrum else (float("nan"),) * 3,
        map=coarse,
        reliable=trouble is None,
        reason=trouble or reason,
        lower=lower,
        upper=max(upper, sigma),
        air=air,
        spectrum=spectrum.power * (sigma / spectrum.sigma) ** 2 if spectrum and spectrum.sigma > 0 else None,
        map_places=places,
    )


def _whiteness(spectrum: NoiseSpectrum | None, settings: _Settings) -> float:
    """1 when the noise can be taken as white, 0 when its spectrum decides, in between continuous."""
    if spectrum is None:
        return 1.0
    rise = (spectrum.whiteness - 0.5) / 0.3
    fall = (1.9 - spectrum.whiteness) / 0.4
    white = float(np.clip(min(rise, fall), 0.0, 1.0))
    return white


def _level(
    lower: float,
    spectrum: NoiseSpectrum | None,
    white: float,
    air: float | None,
    tissue: float,
    settings: _Settings,
) -> tuple[float, str]:
    """The noise level and how it was found."""
    if settings.rician and air and lower < 1.5 * air and (tissue < 3 * air or lower <= 0):
        return air, "from the background's Rayleigh noise, as tissue hardly stands out of it"
    if spectrum is None or lower <= 0:
        return lower, "from the finest wavelet sub-band alone: too little flat tissue to see the noise's spectrum"
    if settings.modality == "CT":
        return spectrum.sigma, "from the noise power spectrum in soft tissue"
    if white < CORRELATED and air and max(lower, 0.5 * spectrum.sigma) <= air <= 1.15 * spectrum.sigma:
        return air, "noise is correlated between voxels; from the background's Rayleigh noise"
    sigma = lower**white * spectrum.sigma ** (1 - white)
    if white < CORRELATED:
        return sigma, "noise is correlated between voxels; total deviation from its power spectrum, an upper bound"
    return sigma, "from the finest wavelet sub-band in quiet tissue"


def _trouble(
    sigma: float,
    enough: bool,
    spectrum: NoiseSpectrum | None,
    white: float,
    air: float | None,
    settings: _Settings,
) -> str | None:
    """Why not to go by the estimate, or None."""
    if sigma <= 0:
        return "no noise was found: the scan is constant or has no tissue in it"
    if not enough:
        return "too few voxels of quiet tissue to measure the noise in"
    if settings.modality == "CT" and spectrum is None:
        return "too little flat soft tissue to see the spectrum of CT noise: sigma is a lower bound"
    anatomy = spectrum is not None and spectrum.homogeneity > HOMOGENEOUS
    if settings.modality != "CT" and white < CORRELATED and anatomy and sigma < 0.02 * settings.reference:
        return "noise is correlated and so weak that anatomy cannot be told from it: sigma is an upper bound"
    if air and settings.rician and not 0.5 < sigma / air < 2:
        return f"tissue ({sigma:.3g}) and background ({air:.3g}) disagree on the noise"
    return None
