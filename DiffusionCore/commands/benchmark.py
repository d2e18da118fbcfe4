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
from .console import console_progress
from .tables import print_json, print_table

if TYPE_CHECKING:
    from ..benchmark.rivals import Method

NAMES = ("denoise", "speed")
DATA_VARIABLE = "DIFFUSIONCORE_DATA"
OUR_STEPS = (1, 2, 4, 8)
REFERENCE_STEPS = 50


def main(argv: list[str]) -> int:
    """Run a comparison; it writes Markdown, CSV and PNG files."""
    parser = Parser(
        "benchmark",
        "Compare with other methods on the test scans (denoise), or measure the goals of speed (speed).",
        "diffusioncore benchmark denoise docs/benchmark --learned runs/regression-unet-mr/model",
        "diffusioncore benchmark speed docs --quick",
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
    speed = parser.add_argument_group("speed")
    speed.add_argument("--large", action="store_true", help="512³ on the CPU as well: 7 GB of memory and minutes")
    add_output_arguments(parser)
    given = parser.parse_intermixed_args(argv)
    with console_progress(given.quiet, given.json) as progress:
        head, rows, files = {"denoise": denoise_table, "speed": speed_table}[given.name](given, progress)
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
    from ..benchmark.denoise import run_denoise_benchmark, tune_rivals

    root = given.data or os.environ.get(DATA_VARIABLE)
    if not root or not Path(root).is_dir():
        raise InputError(f"{root or 'no folder'}: the test scans are not there; give --data or set {DATA_VARIABLE}")
    methods = [*our_methods(given.model), *(method for folder in given.learned for method in learned_methods(folder))]
    if given.tune:
        tune_rivals(given.output / "tuned.yaml", Path(root), progress=progress)
    found = run_denoise_benchmark(given.output, Path(root), methods, quick=given.quick, progress=progress)
    rows = [tuple(vars(verdict).values()) for verdict in found.gates]
    head = tuple(vars(found.gates[0])) if found.gates else ("gate",)
    return head, rows, list(found.files)


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
    from ..benchmark.speed import run_speed_benchmark

    if len(given.model) > 1:
        raise UsageError("benchmark speed measures one model")
    model = given.model[0] if given.model else None
    found = run_speed_benchmark(given.output, model, given.quick, large=given.large, progress=progress)
    head = ("what", "goal", "measured", "verdict")
    return head, [tuple(getattr(row, name) for name in head) for row in found.rows], list(found.paths)
