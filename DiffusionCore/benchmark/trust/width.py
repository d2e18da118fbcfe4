"""How wide samples must be drawn, from validation subjects: as wide as the model's own error."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from DiffusionCore.benchmark.trust.scans import Enhancer, TrustScan

STEPS = 8
"""Of a sample: those of the preset `natural`."""
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
    widths = dict.fromkeys(sorted(levels), 1.0)
    for _ in range(ROUNDS):
        keep(widths)
        for level, group in levels.items():
            excess = np.mean([excess_error(scan, run) for scan in group])
            widths[level] = float(np.clip(widths[level] * max(excess, 0.01) ** (-1 / STEEPNESS), LEAST, MOST))
    widths = {level: round(width, 3) for level, width in widths.items()}
    keep(widths)
    return widths


def geometric_mean(values: Sequence[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))


def excess_error(scan: TrustScan, run: Enhancer) -> float:
    """The squared error that a sample has more than the mean, over the mean's, in tissue: 1 is right."""
    errors = []
    for options in ({"preset": "quick"}, {"preset": "natural", "steps": STEPS, "seed": 0}):
        found = run(scan.noisy, scan.noise, **options).voxels
        errors.append(float(np.mean((found - scan.clean)[scan.tissue].astype(np.float64) ** 2)))
    return errors[1] / errors[0] - 1
