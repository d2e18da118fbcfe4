"""`diffusioncore synthesize MODEL OUT`."""

from __future__ import annotations

import sys
from pathlib import Path

from ..errors import UsageError
from ..tasks.synthesis.options import SynthesizeFileOptions, SynthesizeOptions
from .arguments import Parser, add_options, add_output_arguments, options_from
from .console import console_progress
from .tables import print_json, print_table


def main(argv: list[str]) -> int:
    """Make images that show nobody."""
    parser = Parser(
        "synthesize",
        "Make images by a diffusion model, from a seed; they show no person and are marked synthetic.",
        "diffusioncore synthesize heads.nii.gz --count 16 --seed 1 --sheet heads.png",
        "diffusioncore synthesize synth-mr-base heads.nii.gz --condition z_fraction=0.4:0.8 --guidance 2",
        "diffusioncore synthesize synth-mr-base dicom_folder --count 4",
    )
    parser.add_argument(
        "model",
        nargs="?",
        metavar="MODEL",
        help="name or folder of a synthesis model, whose upscalers are found; default: the first that is installed",
    )
    parser.add_argument(
        "output", type=Path, metavar="OUT", help="images as slices (2D) or volumes (3D); without a suffix DICOM"
    )
    add_options(parser, SynthesizeOptions)
    add_options(parser, SynthesizeFileOptions)
    add_output_arguments(parser)
    given = parser.parse_intermixed_args(argv)
    options, files = options_from(given, SynthesizeOptions), options_from(given, SynthesizeFileOptions)
    from ..models import list_models
    from ..tasks.synthesis.files import synthesize_files

    if given.model is None and str(given.output) in (card.name for card, _ in list_models()):
        raise UsageError(f"{given.output} is a model; say where the images go: synthesize {given.output} OUT")
    with console_progress(given.quiet, given.json) as progress:
        report = synthesize_files(given.model, given.output, options, files, progress)
    if given.json:
        print_json(report)
        return 0
    seconds = sum(report["provenance"]["seconds"].values())
    size = "×".join(map(str, report["size"]))
    rows = [
        ("images", f"{report['count']} of {size}"),
        ("model", " → ".join(m["name"] for m in (report["provenance"]["model"], *report["provenance"]["upscalers"]))),
        ("seed", report["provenance"]["options"]["seed"]),
        ("seconds an image", f"{seconds / report['count']:.2f}"),
    ]
    print_table(("what", "value"), rows)
    if not given.quiet:
        for path in report["written"]:
            print(f"written: {path}", file=sys.stderr)
    return 0
