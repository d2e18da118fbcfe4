"""`diffusioncore superres IN [IN ...] OUT`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ..report.rows import superres_rows
from ..tasks.options import FileOptions
from ..tasks.superres.options import SuperResolveOptions
from .arguments import Parser, add_options, add_output_arguments, options_from
from .console import console_progress
from .tables import print_json, print_table

# Those of `FileOptions` that mean something here: a finer scan has no frames beside it and no mask of its own.
FILE_OPTIONS = ("series", "frame", "roi", "reference", "uncertainty", "report", "figure", "html", "overwrite")


def main(argv: list[str]) -> int:
    """Make the voxels of one scan finer, or of many into a folder."""
    parser = Parser(
        "superres",
        "Raise the resolution of a CT or MR scan; of many, if several or a folder are given, into a folder.",
        "diffusioncore superres head.nii.gz head_fine.nii.gz --factor 2 --figure head.png",
        "diffusioncore superres thick.nii.gz thin.nii.gz --axes slice --thickness 4",
        "diffusioncore superres dicom_folder fine_folder --spacing 0.5 --report fine.json",
    )
    parser.add_argument("input", nargs="+", type=Path, metavar="IN", help="scan: NIfTI, NRRD, MHA, DICOM folder")
    parser.add_argument("output", type=Path, metavar="OUT", help="result; without a suffix a folder (derived DICOM)")
    parser.add_argument("--resume", action="store_true", help="many scans: leave results that exist alone")
    add_options(parser, SuperResolveOptions)
    add_options(parser, FileOptions, *FILE_OPTIONS)
    add_output_arguments(parser)
    given = parser.parse_intermixed_args(argv)
    options, files = options_from(given, SuperResolveOptions), options_from(given, FileOptions)
    from ..tasks.many_scans import is_many, pair_up
    from ..tasks.superres.files import super_resolve_file, super_resolve_many
    from .folder_mode import collect, explanation, say_many

    with console_progress(given.quiet, given.json) as progress:
        if is_many(given.input, given.output):
            pairs = pair_up(given.input, given.output)
            outcomes = super_resolve_many(pairs, options, files, progress, resume=given.resume, explain=explanation)
            return say_many(collect(outcomes, len(pairs), given.output), given)
        report = super_resolve_file(given.input[0], given.output, options, files, progress)
    say_one(report, given)
    return 0


def say_one(report: dict[str, Any], given: argparse.Namespace) -> None:
    """The figures of one scan on stdout."""
    if given.json:
        print_json(report)
        return
    made = report["provenance"]
    stages = " then ".join(f"{s['model']['name']} ({factors_in_words(s['factors_kji'])})" for s in made["stages"])
    print(f"{made['input']['modality']} ({made['input']['modality_reason']}), {stages}")
    print(f"{voxels_in_words(made['input'])} -> {voxels_in_words(made['output'])}")
    print_table(("figure", "before", "after"), superres_rows(report["figures"]))
    if not given.quiet:
        for warning in dict.fromkeys(report["warnings"]):
            print(f"warning: {warning}", file=sys.stderr)
        print(f"written: {given.output}", file=sys.stderr)


def factors_in_words(factors: list[float]) -> str:
    """'×2' or '×1×1×4' along i, j, k."""
    k, j, i = factors
    return f"×{k:.3g}" if k == j == i else f"×{i:.3g}×{j:.3g}×{k:.3g}"


def voxels_in_words(facts: dict[str, Any]) -> str:
    """'128×128×64 voxels of 1×1×2 mm'."""
    shape, spacing = reversed(facts["shape_kji"]), reversed(facts["spacing_kji_mm"])
    return f"{'×'.join(map(str, shape))} voxels of {'×'.join(f'{s:.4g}' for s in spacing)} mm"
