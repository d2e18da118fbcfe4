"""`diffusioncore benchmark NAME OUT`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, ModelError, UsageError
from ..progress import Progress
from .arguments import Parser, add_output_arguments
from .benchmark_classify import add_classify_arguments, classify_table
from .benchmark_synthesis import add_synthesis_arguments, synthesis_table
from .benchmark_trust import add_trust_arguments, trust_table
from .console import console_progress
from .tables import print_json, print_table

if TYPE_CHECKING:
    from ..benchmark.rivals import Method

NAMES = ("denoise", "superres", "speed", "classify", "trust", "synthesis")
DATA_VARIABLE = "DIFFUSIONCORE_DATA"
OUR_STEPS = (1, 2, 4, 8)
REFERENCE_STEPS = 50


def main(argv: list[str]) -> int:
    """Run a comparison; it writes Markdown, CSV and PNG files."""
    parser = Parser(
        "benchmark",
        "Compare with other methods on the test scans (denoise, superres, classify), measure the goals of speed (speed), or see "
        "whether failures are flagged and intervals hold (trust).",
        "diffusioncore benchmark denoise docs/benchmark --learned runs/regression-unet-mr/model",
        "diffusioncore benchmark denoise docs/benchmark --study conditioning --model runs/s3-mr-2d/model",
        "diffusioncore benchmark superres docs/benchmark --learned runs/regression-superres-mr-x2/model",
        "diffusioncore benchmark speed docs --quick",
        "diffusioncore benchmark classify docs/benchmark --dataset adrenal --minutes 12 --seeds 3",
        "diffusioncore benchmark trust docs/benchmark",
        "diffusioncore benchmark synthesis docs/benchmark --model synth-mr-base --model runs/synth-mr-single/model",
    )
    parser.add_argument("name", choices=NAMES, metavar="/".join(NAMES), help="what to compare")
    parser.add_argument("output", type=Path, metavar="OUT", help="folder for tables and plots")
    parser.add_argument("--model", action="append", default=[], help="name or folder of ours; default: the installed")
    parser.add_argument("--quick", action="store_true", help="small crops, to see that everything runs")
    denoise = parser.add_argument_group("denoise")
    denoise.add_argument("--data", type=Path, metavar="FOLDER", help=f"the test scans; default: ${DATA_VARIABLE}")
    denoise.add_argument(
        "--learned", action="append", default=[], type=Path, metavar="FOLDER", help="model of a trained rival"
    )
    denoise.add_argument("--tune", action="store_true", help="first search the rivals' parameters on validation scans")
    denoise.add_argument(
        "--study",
        choices=tuple(STUDIES),
        metavar="/".join(STUDIES),
        help="instead: how S3's model is shown the scan, with --learned its 2D rival; or S0's table, with --learned ours",
    )
    speed = parser.add_argument_group("speed")
    speed.add_argument("--large", action="store_true", help="512³ on the CPU as well: 7 GB of memory and minutes")
    add_classify_arguments(parser)
    add_trust_arguments(parser)
    add_synthesis_arguments(parser)
    add_output_arguments(parser)
    given = parser.parse_intermixed_args(argv)
    with console_progress(given.quiet, given.json) as progress:
        make = STUDIES[given.study] if given.study else TABLES[given.name]
        head, rows, files = make(given, progress)
    if given.json:
        print_json({"rows": [dict(zip(head, row, strict=True)) for row in rows], "files": files})
    else:
        print_table(head, rows)
        if not given.quiet:
            for file in files:
                print(f"written: {file}", file=sys.stderr)
    return 0


Table = tuple[tuple[str, ...], list[tuple[Any, ...]], list[Path]]


def denoise_table(given: argparse.Namespace, progress: Progress) -> Table:
    """Every method on the same noisy test scans; the verdicts on the gates are what is shown."""
    from ..benchmark.denoise.run import run_denoise_benchmark, tune_rivals

    root = data_root(given)
    methods = [*our_methods(given.model), *(method for folder in given.learned for method in learned_methods(folder))]
    if given.tune:
        tune_rivals(given.output / "tuned.yaml", root, progress=progress)
    found = run_denoise_benchmark(given.output, root, methods, quick=given.quick, progress=progress)
    rows = [tuple(vars(verdict).values()) for verdict in found.gates]
    head = tuple(vars(found.gates[0])) if found.gates else ("gate",)
    return head, rows, list(found.files)


def superres_table(given: argparse.Namespace, progress: Progress) -> Table:
    """Interpolations, trained rivals and ours on the same coarse test scans; the verdicts on the gates are what is shown."""
    from ..benchmark.superres.run import run_superres_benchmark
    from .superres_methods import superres_methods

    methods = superres_methods(given.model, given.learned)
    found = run_superres_benchmark(given.output, data_root(given), methods, quick=given.quick, progress=progress)
    rows = [tuple(vars(verdict).values()) for verdict in found.gates]
    return ("table", "window", "gate", "measured", "holds"), rows, list(found.files)


def data_root(given: argparse.Namespace) -> Path:
    """The folder of the test scans. Raises `InputError` if it is not there."""
    root = given.data or os.environ.get(DATA_VARIABLE)
    if not root or not Path(root).is_dir():
        raise InputError(f"{root or 'no folder'}: the test scans are not there; give --data or set {DATA_VARIABLE}")
    return Path(root)


def one_model(given: argparse.Namespace) -> str:
    """The single --model that a study is about."""
    if given.name != "denoise" or len(given.model) != 1 or len(given.learned) > 1:
        raise UsageError("--study goes with denoise, one --model, and at most one --learned")
    return given.model[0]


def conditioning_table(given: argparse.Namespace, progress: Progress) -> Table:
    """S3's study: the scan concatenated, the chain started at it, or both, over guidance and noise levels."""
    from ..benchmark.conditioning.study import run_conditioning_study

    model, rival = one_model(given), given.learned[0] if given.learned else None
    found = run_conditioning_study(
        given.output, data_root(given), model, regression_model=rival, quick=given.quick, progress=progress
    )
    rows = [(r.method, r.level, r.scores.mean("psnr"), r.scores.mean("ssim"), r.seconds) for r in found.results]
    return ("method", "noise", "PSNR", "SSIM", "seconds"), rows, list(found.paths)


def s0_table(given: argparse.Namespace, progress: Progress) -> Table:
    """S0's table: SNR, SSIM and PSNR before and after, from an input of 28.4 dB."""
    from dataclasses import fields

    from ..benchmark.conditioning.s0 import S0Row, run_s0_table

    model, ours = one_model(given), given.learned[0] if given.learned else None
    rows, paths = run_s0_table(given.output, data_root(given), model, ours=ours, quick=given.quick, progress=progress)
    head = tuple(field.name for field in fields(S0Row))
    return head, [tuple(getattr(row, name) for name in head) for row in rows], list(paths)


def classification_table(given: argparse.Namespace, progress: Progress) -> Table:
    """Label diffusion against CNNs, its own guidance, simple features and the majority."""
    return classify_table(given, data_root(given), progress)


def trustworthiness_table(given: argparse.Namespace, progress: Progress) -> Table:
    """Planted failures, intervals and small structures."""
    return trust_table(given, data_root(given), progress)


STUDIES = {"conditioning": conditioning_table, "s0": s0_table}


def our_methods(named: list[str]) -> list[Method]:
    """Our models, by default those that `enhance` would take, at several numbers of steps; one step first."""
    from ..models import best_model

    models: list[str | Path] = list(named)
    for modality in () if named else ("MR", "CT"):
        try:
            models.append(best_model("enhance", modality))
        except ModelError:
            continue
    if not models:
        raise ModelError("no model to compare is installed; name one with --model")
    return [steps_of(model, steps) for model in models for steps in OUR_STEPS]


def steps_of(model: str | Path, steps: int) -> Method:
    """Our model as a method; its conditional mean in one step, a sample in several."""
    from ..benchmark.rivals import model_method
    from ..models import find_model
    from ..tasks.enhance import enhance

    name = Path(find_model(model)).name
    words = "one step" if steps == 1 else f"a sample in {steps} steps"
    return model_method(
        f"{name}-{steps}",
        f"ours, {words}",
        enhance,
        model,
        steps=steps,
        texture=0.0 if steps == 1 else 1.0,
    )


def learned_methods(folder: Path) -> list[Method]:
    """A trained rival: one pass of a residual network; of a diffusion model of the image DDIM, and in 2D DDPM too."""
    from ..benchmark.rivals import model_method
    from ..models import find_model, read_card
    from ..models.registry import CARD
    from ..tasks.enhance import enhance

    card = read_card(find_model(folder) / CARD)
    if card.network.state == "residual":
        name = card.name.removesuffix("-mr")  # the gates know the MR rivals by these names
        return [model_method(name, card.summary, enhance, folder, kind="learned", steps=1)]
    flat = card.network.unet.get("spatial_dims", 3) == 2
    return [
        model_method(
            f"{card.name}-{sampler}",
            f"{card.name}, {sampler.upper()} {REFERENCE_STEPS}",
            enhance,
            folder,
            kind="learned",
            steps=REFERENCE_STEPS,
            texture=1.0,
            sampler=sampler,
        )
        for sampler in (("ddim", "ddpm") if flat else ("ddim",))
    ]


def speed_table(given: argparse.Namespace, progress: Progress) -> Table:
    """Every goal of speed, measured as a ratio in one run."""
    from ..benchmark.speed.run import run_speed_benchmark

    if len(given.model) > 1:
        raise UsageError("benchmark speed measures one model")
    model = given.model[0] if given.model else None
    found = run_speed_benchmark(given.output, model, given.quick, large=given.large, progress=progress)
    head = ("what", "goal", "measured", "verdict")
    return head, [tuple(getattr(row, name) for name in head) for row in found.rows], list(found.paths)


def synthesis_comparison(given: argparse.Namespace, progress: Progress) -> Table:
    """Cascade against single stage, Swin against none, upscalers against interpolation; the verdicts are shown."""
    return synthesis_table(given, data_root(given), progress)


TABLES = {
    "denoise": denoise_table,
    "superres": superres_table,
    "speed": speed_table,
    "classify": classification_table,
    "trust": trustworthiness_table,
    "synthesis": synthesis_comparison,
}
