"""The tables and pictures of a synthesis benchmark."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from DiffusionCore.benchmark.markdown_table import markdown_table
from DiffusionCore.benchmark.synthesis.gates import Verdict
from DiffusionCore.benchmark.synthesis.judge import BINS, DIMS, Judge
from DiffusionCore.benchmark.synthesis.results import FIGURES, ArmResult, difference
from DiffusionCore.benchmark.synthesis.upscaling import COMPARED_WITH, UpscalingRow
from DiffusionCore.metrics.embedding import NAME
from DiffusionCore.report.sheet import write_sheet
from DiffusionCore.volume.atomic import atomic_file

SHOWN, COLUMNS_SHOWN = 16, 8
COLUMNS = {
    "kernel": "kernel distance",
    "frechet": "Fréchet distance",
    "precision": "precision",
    "recall": "recall",
    "memorised": "memorised",
    "ms_ssim": "MS-SSIM",
    "entropy": "entropy, bits",
    "inception_score": "Inception Score",
    "pairwise": "pairwise distance",
    "height_r": "height r",
}
EXPLAINED = """\
{count} images an arm and sampling seed, of evenly spread slice heights; ± is half of the 95 % interval of the mean over
{seeds} sampling seeds (Student's t), of one trained model each. Distances are to the training subjects' {train} slices in
the embedding *{embedding}*. **Real** is the test subjects' {test} slices in {sets} set(s) of about as many images, judged in
the same way: the floor of the distances and the ceiling of precision and recall (the mean over the sets). *Memorised* is
the share of images nearer to a training slice (or its mirror image) in pixels at 64 × 64 than 95 % of the test slices are:
5 % is what new subjects have; every image's nearest training slice is in synthesis-nearest.csv, and beneath the image in the
second picture of each arm.
*MS-SSIM* is between random pairs: lower is more diverse. *Inception Score* is on the probabilities of a logistic
classifier of slice height in {classes} classes on the same embedding. *Height r* is the correlation of the height asked for
with the height that ridge regression on the embedding's features, fitted to the training subjects, sees. Seconds are of the
machine that ran this, of an image of many and of one by itself, in round brackets where it did other work too. Hours of
training are of the wall or of the processor; the two are no equal budget on a machine that does other work."""
OURS = (
    f"{NAME}: statistics of five fixed random convolutions, which ship with this package, projected on the training images' "
    f"first {DIMS} principal axes"
)


def write_report(
    folder: Path,
    results: Sequence[ArmResult],
    floor: ArmResult,
    gates: Sequence[Verdict],
    upscaling: Sequence[UpscalingRow],
    sizes: dict[str, int],
    embedding: str = OURS,
) -> list[Path]:
    """synthesis.md and synthesis.csv in `folder`."""
    explained = EXPLAINED.format(embedding=embedding, classes=len(BINS) + 1, **sizes)
    head = ("arm", *COLUMNS.values(), "s an image", "s alone", "training")
    rows = [_row(floor, "**real**"), *(_row(result, result.title) for result in results)]
    parts = ["# Synthesis", explained, markdown_table(head, rows)]
    if len(results) > 1:
        first, *others = results
        lines = [(other.title, *(str(difference(other, first, f)) for f in COLUMNS)) for other in others]
        parts += [
            f"## Less {first.title}",
            "Differences of the means over sampling seeds, with 95 % intervals (Welch's t).",
            markdown_table(("arm", *COLUMNS.values()), lines),
        ]
    if gates:
        told = [(v.arm, v.gate, v.measured, "yes" if v.holds else "**no**") for v in gates]
        parts += ["## Gates", markdown_table(("arm", "gate", "measured", "holds"), told)]
    if upscaling:
        parts += [
            "## The upscalers alone",
            f"{upscaling[0].images} real slices of the test subjects, made smaller by means of blocks of two, and enlarged "
            f"again. In tissue; PSNR's range is the 99.5th percentile; brackets: {upscaling[0].psnr.label}. A sample lies about "
            "3 dB under the mean, as a draw from what is possible must.",
            markdown_table(
                ("step", "method", "PSNR, dB", "SSIM", f"PSNR less {COMPARED_WITH}'s, paired"),
                [_upscaled(row) for row in upscaling],
            ),
        ]
    folder.mkdir(parents=True, exist_ok=True)
    text, table = folder / "synthesis.md", folder / "synthesis.csv"
    with atomic_file(text, overwrite=True) as temporary:
        temporary.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    with atomic_file(table, overwrite=True) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("arm", "sample_set", *FIGURES, "seconds", "others", "hours", "clock"))
        for result in (floor, *results):
            for number, each in enumerate(result.figures):
                times = (result.timed.seconds, result.timed.others, result.hours, "" if result.real else result.clock)
                writer.writerow((result.name, number, *asdict(each).values(), *times))
    return [text, table]


def write_pictures(folder: Path, judge: Judge, real: np.ndarray, made: dict[str, np.ndarray]) -> list[Path]:
    """Of each arm two pictures of 16 images, evenly chosen, each image above a real one of about its height, and above the
    training image that it is nearest to; and synthesis-nearest.csv with the nearest of all."""
    paths, nearest = [], []
    for name, images in made.items():
        found = judge.memorisation(images)
        for suffix, below in (("", evenly(real, SHOWN)), ("-nearest", evenly(judge.neighbours(found.which), SHOWN))):
            path = folder / f"synthesis-{name}{suffix}.png"
            shown = one_above_the_other(evenly(images, SHOWN), below)
            paths.append(write_sheet(path, shown, (0.0, 1.0), columns=COLUMNS_SHOWN, overwrite=True))
        for number, (which, distance) in enumerate(zip(found.which, found.nearest, strict=True)):
            mirrored, index = divmod(int(which), len(judge.train.images))
            nearest.append((name, number, judge.train.subjects[index], index, mirrored, distance, found.limit))
    table = folder / "synthesis-nearest.csv"
    with atomic_file(table, overwrite=True) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("arm", "image", "subject", "training_slice", "mirrored", "distance", "limit"))
        writer.writerows(nearest)
    return [*paths, table]


def one_above_the_other(images: np.ndarray, below: np.ndarray) -> list[np.ndarray]:
    """Row by row, so that in `COLUMNS_SHOWN` columns each image stands above its own."""
    starts = range(0, len(images), COLUMNS_SHOWN)
    return [each for n in starts for part in (images, below) for each in part[n : n + COLUMNS_SHOWN]]


def evenly(images: np.ndarray, count: int) -> np.ndarray:
    """`count` of the images, evenly over their order."""
    return images[np.linspace(0, len(images) - 1, min(count, len(images))).round().astype(int)]


def _row(result: ArmResult, title: str) -> tuple[str, ...]:
    cells = [result.cell(figure) for figure in COLUMNS]
    times = ("–", "–") if result.real else (str(result.timed), str(result.alone))
    return (title, *cells, *times, result.training)


def _upscaled(row: UpscalingRow) -> tuple[str, ...]:
    gain = f"{row.gain.estimate:+.2f} [{row.gain.low:+.2f}, {row.gain.high:+.2f}]"
    return (
        row.step,
        row.method,
        f"{row.psnr.estimate:.2f} [{row.psnr.low:.2f}, {row.psnr.high:.2f}]",
        f"{row.ssim.estimate:.4f} [{row.ssim.low:.4f}, {row.ssim.high:.4f}]",
        gain.replace("-", "−") if row.method != COMPARED_WITH else "",
    )
