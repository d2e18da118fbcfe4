"""A synthesis benchmark from models to tables and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from DiffusionCore.benchmark.expected_time import in_words
from DiffusionCore.benchmark.ignored_folder import ignored_folder
from DiffusionCore.benchmark.synthesis.arms import Arm, Drawn, Timed, blocks_of, draw, load_arms, timed_alone
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
UPSCALED_STEP = 4  # the upscalers alone are tried on every so many test images


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

    First of all it is said how long what was not drawn before will take; images are kept in `output`/synthesis-images, so
    that a run that was stopped goes on, and arms can be drawn one by one.
    inception   Inception weights on disk: its features instead of our embedding
    quick       few images of two steps, in the folder `quick`, to see that everything runs
    Raises `InputError` for missing data, `ModelError` for models that cannot be compared.
    """
    progress = progress or silent()
    arms = load_arms(models)
    train, test = (read_real(root, split, arms[0].size) for split in ("train", "test"))
    if quick:
        output = output / "quick"
        train, test, count, seeds = train.every(QUICK_STEP), test.every(QUICK_STEP), min(count, 8), tuple(seeds)[:1]
    progress.stage("real images")
    judge = Judge(train, test)
    if inception is not None:
        judge = Judge(train, test, partial(inception_features, weights=inception), ())
    sets = sets_of(test, count)
    floor = ArmResult("real", "real", False, tuple(judge(x.images, x.heights) for x in sets), real=True)
    kept, steps = ignored_folder(output / "synthesis-images"), 2 if quick else None
    progress.stage("estimate")
    alone = [timed_alone(arm, steps) for arm in arms]
    left = [
        sum(
            b.end - b.first for seed in seeds for b in blocks_of(arm, count, seed, kept, steps) if not b.place.is_file()
        )
        for arm in arms
    ]
    if any(left):
        expected = in_words(sum(n * each.seconds for n, each in zip(left, alone, strict=True)))
        progress.say(f"{sum(left)} images are not drawn yet; on this machine, as it is now, at most about {expected}")
    results, shown = [], {}
    for arm, by_itself in zip(arms, alone, strict=True):
        drawn = []
        for seed in seeds:
            progress.stage(f"{arm.name}, seed {seed}")
            drawn.append(draw(arm, count, seed, kept, progress, steps))
        progress.stage("figures")
        results.append(judged(arm, drawn, judge, by_itself))
        shown[arm.name] = drawn[0].images
    upscaling = compared_upscalers(arms, test.every(UPSCALED_STEP), progress)
    gates = verdicts(results, floor)
    sizes = {
        "count": count,
        "seeds": len(seeds),
        "train": len(train.images),
        "test": len(test.images),
        "sets": len(sets),
    }
    named = OURS if inception is None else f"Inception v3, {inception.name}, projected as ours"
    files = write_report(output, results, floor, gates, upscaling, sizes, named)
    order = np.argsort(test.heights, kind="stable")
    files += write_pictures(output, judge, test.images[order], shown)
    progress.finish()
    return SynthesisBenchmark(tuple(results), floor, tuple(gates), tuple(upscaling), tuple(files))


def sets_of(real: RealImages, count: int) -> list[RealImages]:
    """Real images in sets of `count` or a little more, every subject in each: as many as are drawn, since some figures
    depend on how many images there are."""
    step = max(1, len(real.images) // count)
    return [real.every(step, first) for first in range(step)]


def judged(arm: Arm, drawn: Sequence[Drawn], judge: Judge, alone: Timed) -> ArmResult:
    """The figures of an arm's images of every seed."""
    figures = tuple(judge(each.images, each.asked) for each in drawn)
    known = [each.timed.others for each in drawn if each.timed.others is not None]
    timed = Timed(float(np.mean([each.timed.seconds for each in drawn])), max(known) if known else None)
    return ArmResult(arm.name, arm.title, arm.cascade, figures, timed, arm.hours, arm.clock, alone)


def compared_upscalers(arms: Sequence[Arm], test: RealImages, progress: Progress) -> list[UpscalingRow]:
    """Every upscaler once; the interpolations once for each step of size."""
    rows: dict[tuple[str, str], UpscalingRow] = {}
    for stage in (stage for arm in arms for stage in arm.stages[1:]):
        progress.stage(f"upscaler {stage.card.name}")
        for row in upscaling_rows(stage, test, progress):
            rows.setdefault((row.step, row.method), row)
    return sorted(rows.values(), key=lambda row: int(row.step.split()[0]))
