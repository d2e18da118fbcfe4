"""`benchmark trust`: everything that is claimed of trust, measured on test subjects, or on validation subjects to tune."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from DiffusionCore.benchmark.denoise.run import first_of_each
from DiffusionCore.benchmark.ignored_folder import ignored_folder
from DiffusionCore.benchmark.report_files import write_text
from DiffusionCore.benchmark.rivals.method import HU_PER_UNIT
from DiffusionCore.benchmark.trust.contrast_detail import Insertions, cells, insert
from DiffusionCore.benchmark.trust.extent import PARTS, Extent
from DiffusionCore.benchmark.trust.extent import cases as cases_of
from DiffusionCore.benchmark.trust.intervals import (
    Coverage,
    coverage_of,
    errors_of,
    factor_from,
    left_out_coverage,
)
from DiffusionCore.benchmark.trust.planted import GoodResult, SiteScores, detections, plant
from DiffusionCore.benchmark.trust.plots import write_plots
from DiffusionCore.benchmark.trust.report import TrustFigures, Verdict, markdown, verdicts, write_tables
from DiffusionCore.benchmark.trust.scans import enhancer, trust_scan
from DiffusionCore.benchmark.trust.training_scans import looks_in_training, ranges_of
from DiffusionCore.benchmark.trust.width import Widths, sample_widths
from DiffusionCore.models.card import SampleWidth, read_card, write_card
from DiffusionCore.models.registry import CARD
from DiffusionCore.progress import Progress, silent


@dataclass(frozen=True)
class TrustBenchmark:
    """What a run found, the verdicts on the gates, and the files written."""

    figures: TrustFigures
    gates: tuple[Verdict, ...]
    files: tuple[Path, ...] = ()


def run_trust_benchmark(
    out_folder: Path,
    data_root: Path,
    enhance: Callable[..., Any],
    models: Sequence[str | Path],
    *,
    extent: Extent | None = None,
    parts: Sequence[str] = PARTS,
    validation: bool = False,
    quick: bool = False,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> TrustBenchmark:
    """Plant failures, compare intervals with the truth, insert small structures; write `trust.md`, CSV and PNG files.

    enhance     enhance(volume, sigma=..., model=..., **options), as `DiffusionCore.tasks.enhance` is
    parts       of `PARTS`
    validation  on the validation subjects, which thresholds and factors may be tuned on; files are `trust-validation.*`
    quick       the first scan of each table and noise level only
    cache       where the model's results are kept, so that a run goes on where it was stopped; default: `cache` in
                `out_folder`

    Raises `InputError` if a scan is missing under `data_root`, `ModelError`, `Cancelled`.
    """
    extent, progress = extent or Extent(), progress or silent()
    kept = ignored_folder(cache or out_folder / "cache")
    scores: list[SiteScores] = []
    good: list[GoodResult] = []
    covered: list[Coverage] = []
    inserted: list[Insertions] = []
    for model in models:
        run = enhancer(enhance, model, kept)
        chosen = cases_of(extent, run.modality, validation=validation)
        for case in first_of_each(chosen) if quick else chosen:
            progress.stage(f"{run.folder.name}: {case.name}")
            scan = trust_scan(case, data_root, extent.crop(run.modality), kept)
            if "planted" in parts:
                found, summary = plant(scan, run, extent)
                scores += found
                good.append(summary)
                progress.advance(1 / 3)
            if "intervals" in parts and scan.clean is not None:
                small = trust_scan(case, data_root, extent.crop(run.modality, samples=True), kept)
                covered.append(coverage_of(errors_of(small, run, extent), run.factor))
                progress.advance(2 / 3)
            if "detail" in parts and case.label in extent.detail and scan.clean is not None:
                inserted += insert(scan, run, extent, extent.insertions)
    progress.stage("figures")
    figures = TrustFigures(
        tuple(detections(scores, extent.resamples)), tuple(good), tuple(covered), tuple(cells(inserted, extent))
    )
    gates = tuple(verdicts(figures, extent))
    stem = "trust-validation" if validation else "trust"
    out_folder.mkdir(parents=True, exist_ok=True)
    report = write_text(out_folder / f"{stem}.md", markdown(figures, gates, extent, validation=validation))
    files = (report, *write_tables(figures, out_folder, stem), *write_plots(figures, out_folder, stem))
    progress.finish()
    return TrustBenchmark(figures, gates, files)


@dataclass(frozen=True)
class Calibration:
    """What was written on a model's card.

    widths          `Card.sample_width`, by noise level
    factor          `Card.uncertainty_factor`, of samples of these widths
    covered         by its 90 % intervals of the subjects that it was learnt from, mean over scans
    without_factor  the same with the spread as it is
    left_out        least and most over scans that are covered by the factor of the other subjects alone
    """

    model: str
    widths: dict[float, float]
    factor: float
    subjects: tuple[str, ...]
    covered: float
    without_factor: float
    left_out: tuple[float, float]


def calibrate(
    data_root: Path,
    enhance: Callable[..., Any],
    model: str | Path,
    cache: Path,
    *,
    extent: Extent | None = None,
    progress: Progress | None = None,
) -> Calibration:
    """Learn from a model's validation subjects how wide its samples must be drawn and the conformal factor of their
    spread, and write both on its card, with the ranges of field of view and histogram of the scans that it was trained on.

    The card changes once, at the end. Raises `InputError` if a scan is missing under `data_root`, `ModelError`,
    `Cancelled`.
    """
    extent, progress = extent or Extent(), progress or silent()
    run = enhancer(enhance, model, ignored_folder(cache))
    scans = [
        scan
        for case in cases_of(extent, run.modality, validation=True)
        if (scan := trust_scan(case, data_root, extent.crop(run.modality, samples=True), cache)).clean is not None
    ]
    with tempfile.TemporaryDirectory() as folder:
        trial = shutil.copytree(run.folder, Path(folder) / run.folder.name)

        def keep(widths: Widths) -> None:
            drawn = [SampleWidth(sigma_normalised=sigma, width=width) for sigma, width in widths.items()]
            write_card(read_card(trial / CARD).model_copy(update={"sample_width": drawn}), trial / CARD)

        run_trial = replace(run, folder=trial)
        progress.stage(f"width of the samples of {run.folder.name}")
        widths = sample_widths(scans, 1.0 if run.modality == "MR" else 1 / HU_PER_UNIT, run_trial, keep)
        drawn = read_card(trial / CARD).sample_width
        progress.stage(f"their spread, {run.folder.name}")
        errors = []
        for done, scan in enumerate(scans, start=1):
            errors.append(errors_of(scan, run_trial, extent))
            progress.advance(done / len(scans))
    factor = round(factor_from(errors), 4)
    found = [coverage_of(one, factor) for one in errors]
    subjects = tuple(dict.fromkeys(one.subject.split("/")[0] for one in found))
    result = Calibration(
        run.folder.name,
        widths,
        factor,
        subjects,
        float(np.mean([one.covered for one in found])),
        float(np.mean([one.without_factor for one in found])),
        left_out_coverage(errors),
    )
    path = run.folder / CARD
    card = read_card(path)
    facts = {
        "factor": factor,
        "level": 0.9,
        "samples": extent.samples,
        "steps": extent.steps,
        "subjects": list(subjects),
        "noise": list(dict.fromkeys(one.label for one in found)),
        "covered": round(result.covered, 4),
        "left_out_subject_covered": [round(share, 4) for share in result.left_out],
        "weights": card.sha256[:12],
    }
    valid = card.valid.model_copy(update=ranges_of(looks_in_training(card, data_root)))
    figures = {**card.figures, "uncertainty": facts}
    update = {"sample_width": drawn, "uncertainty_factor": factor, "figures": figures, "valid": valid}
    write_card(card.model_copy(update=update), path)
    progress.finish()
    return result
