"""How good a scan is: against a reference, without one, and how strong its noise is.

Offers the figures against a reference (`psnr`, `ssim`, `snr_db`, `mae`, `rmse`) with their masks and data ranges, the
blind noise level (`estimate_sigma`), figures without a reference (SNR, CNR, edge rise, MTF50, power spectra, mean
shift), bootstrap intervals, and `evaluate` / `evaluate_without_reference`, which put them together by modality. Needs
numpy and scipy only.
"""

from __future__ import annotations

from .bootstrap import (
    Blocks,
    Interval,
    blocks_of,
    over_subjects,
    paired_over_subjects,
    paired_within_subjects,
    within_subjects,
)
from .evaluate import Comparison, Evaluation, evaluate, evaluate_without_reference
from .masks import CT_WINDOWS, body_mask, data_range, tissue_mask
from .no_reference import (
    Figures,
    Regions,
    contrast_to_noise,
    figures,
    find_regions,
    mean_shift,
    noise_where_flattest,
)
from .noise_estimate import NoiseEstimate
from .noise_level import estimate_sigma, estimates_by_slab
from .reference import mae, mse, psnr, rmse, snr_db, windowed
from .rician import amplitude, koay_factor, koay_sigma
from .sharpness import EdgeProfile, Edges, edge_profile, find_edges, mtf50, rise_distance
from .spectra import mean_frequency, noise_power_spectrum, radial_average, radial_power_spectrum
from .structural_similarity import ssim
from .trust import Trust, trust

__all__ = [
    "CT_WINDOWS",
    "Blocks",
    "Comparison",
    "EdgeProfile",
    "Edges",
    "Evaluation",
    "Figures",
    "Interval",
    "NoiseEstimate",
    "Regions",
    "Trust",
    "amplitude",
    "blocks_of",
    "body_mask",
    "contrast_to_noise",
    "data_range",
    "edge_profile",
    "estimate_sigma",
    "estimates_by_slab",
    "evaluate",
    "evaluate_without_reference",
    "figures",
    "find_edges",
    "find_regions",
    "koay_factor",
    "koay_sigma",
    "mae",
    "mean_frequency",
    "mean_shift",
    "mse",
    "mtf50",
    "noise_power_spectrum",
    "noise_where_flattest",
    "over_subjects",
    "paired_over_subjects",
    "paired_within_subjects",
    "psnr",
    "radial_average",
    "radial_power_spectrum",
    "rise_distance",
    "rmse",
    "snr_db",
    "ssim",
    "tissue_mask",
    "trust",
    "windowed",
    "within_subjects",
]
