"""How wide samples must be drawn, from validation subjects: as wide as the model's own error."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, geometric_mean

import numpy as np

from DiffusionCore.benchmark.trust.scans import Enhancer, TrustScan

ROUNDS = 2
STEEPNESS = 3.2
"""The samples' variance goes with about this power of the width, measured at 5 and 9 % noise in MR."""
LEAST, MOST = 0.5, 2.0

Widths = Mapping[float, float]
"""Width by noise level, normalised."""


def sample_widths(
    scans: Sequence[TrustScan], unit: float, run: Enhancer, keep: Callable[[Widths], None]
) -> dict[float, float]:
    """At which width, at each noise level, a sample's squared error is twice the mean's: 3.0 dB, as theory says.

    unit  of the scans' voxels in normalised units
    keep  writes widths where `run` finds them

    A sample of p(x | y) and the truth are two draws of the same: both lie equally far from the mean.
    """
    groups: dict[str, list[TrustScan]] = {}
    for scan in scans:
        groups.setdefault(scan.case.label, []).append(scan)
    levels = {round(unit * geometric_mean([s.noise.sigma for s in group]), 5): group for group in groups.values()}
    of_means = {level: [squared_error(scan, run, "quick") for scan in group] for level, group in levels.items()}
    widths = dict.fromkeys(sorted(levels), 1.0)
    for _ in range(ROUNDS):
        keep(widths)
        for level, group in levels.items():
            of_samples = [squared_error(scan, run, "natural") for scan in group]
            excess = fmean(drawn / mean - 1 for drawn, mean in zip(of_samples, of_means[level], strict=True))
            widths[level] = float(np.clip(widths[level] * max(excess, 0.01) ** (-1 / STEEPNESS), LEAST, MOST))
    widths = {level: round(width, 3) for level, width in widths.items()}
    keep(widths)
    return widths


def squared_error(scan: TrustScan, run: Enhancer, preset: str) -> float:
    """Of what the preset makes of the scan, the mean over tissue; the same seed each time."""
    found = run(scan.noisy, scan.noise, preset=preset, seed=0).voxels
    return float(np.mean((found - scan.clean)[scan.tissue].astype(np.float64) ** 2))
