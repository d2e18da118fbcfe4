"""`diffusioncore enhance IN [IN ...] OUT`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import PartialFailure
from ..tasks.options import EnhanceOptions
from ..tasks.scan_files import (
    FAILED,
    FileOptions,
    Outcome,
    enhance_file,
    enhance_many,
    is_many,
    pair_up,
    report_of,
    write_outcomes,
)
from .arguments import Parser, add_options, add_output_arguments, options_from
from .console import console_progress
from .tables import print_table


def main(argv: list[str]) -> int:
    """Enhance one scan, or many into a folder."""
    parser = Parser(
        "enhance",
        "Remove noise from a CT or MR scan; from many, if several or a folder are given, into a folder.",
        "diffusioncore enhance head.nii.gz head_enhanced.nii.gz --figure head.png --report head.json",
    )
    parser.add_argument("input", nargs="+", type=Path, metavar="IN", help="scan: NIfTI, NRRD, MHA, DICOM folder")
    parser.add_argument("output", type=Path, metavar="OUT", help="result; without a suffix a folder (derived DICOM)")
    parser.add_argument("--resume", action="store_true", help="many scans: leave results that exist alone")
    add_options(parser, EnhanceOptions)
    add_options(parser, FileOptions)
    add_output_arguments(parser)
    given = parser.parse_args(argv)
    options, files = options_from(given, EnhanceOptions), options_from(given, FileOptions)
    with console_progress(given.quiet, given.json) as progress:
        if is_many(given.input):
            pairs = pair_up(given.input, given.output)
            outcomes = list(enhance_many(pairs, options, files, progress, resume=given.resume))
        else:
            results = enhance_file(given.input[0], given.output, options, files, progress)
            say_one(results[0], given.output, given.json, given.quiet)
            return 0
    return say_many(outcomes, given.output, given.json)


def say_one(result: Any, target: Path, as_json: bool, quiet: bool) -> None:
    """The result's figures on stdout."""
    if as_json:
        from ..report.page import plain

        print(json.dumps(plain(report_of(result)), allow_nan=False))
        return
    rows = []
    for name, figure in result.metrics["without_reference"].items():
        rows.append((name, figure))
    for when, figures in result.metrics.get("reference", {}).items():
        rows += [(f"{when} {name}", value) for name, value in figures.items()]
    print_table(("figure", "value"), rows)
    for warning in result.warnings:
        print(f"warning: {warning}")
    print(f"written: {target}")


def say_many(outcomes: list[Outcome], out: Path, as_json: bool) -> int:
    """The table of many scans on stdout and as report.csv. Raises `PartialFailure` if any failed."""
    write_outcomes(outcomes, out / "report.csv")
    if as_json:
        print(json.dumps([{**vars(o), "source": str(o.source), "target": str(o.target)} for o in outcomes]))
    else:
        print_table(
            ("scan", "status", "seconds", "message"),
            [(o.source.name, o.status, f"{o.seconds:.1f}", o.message) for o in outcomes],
        )
    failed = sum(o.status == FAILED for o in outcomes)
    if failed:
        raise PartialFailure(f"{failed} of {len(outcomes)} scans failed; see {out / 'report.csv'}")
    return 0
