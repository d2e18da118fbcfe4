"""What a synthesis benchmark found: figures for each sampling seed, and their mean with an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields

import numpy as np

from DiffusionCore.benchmark.synthesis.arms import Timed
from DiffusionCore.benchmark.synthesis.judge import Figures

FIGURES = tuple(field.name for field in fields(Figures))


@dataclass(frozen=True)
class ArmResult:
    """Figures of each sampling seed of one arm (of real images: of each set); how long one image of many takes, and one
    `alone`; hours of training, of all stages, by a `clock`; `real`: no arm, but test subjects' images."""

    name: str
    title: str
    cascade: bool
    figures: tuple[Figures, ...]
    timed: Timed = field(default_factory=lambda: Timed(math.nan))
    hours: float = math.nan
    clock: str = "wall"
    alone: Timed = field(default_factory=lambda: Timed(math.nan))
    real: bool = False

    @property
    def training(self) -> str:
        """How long it was trained, and by which clock."""
        return "–" if math.isnan(self.hours) else f"{self.hours:.3g} h by {self.clock}"

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

    def cell(self, figure: str) -> str:
        """Mean ± half width of the interval, shares in percent; of real images the mean alone, since their sets share the
        subjects."""
        mean, half = self.mean(figure), math.nan if self.real else self.half_width(figure)
        if math.isnan(mean):
            return "–"
        of_mean, of_half = (".0%", ".0%") if figure == "memorised" else (".3g", ".2g")
        return f"{mean:{of_mean}}" if math.isnan(half) else f"{mean:{of_mean}} ± {half:{of_half}}"


@dataclass(frozen=True)
class Difference:
    """Of the means over seeds of two arms, with its 95 % interval; the ends are NaN where one has a single seed."""

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        if math.isnan(self.estimate):
            return "–"
        ends = "" if math.isnan(self.low) else f" [{self.low:+.2g}, {self.high:+.2g}]"
        return f"{self.estimate:+.2g}{ends}".replace("-", "−")


def difference(ours: ArmResult, theirs: ArmResult, figure: str) -> Difference:
    """ours - theirs by Welch's t: the images of two arms are drawn apart, also where the seed is the same."""
    from scipy.stats import ttest_ind

    a, b = ours.values(figure), theirs.values(figure)
    estimate = float(a.mean() - b.mean())
    if min(len(a), len(b)) < 2 or np.ptp(a) + np.ptp(b) == 0:
        return Difference(estimate, math.nan, math.nan)
    interval = ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    return Difference(estimate, float(interval.low), float(interval.high))
