"""`diffusioncore classify IN [IN ...]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import PartialFailure, Refused
from ..tasks.classification.options import ClassifyFileOptions, ClassifyOptions
from .arguments import Parser, add_options, add_output_arguments, options_from
from .console import console_progress
from .tables import print_json, print_table

UNUSED = ("tile", "memory")  # a classifier's image is always computed at once


def main(argv: list[str]) -> int:
    """Say what scans, or structures in label maps, show."""
    parser = Parser(
        "classify",
        "Say what a scan, or the structure in a label map, shows, with probabilities, their spread and what they rest on. "
        "Exit code 7 where there is no answer, as the input is not what the model was made for. Not for clinical use.",
        "diffusioncore classify adrenal_mask.nii.gz --saliency saliency.nii.gz --regions regions.mrk.json",
        "diffusioncore classify t1_thigh.nii.gz --roi 120:160,80:120,14:22 --figure answer.png --report answer.json",
    )
    parser.add_argument("input", nargs="+", type=Path, metavar="IN", help="scan or label map; DICOM folder")
    add_options(parser, ClassifyOptions, *(name for name in ClassifyOptions.model_fields if name not in UNUSED))
    add_options(parser, ClassifyFileOptions)
    add_output_arguments(parser)
    given = parser.parse_args(argv)
    options, files = options_from(given, ClassifyOptions), options_from(given, ClassifyFileOptions)
    from ..tasks.classification.files import classify_files, report_of
    from .folder_mode import explanation

    with console_progress(given.quiet, given.json) as progress:
        found = classify_files(given.input, options, files, progress, explain=explanation)
    reports = [report_of(one, explanation) for one in found]
    if given.json:
        print_json(reports[0] if len(reports) == 1 else reports)
    elif len(reports) == 1:
        say_one(reports[0])
    else:
        print_table(("scan", "answer", "probability", "note"), map(row_of, reports))
    say_beside(reports, files, given)
    failed = sum("error" in report for report in reports)
    if failed:
        raise PartialFailure(f"{failed} of {len(reports)} scans failed: the table says why")
    if len(reports) == 1 and reports[0]["abstained"]:
        raise Refused(f"no answer: {reports[0]['abstained']}; --force to answer all the same")
    return 0


def say_one(report: dict) -> None:
    """One scan's classes with their probabilities; or where a search found something."""
    if report["probabilities"]:
        print(f"{report['answer']}  (model {report['provenance']['model']['name']})")
        rows = [
            (name, p["probability"], *p["samples 5 to 95 %"]) for name, p in sorted(report["probabilities"].items())
        ]
        print_table(("class", "probability", "5 % of samples", "95 %"), rows)
        if "contour" in report:
            print(f"the first region {'meets' if report['contour']['first region meets it'] else 'misses'} the contour")
    elif not report["abstained"]:
        rows = [(r["label"], r["note"], *(round(x, 1) for x in r["centre_ras_mm"])) for r in report["regions"]]
        print_table(("place", "what", "R mm", "A mm", "S mm"), rows or [("none", "", "", "", "")])


def row_of(report: dict) -> tuple[str, str, object, str]:
    """A scan's row in the table of many."""
    answer = report.get("answer") or ""
    said = report.get("probabilities", {}).get(answer, {}).get("probability", "")
    return report["scan"], answer, said, report.get("error") or report.get("abstained") or ""


def say_beside(reports: Sequence[dict], files: ClassifyFileOptions, given: argparse.Namespace) -> None:
    """Warnings, and what was written, on stderr."""
    if given.quiet:
        return
    for warning in dict.fromkeys(w for report in reports for w in report.get("warnings", ())):
        print(f"warning: {warning}", file=sys.stderr)
    for path in files.outputs().values():
        if path.exists():
            print(f"written: {path}", file=sys.stderr)
