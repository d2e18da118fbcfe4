"""The figures of a scan against a reference, or of an enhanced scan against its original, by modality's conventions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.errors import UsageError
from DiffusionCore.metrics.masks import CT_WINDOWS, body_mask, tissue_mask
from DiffusionCore.metrics.masks import data_range as full_scale
from DiffusionCore.metrics.no_reference import Figures, figures, find_regions, mean_shift
from DiffusionCore.metrics.noise_estimate import NoiseEstimate
from DiffusionCore.metrics.noise_level import estimate_sigma
from DiffusionCore.metrics.reference import mae, psnr, rmse, snr_db, windowed
from DiffusionCore.metrics.spectra import mean_frequency
from DiffusionCore.metrics.structural_similarity import ssim
from DiffusionCore.volume import Volume

WHY_NO_PSNR = (
    "no PSNR or SSIM: against the noisy original doing nothing would score best; give a clean reference for those"
)


@dataclass(frozen=True)
class Row:
    """Figures against the reference in one window; `window` is None where values are not clipped (MR)."""

    window: tuple[float, float] | None
    data_range: float
    psnr: float
    ssim: float
    mae: float
    rmse: float
    snr_db: float


@dataclass(frozen=True)
class Evaluation:
    """A scan against a reference: one row, or one per HU window; `where` says over which voxels."""

    rows: tuple[Row, ...]
    where: str
    voxels: int
    unit: str

    def as_dict(self) -> dict[str, float | int | str]:
        """Flat, for tables and JSON, without what could not be measured; in CT each name says its window."""
        found: dict[str, float | int | str] = {}
        for row in self.rows:
            suffix = "" if row.window is None else f" ({row.window[0]:g} to {row.window[1]:g} HU)"
            found |= {
                f"PSNR, dB{suffix}": row.psnr,
                f"SSIM{suffix}": row.ssim,
                f"MAE, {self.unit}{suffix}": row.mae,
                f"RMSE, {self.unit}{suffix}": row.rmse,
                f"SNR, dB{suffix}": row.snr_db,
                f"data range, {self.unit}{suffix}": row.data_range,
            }
        return _known(found) | {"measured in": self.where, "voxels": self.voxels}


@dataclass(frozen=True)
class Comparison:
    """An enhanced scan beside its original, without a reference; nan where a figure could not be had.

    noise_before, noise_after  blind estimates
    grain_before, grain_after  mean frequency of the noise's power spectrum in the slice, 1/mm (`spectra.mean_frequency`)
    before, after              measured in the same regions, which were found on the original
    mean_shift                 over tissue, in the scan's units
    """

    noise_before: NoiseEstimate
    noise_after: NoiseEstimate
    grain_before: float
    grain_after: float
    before: Figures
    after: Figures
    mean_shift: float
    unit: str
    note: str = WHY_NO_PSNR

    def as_dict(self) -> dict[str, float | str]:
        """Flat, for tables and JSON, without what could not be measured."""
        found: dict[str, float | str] = {
            f"noise before, {self.unit}": self.noise_before.sigma,
            f"noise after, {self.unit}": self.noise_after.sigma,
            "mean noise frequency before, 1/mm": self.grain_before,
            "mean noise frequency after, 1/mm": self.grain_after,
            "SNR before": self.before.snr,
            "SNR after": self.after.snr,
            "CNR before": self.before.cnr,
            "CNR after": self.after.cnr,
            "edge rise before, mm": self.before.rise_mm,
            "edge rise after, mm": self.after.rise_mm,
            "MTF50 before, 1/mm": self.before.mtf50,
            "MTF50 after, 1/mm": self.after.mtf50,
            f"mean shift in tissue, {self.unit}": self.mean_shift,
            "note": self.note,
        }
        return _known(found)


def evaluate(
    volume: Volume,
    reference: Volume,
    mask: npt.NDArray[np.bool_] | None = None,
    data_range: float | None = None,
) -> Evaluation:
    """Compare a scan with a clean reference on the same grid.

    MR: in tissue (reference > 5 % of p99.5), data range p99.5 of the reference. CT: in the body, in the windows
    [-160, 240] and [-1000, 1000] HU, to which both scans are clipped and whose widths are the data ranges; snr_db
    counts from the window's lower end, as HU's zero is arbitrary. `mask` replaces tissue or body; `data_range` gives
    one row without windows.

    Raises `UsageError` if the grids differ or the mask is empty.
    """
    if volume.shape != reference.shape:
        raise UsageError(
            f"the scan is {volume.shape} and the reference {reference.shape} voxels; resample the reference first"
        )
    modality = reference.modality if reference.modality in ("CT", "MR") else volume.modality
    clean = np.asarray(reference.voxels)
    where = "the given mask"
    if mask is None:
        where = "the body" if modality == "CT" else "tissue (above 5 % of p99.5)"
        mask = tissue_mask(clean, modality)
        if not mask.any():
            mask, where = np.ones(clean.shape, dtype=bool), "the whole scan"
    unit = "HU" if modality == "CT" else "grey levels"
    if data_range is None and modality == "CT":
        rows = tuple(
            _row(windowed(volume.voxels, window), windowed(clean, window), mask, window[1] - window[0], window)
            for window in CT_WINDOWS
        )
    else:
        span = full_scale(clean, modality) if data_range is None else data_range
        rows = (_row(volume.voxels, clean, mask, span, None),)
    return Evaluation(rows, where, int(np.count_nonzero(mask)), unit)


def evaluate_without_reference(
    original: Volume, enhanced: Volume, noise_before: NoiseEstimate | None = None
) -> Comparison:
    """Compare an enhanced scan with its original: noise and its spectrum, SNR, CNR, edges and mean intensity before and after.

    Regions and edges are found on the original and measured in both. The mean shift is taken over the body in CT; in MR
    over tissue that stands out of the noise in the enhanced scan: tissue chosen on the noisy one would hold background,
    whose Rician mean is rightly gone. There is no PSNR here on purpose (`note`). `noise_before`, where the original's
    noise has been measured already, saves doing it again.
    Raises `UsageError` if the grids differ.
    """
    if original.shape != enhanced.shape:
        raise UsageError(f"the original is {original.shape} and the enhanced scan {enhanced.shape} voxels")
    modality = original.modality
    regions = find_regions(original.voxels, modality, original.spacing)
    before, after = figures(original.voxels, regions), figures(enhanced.voxels, regions)
    if noise_before is None:
        noise_before = estimate_sigma(original.voxels, modality, original.spacing)
    slices = regions.slices
    if modality == "CT":
        tissue = body_mask(original.voxels[slices])
    else:
        tissue = tissue_mask(enhanced.voxels[slices], modality) & (enhanced.voxels[slices] > 3 * noise_before.sigma)
    noise_after = estimate_sigma(enhanced.voxels, modality, original.spacing)
    return Comparison(
        noise_before=noise_before,
        noise_after=noise_after,
        grain_before=_grain(noise_before, original),
        grain_after=_grain(noise_after, original),
        before=before,
        after=after,
        mean_shift=mean_shift(original.voxels[slices], enhanced.voxels[slices], tissue),
        unit="HU" if modality == "CT" else "grey levels",
    )


def _grain(noise: NoiseEstimate, volume: Volume) -> float:
    return float("nan") if noise.spectrum is None else mean_frequency(noise.spectrum, volume.spacing[1:])


def _known(found: dict) -> dict:
    return {name: value for name, value in found.items() if value == value}


def _row(
    x: npt.NDArray,
    clean: npt.NDArray,
    mask: npt.NDArray[np.bool_],
    span: float,
    window: tuple[float, float] | None,
) -> Row:
    low = np.float32(0.0 if window is None else window[0])
    flat = min(x.shape[-2:]) < 11
    return Row(
        window=window,
        data_range=float(span),
        psnr=psnr(x, clean, span, mask),
        ssim=float("nan") if flat else ssim(x, clean, span, mask),
        mae=mae(x, clean, mask),
        rmse=rmse(x, clean, mask),
        snr_db=snr_db(x - low, clean - low, mask),
    )
