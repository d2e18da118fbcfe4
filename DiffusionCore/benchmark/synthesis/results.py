"""What a synthesis benchmark found: figures for each sampling seed, and their mean with an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from DiffusionCore.benchmark.synthesis.judge import Figures

FIGURES = tuple(field.name for field in fields(Figures))


@dataclass(frozen=True)
class ArmResult:
    """Figures of each sampling seed of one arm (of real images: of each set); seconds for one image of many, and for one
    by itself; hours of training, of all stages."""

    name: str
    title: str
    cascade: bool
    figures: tuple[Figures, ...]
    seconds: float = math.nan
    hours: float = math.nan
    alone: float = math.nan

    def values(self, figure: str) -> np.ndarray:
        return np.array([getattr(each, figure) for each in self.figures])

    def mean(self, figure: str) -> float:
        return float(self.values(figure).mean())

    def half_width(self, figure: str) -> float:
        """Of the 95 % interval of the mean over seeds, by Student's t; NaN for one seed."""
        from scipy.stats import t

        values = self.values(figure)
        if len(values) < 2:
            return math.nan
        return float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))

    def cell(self, figure: str, digits: int = 3) -> str:
        """Mean ± half width of the interval."""
        mean, half = self.mean(figure), self.half_width(figure)
        if math.isnan(mean):
            return "–"
        return f"{mean:.{digits}g}" if math.isnan(half) else f"{mean:.{digits}g} ± {half:.2g}"
