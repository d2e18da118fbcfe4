"""Figures of one output against its target, in tissue: PSNR, SSIM, SNR and shift, for CT in both of its windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.benchmark.rivals import ValidationPair
from DiffusionCore.benchmark.rivals.method import HU_PER_UNIT
from DiffusionCore.degradation.spectrum import power_spectrum, radial_mean
from DiffusionCore.metrics.bootstrap import Blocks, blocks_of
from DiffusionCore.metrics.masks import CT_WINDOWS
from DiffusionCore.metrics.reference import psnr, snr_db, windowed
from DiffusionCore.metrics.structural_similarity import ssim

Array = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Scores:
    """One output in one window.

    window   "" for MR, "[-160, 240] HU" and so on for CT
    psnr     dB; data range 1 (MR, the 99.5th percentile) or the window's width
    ssim     mean structural similarity
    snr_db   10 log10(sum target² / sum error²); CT's values count from the window's lower end
    shift    mean of output less target, in HU (CT) or percent of the 99.5th percentile (MR); of no window
    spectrum how far its radial power spectrum is from the target's: mean of |ratio − 1|, percent; of no window
    errors   squared errors over the data range squared, in blocks, for the bootstrap
    """

    window: str
    psnr: float
    ssim: float
    snr_db: float
    shift: float
    spectrum: float
    errors: Blocks


def scores(output: Array, target: Array, tissue: Mask, modality: str) -> list[Scores]:
    """Scores of `output` against `target`, both (K, J, I) normalised, over `tissue`: one in MR, one a window in CT."""
    difference = (output.astype(np.float64) - target)[tissue]
    shift = float(difference.mean()) * (HU_PER_UNIT if modality == "CT" else 100)
    spectrum = spectrum_error(output, target, tissue)
    found = []
    for name, x, clean, data_range in views(output, target, modality):
        found.append(
            Scores(
                window=name,
                psnr=psnr(x, clean, data_range, mask=tissue),
                ssim=ssim(x, clean, data_range, mask=tissue),
                snr_db=snr_db(x, clean, mask=tissue),
                shift=shift,
                spectrum=spectrum,
                errors=blocks_of(((x - clean) / np.float32(data_range)) ** 2, tissue),
            )
        )
    return found


def spectrum_error(output: Array, target: Array, tissue: Mask) -> float:
    """Mean over rings of spatial frequency of |power of output / power of target − 1|, in percent, tissue alone.

    Too smooth and too noisy both show. The spectrum is in the slice, its lowest ring (the mask's own) left out.
    """
    powers = []
    for x in (output, target):
        _, power = radial_mean(power_spectrum(np.where(tissue, x, np.float32(0))))
        powers.append(power[1:])
    return float(100 * np.mean(np.abs(powers[0] / np.maximum(powers[1], 1e-30) - 1)))


def views(output: Array, target: Array, modality: str) -> list[tuple[str, Array, Array, float]]:
    """(window's name, output, target, data range) for each window; CT's values count from its lower end, in HU."""
    if modality != "CT":
        return [("", output, target, 1.0)]
    found = []
    for low, high in CT_WINDOWS:
        x, clean = (windowed(v * np.float32(HU_PER_UNIT), (low, high)) - np.float32(low) for v in (output, target))
        found.append((window_name((low, high)), x, clean, high - low))
    return found


def window_name(window: tuple[float, float]) -> str:
    return f"[{window[0]:g}, {window[1]:g}] HU".replace("-", "−")


def tuning_score(output: Array, pair: ValidationPair) -> float:
    """What rivals are tuned by: PSNR in tissue, in CT the mean of both windows'."""
    seen = views(output, pair.clean, pair.scan.modality)
    return float(np.mean([psnr(x, clean, data_range, mask=pair.tissue) for _, x, clean, data_range in seen]))


def ceiling(target: Array, tissue: Mask, modality: str, own: float, added: float) -> list[float]:
    """For each window about the best PSNR there can be, as the target holds noise of its own that nobody can know: what is
    left of it counts in the voxels that the window does not clip. Infinite where `own` is 0.
    """
    if own == 0:
        return [float("inf") for _ in views(target[:1], target[:1], modality)]
    variance = guessed_variance(own, added)
    found = []
    for _, _, clean, data_range in views(target, target, modality):
        inside = clean[tissue]
        share = float(np.mean((inside > 0) & (inside < data_range))) if modality == "CT" else 1.0
        unit = HU_PER_UNIT / data_range if modality == "CT" else 1.0
        found.append(float(-10 * np.log10(variance * unit**2 * share)))
    return found


def guessed_variance(own: float, added: float) -> float:
    """Variance of the error of who knows the scan without any noise exactly: the target's noise n (deviation `own`) can
    only be guessed from the input's n + m (m of deviation `added`), to own²·added² / (own² + added²).
    """
    return own**2 * added**2 / (own**2 + added**2)
