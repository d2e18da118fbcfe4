"""`benchmark classify`: every arm with every seed on the same cases and the same budget, as tables and plots.

Resumable: an arm's predictions, checkpoints and models are kept in the cache, and what is there is not computed again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from DiffusionCore.benchmark.classify.arms import ARMS, DENSENET, GUIDANCE, LOGISTIC, OURS, RESNET, Arm, Toolbox
from DiffusionCore.benchmark.classify.cnn_rivals import densenet121, resnet18, train_cnn
from DiffusionCore.benchmark.classify.datasets import Dataset, Source, find_source, read_dataset
from DiffusionCore.benchmark.classify.explanation import Explained, explain
from DiffusionCore.benchmark.classify.label_diffusion import StepPoint, answers, step_curve
from DiffusionCore.benchmark.classify.markdown import write_csv, write_markdown
from DiffusionCore.benchmark.classify.plots import write_plots
from DiffusionCore.benchmark.classify.record import (
    Facts,
    Record,
    predict_all,
    read_record,
    record_folder,
    write_record,
)
from DiffusionCore.benchmark.classify.results import ArmResult, Verdict, arm_results, verdicts
from DiffusionCore.benchmark.classify.simple_rivals import logistic, majority
from DiffusionCore.metrics.familiarity import ErrorRates, error_rates, fit_familiarity
from DiffusionCore.models import Classifier, load_classifier
from DiffusionCore.progress import Progress, silent

CNNS = {RESNET: resnet18, DENSENET: densenet121}
SIMPLE = {LOGISTIC: logistic}
QUICK_CASES, QUICK_MINUTES = 24, 0.05


@dataclass(frozen=True, eq=False)
class ClassifyBenchmark:
    """What a run found, and the files written."""

    results: tuple[ArmResult, ...]
    gates: tuple[Verdict, ...]
    curve: tuple[StepPoint, ...]
    explained: Explained
    familiar: ErrorRates | None
    files: tuple[Path, ...] = ()


def run_classify_benchmark(
    out_folder: Path,
    data_root: Path,
    name: str,
    toolbox: Toolbox,
    *,
    minutes: float = 12.0,
    seeds: int = 3,
    arms: Sequence[Arm] = ARMS,
    quick: bool = False,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> ClassifyBenchmark:
    """Train and measure every arm on the data set `name`, and write `classify-NAME.md`, a CSV file and PNG plots.

    minutes  of processor time that each trained arm has with each seed
    quick    few cases and seconds of training: to see that everything runs
    cache    where runs are kept; default: `cache/classify-NAME` in `out_folder`

    Raises `InputError` if the data are not there, what training raises, `Cancelled`.
    """
    progress = progress or silent()
    source = find_source(name)
    data = read_dataset(source, data_root, most=QUICK_CASES if quick else None)
    budget = QUICK_MINUTES if quick else minutes
    work = ignored_folder(cache or out_folder / "cache" / f"classify-{name}{'-quick' if quick else ''}")
    records: dict[str, list[Record]] = {}
    for seed in range(seeds):
        for arm in arms:
            if arm.kind != "simple" or seed == 0:
                progress.stage(f"{arm.name}, seed {seed}")
                records.setdefault(arm.name, []).append(record_of(arm, seed, data, budget, work, toolbox, progress))
    progress.stage("measure")
    model = our_model(record_folder(work, OURS, 0), toolbox, source, (), 0, budget)
    found = arm_results(records, arms, data, toolbox.threshold)
    explained = explain(model, data)
    curve = tuple(step_curve(model, data))
    familiar = None if quick else rates(data)
    progress.finish()
    gates = tuple(verdicts(found, data, explained))
    result = ClassifyBenchmark(tuple(found), gates, curve, explained, familiar)
    return ClassifyBenchmark(
        *list(vars(result).values())[:-1], files=tuple(write(out_folder, data, result, budget, seeds))
    )


def record_of(
    arm: Arm, seed: int, data: Dataset, minutes: float, work: Path, toolbox: Toolbox, progress: Progress
) -> Record:
    """An arm's predictions with a seed: those kept before, or new ones."""
    kept = read_record(work, arm.name, seed, data)
    if kept is not None:
        return kept
    source = data.source
    if arm.kind == "simple":
        predict, facts = SIMPLE.get(arm.name, majority)(data)
        record = predict_all(arm.name, seed, data, predict, facts)
    elif arm.kind == "cnn":
        folder = record_folder(work, arm.name, seed)
        predict, facts = train_cnn(CNNS[arm.name], data, seed, minutes, folder, toolbox.augment(source), progress)
        record = predict_all(arm.name, seed, data, predict, facts)
    else:
        trained = record_folder(work, OURS if arm.kind == "guidance" else arm.name, seed)
        began = time.process_time()
        model = our_model(trained, toolbox, source, arm.overrides, seed, minutes)
        spent = (time.process_time() - began) / 60
        which = 1 if arm.kind == "guidance" else 0
        parts = model.network.guide if which else model.network
        facts = Facts(
            cpu_minutes=float(model.card.recipe.get("hours", spent / 60)) * 60,
            parameters=sum(p.numel() for p in parts.parameters()),
        )
        record = predict_all(arm.name, seed, data, lambda images: answers(model, images)[which], facts)
    write_record(work, record)
    return record


def our_model(
    folder: Path, toolbox: Toolbox, source: Source, overrides: Sequence[str], seed: int, minutes: float
) -> Classifier:
    """Our model as trained into `folder`; training goes on there if it has not ended."""
    return load_classifier(toolbox.train(source, overrides, seed, minutes, folder))


def rates(data: Dataset) -> ErrorRates:
    """How often the out-of-range test is wrong on test cases, and on foreign images made of them."""
    kind = data.source.kind
    return error_rates(fit_familiarity(data.train.images, data.val.images, kind), data.test.images, kind)


def ignored_folder(folder: Path) -> Path:
    """The folder, made so that git leaves it alone."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    return folder


def write(folder: Path, data: Dataset, found: ClassifyBenchmark, minutes: float, seeds: int) -> list[Path]:
    """The tables and plots."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"classify-{data.source.name}"
    plots = write_plots(folder, stem, data, found.results, found.curve)
    report = folder / f"{stem}.md"
    write_markdown(report, data, found, minutes, seeds, plots)
    table = folder / f"{stem}.csv"
    write_csv(table, found.results, data)
    return [report, table, *plots]


__all__ = ["GUIDANCE", "ClassifyBenchmark", "run_classify_benchmark"]
