"""A case made ready: the crop of the scan, noise from the case's own seed, what every method is told of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from DiffusionCore.benchmark.denoise.cases import CT_CROP, MR_CROP, Case
from DiffusionCore.benchmark.packaged_scan import packaged_scan
from DiffusionCore.benchmark.rivals import NoisyScan
from DiffusionCore.benchmark.rivals.method import Array
from DiffusionCore.degradation import low_dose_ct, power_spectrum, rician, spectrum_for
from DiffusionCore.errors import InputError
from DiffusionCore.metrics.masks import tissue_mask
from DiffusionCore.metrics.noise_level import estimate_sigma
from DiffusionCore.metrics.reference import psnr
from DiffusionCore.volume import Volume, read_volume
from DiffusionCore.volume.atomic import atomic_file
from DiffusionCore.volume.geometry import crop as crop_volume
from DiffusionCore.volume.intensity import ct_padding_mask, normalisation_for

Shape = tuple[int, int, int]
FLOOR = 1e-3  # of the mean power: what no estimate can tell from zero
REVISION = 1  # raised when the noise that a case gets changes, so that kept inputs are made again


@dataclass(frozen=True, eq=False)
class CaseInput:
    """A case's crop.

    scan     what the methods are given
    target   (K, J, I) float32 normalised: the truth, or the better scan of a pair; None for real noise
    tissue   (K, J, I) bool: where it is judged
    unit     the scan's own units in one normalised unit (1000 HU; the 99.5th percentile in MR)
    own      the target's own noise, normalised; 0 where there is no truth
    """

    case: Case
    scan: NoisyScan
    target: Array | None
    tissue: np.ndarray
    unit: float
    own: float


def case_input(case: Case, root: Path, size: Shape | None = None, folder: Path | None = None) -> CaseInput:
    """Read the case's scan under `root`, crop it to `size` (default: the modality's), add the noise.

    Simulated doses take minutes and are kept in `folder`. Raises `InputError` if the scan is not there.
    """
    whole = _scan(case, root)
    normalisation = normalisation_for(whole, "hu" if case.modality == "CT" else "p99.5")
    region = _region(case, whole, size)
    volume = crop_volume(whole, region)
    clean = normalisation.apply(volume.voxels)
    tissue = tissue_mask(whole.voxels, case.modality)[region]
    spectrum = correlation = None
    if case.kind in ("pair", "real"):
        noisy, target, own = clean, None, 0.0
        estimate = estimate_sigma(whole.voxels, case.modality, whole.spacing)
        sigma = estimate.sigma / normalisation.scale
        if case.modality == "CT" and estimate.spectrum is not None:
            spectrum = _unit_mean(spectrum_for(estimate.spectrum, clean.shape[1:]), clean.shape)
        if case.modality == "MR" and estimate.correlated:
            correlation = estimate.correlation
        if case.reference:
            target = normalisation.apply(crop_volume(_read(root / case.reference, case.modality), region).voxels)
    else:
        target = clean
        own = case.own / normalisation.scale if case.modality == "CT" else case.own
        if case.kind == "low_dose":
            sigma = own * np.sqrt(1 / case.level - 1)
            noisy = _at_low_dose(case, whole, region, folder) / np.float32(normalisation.scale)
            spectrum = _unit_mean(spectrum_for(power_spectrum(noisy - clean), clean.shape[1:]), clean.shape)
        else:
            sigma = case.level if case.kind == "rician" else sigma_for_psnr(clean, tissue, case.level, seed_of(case))
            noisy = rician(clean, np.random.default_rng(seed_of(case)), sigma).voxels
    scan = NoisyScan(noisy, sigma, case.modality, volume.spacing, spectrum, correlation)
    return CaseInput(case, scan, target, tissue, normalisation.scale, own)


def is_kept(case: Case, root: Path, size: Shape | None, folder: Path) -> bool:
    """Whether `case_input` is a matter of seconds: its dose, if it has one, lies in `folder`."""
    if case.kind != "low_dose":
        return True
    whole = _scan(case, root)
    return _dose_file(case, whole, _slices(whole, _region(case, whole, size)), folder).is_file()


def _region(case: Case, whole: Volume, size: Shape | None) -> tuple[slice, slice, slice]:
    return central(whole.shape, size or (CT_CROP if case.modality == "CT" else MR_CROP), case.centre)


def central(shape: Shape, size: Shape, centre: Shape | None = None) -> tuple[slice, slice, slice]:
    """A region of at most `size` about `centre` (default: the middle), moved to lie within `shape`."""
    region = []
    for length, wanted, middle in zip(shape, size, centre or tuple(n // 2 for n in shape), strict=True):
        extent = min(length, wanted)
        start = min(max(middle - extent // 2, 0), length - extent)
        region.append(slice(start, start + extent))
    return region[0], region[1], region[2]


def seed_of(case: Case) -> int:
    """A seed from the case's file, slices, kind and level: the same noise whatever else is in the table."""
    described = f"{case.file} {case.kind} {case.level}" + (f" {case.slices}" if case.slices else "")
    return int.from_bytes(hashlib.sha256(described.encode()).digest()[:8], "big")


def sigma_for_psnr(clean: Array, tissue: np.ndarray, wanted: float, seed: int) -> float:
    """The sigma whose Rician noise (of this seed) gives `clean` a PSNR of `wanted` dB in tissue, by bisection."""
    from scipy.optimize import brentq

    def excess(log_sigma: float) -> float:
        noisy = rician(clean, np.random.default_rng(seed), float(np.exp(log_sigma))).voxels
        return psnr(noisy, clean, 1.0, mask=tissue) - wanted

    guess = -wanted * np.log(10) / 20  # of Gaussian noise, exactly
    return float(np.exp(brentq(excess, guess - 1, guess + 1, xtol=1e-5)))


def _scan(case: Case, root: Path) -> Volume:
    """The case's scan, or its part of a stack of many subjects' slices."""
    whole = _read(packaged_scan(case.file) if case.packaged else root / case.file, case.modality)
    if case.slices is None:
        return whole
    apart = np.diag([1.0, 1.0, case.slice_mm / whole.spacing[0], 1.0])
    return Volume(whole.voxels[slice(*case.slices)], whole.ijk_to_ras @ apart, case.modality)


def _read(path: Path, modality: str) -> Volume:
    if not path.is_file():
        raise InputError(f"{path.name} is not in the data folder; the benchmark needs the scans of its index")
    return read_volume(path, modality=modality)


def _at_low_dose(case: Case, whole: Volume, region: tuple[slice, slice, slice], folder: Path | None) -> Array:
    """HU of the region at the case's dose; projected over whole slices, kept in `folder`."""
    slices = _slices(whole, region)
    kept = None if folder is None else _dose_file(case, whole, slices, folder)
    if kept is not None and kept.is_file():
        noisy = np.load(kept, allow_pickle=False)
    else:
        noisy = low_dose_ct(
            slices,
            np.random.default_rng(seed_of(case)),
            pixel_mm=whole.spacing[1:],
            dose=case.level,
            own_sigma_hu=case.own,
            untouched=ct_padding_mask(whole.voxels[region[0]]),
        ).voxels
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            with atomic_file(kept, overwrite=True) as path, path.open("wb") as stream:
                np.save(stream, noisy)
    return noisy[:, region[1], region[2]]


def _slices(whole: Volume, region: tuple[slice, slice, slice]) -> Array:
    return np.ascontiguousarray(whole.voxels[region[0]], dtype=np.float32)


def _dose_file(case: Case, whole: Volume, slices: Array, folder: Path) -> Path:
    """Where the dose is kept: under a hash of all that goes into it."""
    described = f"{REVISION} {case.level} {case.own} {whole.spacing} {seed_of(case)} {slices.shape}"
    return folder / f"dose-{hashlib.sha256(described.encode() + slices.tobytes()).hexdigest()}.npy"


def _unit_mean(power: np.ndarray, shape: Shape) -> Array:
    """In-plane power (J, I) on all of (K, J, I), slices independent of each other, mean 1."""
    power = np.maximum(power / power.mean(), FLOOR)
    return np.broadcast_to((power / power.mean()).astype(np.float32), shape)
