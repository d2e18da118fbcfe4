"""`benchmark classify`: every arm with every seed on the same cases and the same budget, as tables and plots.

It goes in parts, an arm with a seed each, that are kept by a hash of all they depend on: what is there is not computed
again, and several processes can make different parts into the same folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from DiffusionCore.benchmark.classify.arms import ARMS, DENSENET, LOGISTIC, MAJORITY, OURS, RESNET, Arm, Toolbox
from DiffusionCore.benchmark.classify.cnn_rivals import CHECKPOINT, densenet121, resnet18, train_cnn
from DiffusionCore.benchmark.classify.datasets import Dataset, Source, find_source
from DiffusionCore.benchmark.classify.explanation import explain
from DiffusionCore.benchmark.classify.label_diffusion import answers, range_of_samples, step_curve
from DiffusionCore.benchmark.classify.markdown import write_csv, write_markdown
from DiffusionCore.benchmark.classify.outcome import ClassifyBenchmark
from DiffusionCore.benchmark.classify.plan import Part, chosen_parts, estimate, planned
from DiffusionCore.benchmark.classify.plots import write_plots
from DiffusionCore.benchmark.classify.record import Facts, Record, predict_all, read_record, write_record
from DiffusionCore.benchmark.classify.results import arm_results, verdicts
from DiffusionCore.benchmark.classify.simple_rivals import logistic, majority
from DiffusionCore.benchmark.classify.timing import timings
from DiffusionCore.benchmark.ignored_folder import ignored_folder
from DiffusionCore.metrics.familiarity import ErrorRates, error_rates, fit_familiarity
from DiffusionCore.models import Classifier, find_model, load_classifier
from DiffusionCore.models.registry import CARD
from DiffusionCore.progress import Progress, silent

CNNS = {RESNET: resnet18, DENSENET: densenet121}
SIMPLE = {LOGISTIC: logistic, MAJORITY: majority}
QUICK_CASES, QUICK_MINUTES = 24, 0.05


def run_classify_benchmark(
    out_folder: Path,
    name: str,
    toolbox: Toolbox,
    *,
    minutes: float = 12.0,
    seeds: int = 3,
    arms: Sequence[Arm] = ARMS,
    only: Sequence[str] | None = None,
    quick: bool = False,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> ClassifyBenchmark:
    """Train and measure every arm on the data set `name`, and write `classify-NAME.md`, a CSV file and PNG plots; of a quick
    run with `-quick` behind their name.

    minutes  of processor time that each trained arm has with each seed
    only     names of parts or arms to make now, of those that `arms` and `seeds` ask for; (): make nothing, only say what
             is there and what is missing. The tables are written once all parts are there
    quick    few cases and seconds of training: to see that everything runs
    cache    where parts are kept; default: `cache/classify-NAME` in `out_folder`

    Says first how many hours it takes. Raises `UsageError` for parts that there are not, `ModelError` without the bundled
    model, what reading and training raise, `Cancelled`.
    """
    progress = progress or silent()
    source = find_source(name)
    data = toolbox.read(source)
    if quick:
        data = data.first(QUICK_CASES)
    budget = QUICK_MINUTES if quick else minutes
    stem = f"classify-{name}{'-quick' if quick else ''}"
    work = ignored_folder(cache or out_folder / "cache" / stem)
    bundled = (find_model(source.bundled) / CARD).read_text(encoding="utf-8") if source.bundled else ""
    parts = planned(arms, seeds, data, budget, toolbox.recipe(source), work, bundled)
    chosen = chosen_parts(parts, only)
    progress.say(estimate(parts, chosen or parts))
    for number, part in enumerate(chosen, start=1):
        if not part.done:
            progress.stage(part.name)
            progress.say(f"{number} of {len(chosen)}: {part.name}")
            write_record(part.folder, made(part, data, budget, toolbox, progress))
            (part.folder / CHECKPOINT).unlink(missing_ok=True)  # of a CNN: half a gigabyte that nobody needs any more
    if only == () or not all(part.done for part in parts):
        progress.finish()
        return ClassifyBenchmark(tuple(parts))
    progress.stage("measure")
    records: dict[str, list[Record]] = {}
    for part in parts:
        records.setdefault(part.arm.name, []).append(read_record(part.folder))
    first = next(part for part in parts if part.arm.name == OURS)
    model = trained(first, source, budget, toolbox)
    results, explained = arm_results(records, arms, data, toolbox.threshold), explain(model, data.test, source.kind)
    found = ClassifyBenchmark(
        parts=tuple(parts),
        results=tuple(results),
        gates=tuple(verdicts(results, data, explained, () if quick else timings(model))),
        curve=tuple(step_curve(model, data)),
        explained=explained,
        ranges=range_of_samples(model, data),
        familiar=None if quick else rates(data),
    )
    progress.finish()
    return replace(found, files=tuple(write(out_folder, stem, data, found, budget, seeds)))


def made(part: Part, data: Dataset, minutes: float, toolbox: Toolbox, progress: Progress) -> Record:
    """A part's predictions, after its training, which goes on where it was stopped."""
    arm, source = part.arm, data.source
    if arm.kind == "simple":
        return predict_all(data, *SIMPLE[arm.name](data))
    if arm.kind == "cnn":
        augment = toolbox.augment(source)
        return predict_all(data, *train_cnn(CNNS[arm.name], data, part.seed, minutes, part.folder, augment, progress))
    model = trained(part, source, minutes, toolbox)
    by_guidance = arm.kind == "guidance"
    network = model.network.guide if by_guidance else model.network
    facts = Facts(
        cpu_minutes=60 * float(model.card.recipe.get("guidance_hours" if by_guidance else "hours", 0.0)),
        parameters=sum(p.numel() for p in network.parameters()),
    )

    def predict(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        drawn, guided = answers(model, images)
        return guided if by_guidance else drawn.mean(axis=0)

    return predict_all(data, predict, facts)


def trained(part: Part, source: Source, minutes: float, toolbox: Toolbox) -> Classifier:
    """The model that a part is about, after its training."""
    arm = part.arm
    if arm.kind == "bundled":
        return load_classifier(source.bundled)
    if arm.kind == "ablation" and not arm.second:
        return load_classifier(toolbox.train(source, arm.overrides, part.seed, minutes, part.folder, None))
    model = toolbox.train(source, (), part.seed, minutes, part.ours, None)
    if arm.second:
        model = toolbox.train(source, arm.overrides, part.seed, minutes, part.folder, part.ours)
    return load_classifier(model)


def rates(data: Dataset) -> ErrorRates:
    """How often the out-of-range test is wrong on test cases, and on foreign images made of them."""
    kind = data.source.kind
    return error_rates(fit_familiarity(data.train.images, data.val.images, kind), data.test.images, kind)


def write(folder: Path, stem: str, data: Dataset, found: ClassifyBenchmark, minutes: float, seeds: int) -> list[Path]:
    """The tables and plots."""
    folder.mkdir(parents=True, exist_ok=True)
    plots = write_plots(folder, stem, data, found.results, found.curve)
    report = folder / f"{stem}.md"
    write_markdown(report, data, found, minutes, seeds, plots)
    table = folder / f"{stem}.csv"
    write_csv(table, found.results, data)
    return [report, table, *plots]
