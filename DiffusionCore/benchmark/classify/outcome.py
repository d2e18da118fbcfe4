"""What a run of `benchmark classify` found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from DiffusionCore.benchmark.classify.explanation import Explained
from DiffusionCore.benchmark.classify.label_diffusion import StepPoint
from DiffusionCore.benchmark.classify.plan import Part
from DiffusionCore.benchmark.classify.results import ArmResult, Verdict
from DiffusionCore.metrics.calibration import RangeCoverage
from DiffusionCore.metrics.familiarity import ErrorRates


@dataclass(frozen=True, eq=False)
class ClassifyBenchmark:
    """What was found, and the files written; without results while parts are missing."""

    parts: tuple[Part, ...]
    results: tuple[ArmResult, ...] = ()
    gates: tuple[Verdict, ...] = ()
    curve: tuple[StepPoint, ...] = ()
    explained: Explained | None = None
    ranges: RangeCoverage | None = None
    familiar: ErrorRates | None = None
    files: tuple[Path, ...] = ()
