"""Figures where nobody knows the truth: scans with real noise, and a phantom that is the truth about itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from DiffusionCore.benchmark.denoise.case_inputs import CaseInput
from DiffusionCore.benchmark.denoise.cases import Case
from DiffusionCore.benchmark.denoise.phantom import disc_mean, disc_mtf50, disc_noise, find_disc
from DiffusionCore.benchmark.rivals import Method, Output
from DiffusionCore.benchmark.rivals.learned import ras_matrix
from DiffusionCore.benchmark.rivals.method import HU_PER_UNIT
from DiffusionCore.metrics.no_reference import figures, find_regions, mean_shift, noise_where_flattest
from DiffusionCore.metrics.noise_level import estimate_sigma
from DiffusionCore.metrics.trust_structure import residual_structure
from DiffusionCore.volume import Volume


@dataclass(frozen=True, eq=False)
class Observation:
    """One method on one such case: figures by name with the unit in it, in the order of the table's columns."""

    case: Case
    method: Method
    figures: dict[str, float]
    seconds: float | None
    reason: str = ""
    disturbed: bool = False


def observe(given: CaseInput, method: Method, output: Output) -> Observation:
    """The phantom's figures for a pair, else those of real noise; none where the method could not run."""
    found: dict[str, float] = {}
    if output.voxels is not None:
        found = (phantom_figures if given.case.kind == "pair" else real_figures)(given, output.voxels)
    return Observation(given.case, method, found, output.seconds, output.reason, output.disturbed)


def phantom_figures(given: CaseInput, output: np.ndarray) -> dict[str, float]:
    """Noise, MTF50 and mean of the disc after, against the input's and against the quiet reconstruction's."""
    before, after, quiet = (v.astype(np.float64) * HU_PER_UNIT for v in (given.scan.voxels, output, given.target))
    disc = find_disc(quiet, (before.shape[1] // 2, before.shape[2] // 2))
    pixel = given.scan.spacing[1]
    sharp = disc_mtf50(after, disc, pixel)
    return {
        "noise, HU": disc_noise(after, disc),
        "MTF50, 1/mm": sharp,
        "MTF50, % of input's": 100 * sharp / disc_mtf50(before, disc, pixel),
        "disc less input's, HU": disc_mean(after, disc) - disc_mean(before, disc),
        "disc less quiet kernel's, HU": disc_mean(after, disc) - disc_mean(quiet, disc),
    }


def real_figures(given: CaseInput, output: np.ndarray) -> dict[str, float]:
    """Noise, SNR and edges' rise in the same places before and after, the mean's shift, and the share of tissue where more
    than noise was taken out or put in.
    """
    modality, spacing = given.case.modality, given.scan.spacing
    unit = HU_PER_UNIT if modality == "CT" else 100.0
    before, after = given.scan.voxels * np.float32(unit), output * np.float32(unit)
    noise = noise_where_flattest(before, (before, after), modality, spacing, given.tissue)
    grid = ras_matrix(spacing)
    structure = residual_structure(
        Volume(before, grid, modality), Volume(after, grid, modality), estimate_sigma(before, modality, spacing)
    )
    regions = find_regions(before, modality, spacing)
    then, now = figures(before, regions), figures(after, regions)
    name = "HU" if modality == "CT" else "%"
    return {
        f"noise, {name}": noise[1],
        "noise, change %": 100 * (noise[1] / noise[0] - 1),
        "structure, % of tissue": 100 * structure.share,
        "flat tissue's SNR, times": now.snr / then.snr,
        "edges' rise, change %": 100 * (now.rise_mm / then.rise_mm - 1),
        f"mean shift, {name}": mean_shift(before, after, given.tissue),
    }
