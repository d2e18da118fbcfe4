"""A synthesis benchmark from models to tables and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from DiffusionCore.benchmark.synthesis.arms import Arm, Drawn, draw, load_arms
from DiffusionCore.benchmark.synthesis.gates import Verdict, verdicts
from DiffusionCore.benchmark.synthesis.judge import Judge
from DiffusionCore.benchmark.synthesis.real import RealImages, read_real
from DiffusionCore.benchmark.synthesis.report import OURS, write_pictures, write_report
from DiffusionCore.benchmark.synthesis.results import ArmResult
from DiffusionCore.benchmark.synthesis.upscaling import UpscalingRow, upscaling_rows
from DiffusionCore.metrics.embedding import inception_features
from DiffusionCore.progress import Progress, silent

SEEDS = (0, 1, 2)
QUICK_STEP = 10  # of a quick run, every so many real images


@dataclass(frozen=True)
class SynthesisBenchmark:
    """What was found, and where it was written."""

    results: tuple[ArmResult, ...]
    floor: ArmResult
    gates: tuple[Verdict, ...]
    upscaling: tuple[UpscalingRow, ...]
    files: tuple[Path, ...]


def run_synthesis_benchmark(
    output: Path,
    root: Path,
    models: Sequence[str | Path],
    *,
    count: int = 100,
    seeds: Sequence[int] = SEEDS,
    inception: Path | None = None,
    quick: bool = False,
    progress: Progress | None = None,
) -> SynthesisBenchmark:
    """Draw `count` images of each model and seed, judge them by the real ones under `root`, write to `output`.

    inception   Inception weights on disk: its features instead of our embedding
    quick       few images, to see that everything runs
    Raises `InputError` for missing data, `ModelError` for models that cannot be compared.
    """
    progress = progress or silent()
    arms = load_arms(models)
    train, test = (read_real(root, split, arms[0].size) for split in ("train", "test"))
    if quick:
        train, test, count, seeds = train.every(QUICK_STEP), test.every(QUICK_STEP), min(count, 8), tuple(seeds)[:1]
    progress.stage("real images")
    judge = Judge(train, test)
    if inception is not None:
        judge = Judge(train, test, partial(inception_features, weights=inception), ())
    floor = ArmResult("real", "real", False, (judge(test.images, test.heights),))
    results, shown = [], {}
    for arm in arms:
        sets = [draw(arm, count, seed, output / "synthesis-images", progress, 2 if quick else None) for seed in seeds]
        progress.stage("figures")
        results.append(judged(arm, sets, judge))
        shown[arm.name] = sets[0].images
    upscaling = compared_upscalers(arms, test.every(4), progress)
    gates = verdicts(results, floor)
    sizes = {"count": count, "seeds": len(seeds), "train": len(train.images), "test": len(test.images)}
    named = OURS if inception is None else f"Inception v3, {inception.name}, projected as ours"
    files = write_report(output, results, floor, gates, upscaling, sizes, named)
    order = np.argsort(test.heights, kind="stable")
    files += write_pictures(output, test.images[order], shown)
    progress.finish()
    return SynthesisBenchmark(tuple(results), floor, tuple(gates), tuple(upscaling), tuple(files))


def judged(arm: Arm, sets: Sequence[Drawn], judge: Judge) -> ArmResult:
    """The figures of an arm's images of every seed."""
    figures = tuple(judge(drawn.images, drawn.asked) for drawn in sets)
    seconds = float(np.mean([drawn.seconds for drawn in sets]))
    return ArmResult(arm.name, arm.title, arm.cascade, figures, seconds, arm.hours)


def compared_upscalers(arms: Sequence[Arm], test: RealImages, progress: Progress) -> list[UpscalingRow]:
    """Every upscaler once; the interpolations once for each step of size."""
    rows: dict[tuple[str, str], UpscalingRow] = {}
    for stage in (stage for arm in arms for stage in arm.stages[1:]):
        progress.stage(f"upscaler {stage.card.name}")
        for row in upscaling_rows(stage, test, progress):
            rows.setdefault((row.step, row.method), row)
    return sorted(rows.values(), key=lambda row: int(row.step.split()[0]))
