"""`diffusioncore enhance IN [IN ...] OUT`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ..report.rows import report_rows
from ..tasks.options import EnhanceOptions, FileOptions
from .arguments import Parser, add_options, add_output_arguments, options_from
from .console import console_progress
from .tables import print_json, print_table


def main(argv: list[str]) -> int:
    """Enhance one scan, or many into a folder."""
    parser = Parser(
        "enhance",
        "Remove noise from a CT or MR scan; from many, if several or a folder are given, into a folder.",
        "diffusioncore enhance head.nii.gz head_enhanced.nii.gz --figure head.png --report head.json",
        "diffusioncore enhance study_folder enhanced_folder --preset careful --uncertainty spread.nii.gz --resume",
    )
    parser.add_argument("input", nargs="+", type=Path, metavar="IN", help="scan: NIfTI, NRRD, MHA, DICOM folder")
    parser.add_argument("output", type=Path, metavar="OUT", help="result; without a suffix a folder (derived DICOM)")
    parser.add_argument("--resume", action="store_true", help="many scans: leave results that exist alone")
    add_options(parser, EnhanceOptions)
    add_options(parser, FileOptions)
    add_output_arguments(parser)
    given = parser.parse_intermixed_args(argv)
    options, files = options_from(given, EnhanceOptions), options_from(given, FileOptions)
    from ..tasks.many_scans import enhance_many, is_many, pair_up
    from ..tasks.scan_files import enhance_file
    from .folder_mode import collect, explanation, say_many

    with console_progress(given.quiet, given.json) as progress:
        if is_many(given.input, given.output):
            pairs = pair_up(given.input, given.output)
            outcomes = enhance_many(pairs, options, files, progress, resume=given.resume, explain=explanation)
            return say_many(collect(outcomes, len(pairs), given.output), given)
        reports = enhance_file(given.input[0], given.output, options, files, progress)
    say_one(reports, given)
    return 0


def say_one(reports: list[dict[str, Any]], given: argparse.Namespace) -> None:
    """The figures of one scan, or of the volumes of a 4D file, on stdout."""
    if given.json:
        print_json(reports[0] if len(reports) == 1 else reports)
        return
    for number, report in enumerate(reports):
        made = report["provenance"]
        if len(reports) > 1:
            print(f"{'' if number == 0 else chr(10)}volume {number}")
        print(f"{made['input']['modality']} ({made['input']['modality_reason']}), model {made['model']['name']}")
        print_table(("figure", "before", "after"), report_rows(report["figures"]))
        if "trust" in report:
            alarms = report["trust"]["alarms"]
            print("trust: " + ("look before you use it" if alarms else "nothing speaks against it"))
            for sentence in report["trust"]["words"]:
                print(f"  {'!' if sentence in alarms else '-'} {sentence}")
    if not given.quiet:
        for warning in dict.fromkeys(warning for report in reports for warning in report["warnings"]):
            print(f"warning: {warning}", file=sys.stderr)
        print(f"written: {given.output}", file=sys.stderr)
