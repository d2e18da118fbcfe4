"""`benchmark denoise --study s0`: S0's network at a quarter of the width, DDIM 50, on inputs of 28.4 dB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from DiffusionCore.benchmark.denoise.case_inputs import CaseInput, Shape, case_input
from DiffusionCore.benchmark.denoise.cases import MR_CROP, MR_S0, TEST_CASES, Case
from DiffusionCore.benchmark.denoise.forecast import seconds_of
from DiffusionCore.benchmark.expected_time import in_words
from DiffusionCore.benchmark.ignored_folder import ignored_folder
from DiffusionCore.benchmark.markdown_table import markdown_table
from DiffusionCore.benchmark.report_files import write_csv, write_text
from DiffusionCore.benchmark.rivals import (
    Method,
    NoisyScan,
    Output,
    Tuned,
    model_pace,
    output_of,
    parameters_for,
    read_tuned,
    rival,
)
from DiffusionCore.benchmark.rivals.learned import decided_by
from DiffusionCore.errors import ModelError
from DiffusionCore.metrics import psnr, snr_db, ssim
from DiffusionCore.progress import Progress, silent

QUICK_SIZE: Shape = (16, 32, 32)


@dataclass(frozen=True)
class S0Row:
    """One method on one subject, in tissue: SNR and PSNR in dB, SSIM; seconds of the run that made it, `disturbed` if
    other work ran beside it.
    """

    subject: str
    method: str
    sigma: float
    snr_db: float
    ssim: float
    psnr: float
    seconds: float
    disturbed: bool = False


def run_s0_table(
    out_folder: Path,
    data_root: Path,
    model: str | Path,
    *,
    ours: str | Path | None = None,
    steps: int = 50,
    seed: int = 0,
    size: Shape | None = None,
    quick: bool = False,
    cache: Path | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> tuple[tuple[S0Row, ...], tuple[Path, ...]]:
    """SNR, SSIM and PSNR before and after on the test heads, with Rician noise such that the input has 28.4 dB.

    model  S0's family: 3D, the image's state, run with `steps` of DDIM over blended 64³ patches
    ours   a model of the fast family to put beside it, in one step
    size   of the central crop, (K, J, I); default that of `benchmark denoise`
    cache  where outputs are kept, so that a run goes on where it was stopped; default: `cache` in `out_folder`

    Writes s0.md and s0.csv to `out_folder`. Non-local means has the parameters that
    `benchmark denoise --tune` chose, if its `tuned.yaml` is there. Raises `ModelError` for another kind of model.
    """
    progress = progress or silent()
    kept = ignored_folder(cache or out_folder / "cache")
    methods = [unchanged(), rival("nlm-skimage"), reference_method(model, steps, seed, device)]
    if ours is not None:
        methods.append(one_step_method(ours, seed, device))
    cases = [case for case in TEST_CASES if case.table == MR_S0]
    size = size or (QUICK_SIZE if quick else None)
    tuned = read_tuned(out_folder / "tuned.yaml")
    expected = len(cases) * sum(seconds_of(method, size or MR_CROP) for method in methods)
    progress.say(f"S0's table: at most about {in_words(expected)} on two idle cores")
    rows = []
    progress.stage("S0's table")
    for done, case in enumerate(cases):
        progress.advance(done / len(cases), case.name)
        rows += rows_of_case(case, data_root, methods, size, kept, tuned)
    progress.stage("write")
    paths = write_s0(out_folder, rows, cases, steps)
    progress.finish()
    return tuple(rows), tuple(paths)


def rows_of_case(
    case: Case, root: Path, methods: Sequence[Method], size: Shape | None, kept: Path, tuned: Sequence[Tuned]
) -> list[S0Row]:
    """Every method on one subject."""
    given = case_input(case, root, size)
    rows = []
    for method in methods:
        output = output_of(method, given.scan, parameters_for(method, "MR", given.scan.sigma, tuned), kept)
        if output.voxels is not None:
            rows.append(scored(given, method, output))
    return rows


def scored(given: CaseInput, method: Method, output: Output) -> S0Row:
    clean, tissue, image = given.target, given.tissue, output.voxels
    return S0Row(
        subject=given.case.subject,
        method=method.title,
        sigma=given.scan.sigma,
        snr_db=snr_db(image, clean, tissue),
        ssim=ssim(image, clean, 1.0, tissue),
        psnr=psnr(image, clean, 1.0, tissue),
        seconds=output.seconds or 0.0,
        disturbed=output.disturbed,
    )


def unchanged() -> Method:
    """The input."""
    return Method("input", "before", lambda scan: scan.voxels, distribution="", module="", licence="")


def reference_method(model: str | Path, steps: int, seed: int, device: str) -> Method:
    """S0's sampling: from pure noise at T, the scan concatenated, patches blended at every step."""
    return sampled_method("s0", f"S0's network, DDIM {steps}", "image", model, steps, seed, device)


def one_step_method(model: str | Path, seed: int, device: str) -> Method:
    """The fast family's conditional mean."""
    return sampled_method("ours", "ours, one step", "residual", model, 1, seed, device)


def sampled_method(name: str, title: str, state: str, model: str | Path, steps: int, seed: int, device: str) -> Method:
    """A 3D model whose state is `state`, sampled by `inference`. Raises `ModelError` for another kind."""
    from DiffusionCore.inference import SamplingSettings, sample_volume
    from DiffusionCore.models import load_model

    loaded = load_model(model)
    if loaded.denoiser.spatial_dims != 3 or loaded.denoiser.state != state:
        raise ModelError(f"S0's table takes a 3D model of the {state}'s diffusion here; {loaded.card.name!r} is none")

    def run(scan: NoisyScan) -> np.ndarray:
        settings = SamplingSettings(steps=steps, seed=seed)
        voxels = np.array(scan.voxels)
        return sample_volume(loaded.denoiser, voxels, scan.sigma, loaded.process, settings, device=device).image.numpy()

    described = " ".join([*decided_by(loaded.folder), str(steps), str(seed)])
    pace = model_pace(loaded.card, steps)
    return Method(name, title, run, distribution="", module="", licence="MIT", fingerprint=described, pace=pace)


def write_s0(out: Path, rows: Sequence[S0Row], cases: Sequence[Case], steps: int) -> list[Path]:
    """s0.md and s0.csv."""
    out.mkdir(parents=True, exist_ok=True)
    lines = (list(vars(row).values()) for row in rows)
    return [
        write_text(out / "s0.md", markdown(rows, cases, steps)),
        write_csv(out / "s0.csv", list(vars(rows[0])), lines),
    ]


def markdown(rows: Sequence[S0Row], cases: Sequence[Case], steps: int) -> str:
    """Every subject, then the mean; differences in dB, never ratios of decibels."""
    sigmas = ", ".join(f"{row.subject} {100 * row.sigma:.2f} %" for row in rows if row.method == rows[0].method)
    parts = [
        "# S0's table",
        f"Test heads with Rician noise such that the input has a PSNR of {cases[0].level:g} dB in tissue "
        f"(sigma: {sigmas} of the 99.5th percentile). S0's network at a quarter of its width, {steps} DDIM steps over "
        "blended 64³ patches. Figures are taken in tissue; data range is the 99.5th percentile; SNR is "
        "10 log₁₀(Σx² / Σ(x − x̂)²); gains are differences in dB; seconds in brackets were taken beside other work.",
        markdown_table(HEAD, [cells(row, before(rows, row.subject)) for row in rows]),
        "## Mean over subjects",
        markdown_table(HEAD[1:], [cells(row, mean_of(rows, rows[0].method))[1:] for row in means(rows)]),
    ]
    return "\n\n".join(parts) + "\n"


HEAD = ("subject", "method", "SNR, dB", "SSIM", "PSNR, dB", "SNR gained", "PSNR gained", "s")


def cells(row: S0Row, start: S0Row) -> list[str]:
    return [
        row.subject,
        row.method,
        f"{row.snr_db:.2f}",
        f"{row.ssim:.4f}",
        f"{row.psnr:.2f}",
        f"{row.snr_db - start.snr_db:+.2f}",
        f"{row.psnr - start.psnr:+.2f}",
        f"({row.seconds:.1f})" if row.disturbed else f"{row.seconds:.1f}",
    ]


def before(rows: Sequence[S0Row], subject: str) -> S0Row:
    return next(row for row in rows if row.subject == subject)


def means(rows: Sequence[S0Row]) -> list[S0Row]:
    return [mean_of(rows, method) for method in dict.fromkeys(row.method for row in rows)]


def mean_of(rows: Sequence[S0Row], method: str) -> S0Row:
    there = [row for row in rows if row.method == method]
    names = ("sigma", "snr_db", "ssim", "psnr", "seconds")
    figures = {name: float(np.mean([getattr(row, name) for row in there])) for name in names}
    return S0Row("", method, **figures, disturbed=any(row.disturbed for row in there))
