"""`diffusioncore benchmark NAME OUT`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ..benchmark.denoise.cases import PARTS as DENOISE_PARTS
from ..benchmark.trust.extent import PARTS as TRUST_PARTS
from ..errors import InputError, UsageError
from ..progress import Progress
from .arguments import Parser, add_output_arguments
from .benchmark_classify import add_classify_arguments, classify_table
from .benchmark_denoise import add_denoise_arguments, denoise_table
from .benchmark_superres import PARTS as SUPERRES_PARTS
from .benchmark_superres import superres_table
from .benchmark_synthesis import add_synthesis_arguments, synthesis_table
from .benchmark_trust import add_trust_arguments, trust_table
from .console import console_progress
from .tables import Table, print_json, print_table

NAMES = ("denoise", "superres", "speed", "classify", "trust", "synthesis")
DATA_VARIABLE = "DIFFUSIONCORE_DATA"


def main(argv: list[str]) -> int:
    """Run a comparison; it writes Markdown, CSV and PNG files."""
    parser = Parser(
        "benchmark",
        "Compare with other methods on the test scans (denoise, superres, classify) or with each other (synthesis), measure "
        "the goals of speed (speed), or see whether failures are flagged and intervals hold (trust).",
        "diffusioncore benchmark denoise docs/benchmark --tune --parts mr --learned runs/regression-unet-mr/model",
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
    parser.add_argument("--data", type=Path, metavar="FOLDER", help=f"the test scans; default: ${DATA_VARIABLE}")
    parser.add_argument(
        "--learned", action="append", default=[], type=Path, metavar="FOLDER", help="model of a trained rival"
    )
    parser.add_argument("--parts", default="", metavar="NAME,...", help=parts_in_words())
    add_denoise_arguments(parser)
    add_classify_arguments(parser)
    add_trust_arguments(parser)
    add_synthesis_arguments(parser)
    add_output_arguments(parser)
    given = parser.parse_intermixed_args(argv)
    if given.study and given.name != "denoise":
        raise UsageError("--study goes with denoise")
    from ..volume.atomic import check_makeable

    check_makeable(given.output)
    with console_progress(given.quiet, given.json) as progress:
        if given.name == "speed":
            head, rows, files = speed_table(given, progress)
        else:
            head, rows, files = TABLES[given.name](given, data_root(given), progress)
    if given.json:
        print_json({"rows": [dict(zip(head, row, strict=True)) for row in rows], "files": files})
    else:
        print_table(head, rows)
        if not given.quiet:
            for file in files:
                print(f"written: {file}", file=sys.stderr)
    return 0


def parts_in_words() -> str:
    of = {"denoise": DENOISE_PARTS, "superres": SUPERRES_PARTS, "trust": TRUST_PARTS}
    tables = "; ".join(f"of {name} " + ", ".join(parts) for name, parts in of.items())
    return f"only these tables: {tables}; of classify arms, or one with its seed (resnet18, ours-0); default: all"


def data_root(given: argparse.Namespace) -> Path:
    """The folder of the test scans. Raises `InputError` if it is not there."""
    root = given.data or os.environ.get(DATA_VARIABLE)
    if not root or not Path(root).is_dir():
        raise InputError(f"{root or 'no folder'}: the test scans are not there; give --data or set {DATA_VARIABLE}")
    return Path(root)


def speed_table(given: argparse.Namespace, progress: Progress) -> Table:
    """Every goal of speed, measured as a ratio in one run."""
    from ..benchmark.speed.run import run_speed_benchmark

    if len(given.model) > 1:
        raise UsageError("benchmark speed measures one model")
    model = given.model[0] if given.model else None
    found = run_speed_benchmark(given.output, model, given.quick, progress=progress)
    head = ("what", "goal", "measured", "verdict")
    return head, [tuple(getattr(row, name) for name in head) for row in found.rows], list(found.paths)


TABLES = {
    "denoise": denoise_table,
    "superres": superres_table,
    "classify": classify_table,
    "trust": trust_table,
    "synthesis": synthesis_table,
}
