"""The comparison as Markdown and CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from DiffusionCore.benchmark.classify.datasets import Dataset
from DiffusionCore.benchmark.classify.outcome import ClassifyBenchmark
from DiffusionCore.benchmark.classify.results import ArmResult, shown
from DiffusionCore.benchmark.classify.spoiling import LEVELS, WORDS
from DiffusionCore.benchmark.markdown_table import markdown_table

MAIN = ("AUC", "accuracy", "balanced accuracy")
REST = ("precision", "recall", "specificity", "F1", "calibration error", "Brier score")


def write_markdown(
    path: Path, data: Dataset, found: ClassifyBenchmark, minutes: float, seeds: int, plots: Sequence[Path]
) -> None:
    """The whole report."""
    parts = [
        f"# Classification: {data.source.title}",
        introduction(data, found, minutes, seeds),
        "## Gates",
        markdown_table(("gate", "wanted", "measured", "verdict"), [tuple(vars(gate).values()) for gate in found.gates]),
        "## Figures on test cases",
        f"Mean over the seeds, 95 % bootstrap interval {found.results[0].figures['AUC'].label}. Thresholds and temperatures "
        "are chosen on validation cases by one rule for all arms. The calibration error of few cases drawn again is larger than "
        "that of the cases themselves: its interval lies high.",
        markdown_table(("arm", *MAIN), [(r.arm.title, *(shown(r.figures[n]) for n in MAIN)) for r in found.results]),
        markdown_table(("arm", *REST), [(r.arm.title, *(shown(r.figures[n]) for n in REST)) for r in found.results]),
        "## Beside ours",
        "Ours less the other's AUC, the same subjects drawn for both; McNemar's exact test of the answers, seed by seed: "
        "cases that only ours, and that only the other, answered rightly. It takes cases as independent.",
        markdown_table(
            ("arm", "AUC, ours less this", "McNemar"), [beside(r) for r in found.results if r.gain is not None]
        ),
        "## What they cost",
        markdown_table(
            ("arm", "parameters", "minutes of training", "temperature"),
            [
                (
                    r.arm.title,
                    f"{r.parameters:,}",
                    f"{r.cpu_minutes:.1f}",
                    ", ".join(f"{t:.2f}" for t in r.temperatures),
                )
                for r in found.results
            ],
        ),
        "## Against noise",
        f"AUC at levels of: {WORDS[data.source.kind]}.",
        markdown_table(
            ("arm", "none", *(f"{level:g}" for level in LEVELS[data.source.kind])),
            [(r.arm.title, shown(r.figures["AUC"]), *map(shown, r.noisy)) for r in found.results],
        ),
        "## Sampling steps",
        "On validation cases, the first seed, its card's number of samples; spread 0: all points of the grid share a timestep.",
        markdown_table(
            ("steps", "spread", "AUC", "Brier score", "seconds a case"),
            [(p.steps, f"{p.spread:g}", f"{p.auc:.4f}", f"{p.brier:.4f}", f"{p.seconds:.4f}") for p in found.curve],
        ),
        "## Range of the samples",
        samples_range(found),
        "## Explanation",
        explanation(found),
    ]
    if found.familiar is not None:
        parts += ["## Out of range", familiarity(found)]
    parts += [f"![{plot.stem}]({plot.name})" for plot in plots]
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def introduction(data: Dataset, found: ClassifyBenchmark, minutes: float, seeds: int) -> str:
    """What was compared on what."""
    counts = ", ".join(
        f"{len(cases)} {name} ({int(cases.labels.sum())} {data.source.classes[1]})"
        for name, cases in (("training", data.train), ("validation", data.val), ("test", data.test))
    )
    times = "1 seed" if seeds == 1 else f"{seeds} seeds"
    words = f"Cases: {counts}. Budget of each trained arm: {minutes:g} minutes on one core; {times}."
    if len(set(data.test.subjects)) == len(data.test):
        words += " The file does not say whose a case is: two of one person count as two, so that intervals"
        words += " are a little too narrow."
    return words + "\nMade by `diffusioncore benchmark classify`. A research task, not a diagnosis."


def beside(result: ArmResult) -> tuple[str, str, str]:
    """An arm's row of comparison with ours."""
    tests = "; ".join(f"{t.only_ours} : {t.only_theirs}, p = {t.p:.2g}" for t in result.tests)
    return result.arm.title, shown(result.gain), tests


def samples_range(found: ClassifyBenchmark) -> str:
    """What the range that is shown beside a probability is worth."""
    told = found.ranges
    return (
        f"The range of nine in ten samples is {told.width:.3f} wide on average. Of {told.groups} groups of test cases of like "
        f"probability, the share that came true lies in the mean range of its cases in {told.covered}. The range says how "
        "far sampling moves an answer; it is no interval for the truth. How often an answer comes true is in the "
        "calibration error and the reliability curve."
    )


def explanation(found: ClassifyBenchmark) -> str:
    """What deletion, insertion and mosaics showed."""
    told = found.explained
    lines = [
        "Of the first seed's model.\n",
        f"- Masking the first region changes the encoders' answer more than masking random ones of like content: "
        f"{shown(told.deletion)} of {told.cases} test cases that the model calls positive (interval {told.deletion.label}); "
        f"the label that is drawn under their guidance: {shown(told.drawn)}.",
        f"- The regions alone come nearer to the encoders' answer to the whole image than random ones: {shown(told.insertion)}.",
    ]
    if told.mosaic is not None:
        hits = f"{shown(told.mosaic)} of {told.mosaics} mosaics (chance 0.125; interval {told.mosaic.label})"
        lines.append(f"- The first region lies in the one tumour cube of eight: {hits}.")
    return "\n".join(lines)


def familiarity(found: ClassifyBenchmark) -> str:
    """How often the out-of-range test is wrong."""
    rates = found.familiar
    rows = [("test cases of this data set (false alarms)", f"{rates.false_alarms:.1%} stopped")]
    rows += [(name, f"{miss:.0%} not noticed") for name, miss in rates.misses.items()]
    return markdown_table(("images", "error"), rows)


def write_csv(path: Path, results: Sequence[ArmResult], data: Dataset) -> None:
    """A line for each arm, figure and noise level."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("arm", "figure", "noise", "estimate", "low", "high", "interval"))
        for result in results:
            found = [(name, 0.0, one) for name, one in result.figures.items()]
            found += [("AUC", level, one) for level, one in zip(LEVELS[data.source.kind], result.noisy, strict=True)]
            found += [("AUC, ours less this", 0.0, result.gain)] if result.gain is not None else []
            for name, noise, one in found:
                numbers = (round(x, 5) for x in (one.estimate, one.low, one.high))
                writer.writerow((result.arm.name, name, noise, *numbers, one.label))
