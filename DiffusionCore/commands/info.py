"""`diffusioncore info [SCAN] [--check]`."""

from __future__ import annotations

import argparse
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..errors import ModelError
from ..progress import Progress
from ..report.words import leaves
from ..tasks.options import EnhanceOptions
from .arguments import Parser, add_options, add_output_arguments, options_from
from .console import console_progress
from .tables import print_json, print_table

if TYPE_CHECKING:
    from ..tasks.inspect_scan import ScanFacts

LIBRARIES = ("torch", "numpy", "scipy", "nibabel", "SimpleITK", "pydicom", "scikit-image", "matplotlib", "safetensors")
ASKED = ("model", "modality", "preset", "sigma", "steps", "samples", "device", "threads", "memory", "tile", "force")


def main(argv: list[str]) -> int:
    """Without a scan: versions, devices, models. With one: what it is, and what would be done to it."""
    parser = Parser(
        "info",
        "Say what is installed; or what a scan is, its noise, and what enhance would do to it.",
        "diffusioncore info",
        "diffusioncore info head.nii.gz --check",
    )
    parser.add_argument("scan", nargs="?", type=Path, metavar="SCAN", help="scan to look at; nothing is changed")
    parser.add_argument(
        "--check", action="store_true", help="verify the models; with a scan fail as enhance would, with its exit code"
    )
    parser.add_argument("--series", help="DICOM series: number or UID")
    parser.add_argument("--frame", type=int, help="volume of a 4D file, from 0")
    add_options(parser, EnhanceOptions, *ASKED)
    add_output_arguments(parser)
    given = parser.parse_intermixed_args(argv)
    options = options_from(given, EnhanceOptions)
    from ..tasks.inspect_scan import ScanFacts, inspect_scan

    with console_progress(given.quiet, given.json) as progress:
        found = ScanFacts(installed(options.device))
        if given.scan is not None:
            found = inspect_scan(given.scan, options, progress, series=given.series, frame=given.frame)
        if given.check:
            check_models(progress)
    show(found, given)
    if given.check and found.problem is not None:
        raise found.problem
    return 0


def installed(device: str) -> dict[str, Any]:
    """Versions, devices and models of this machine."""
    import torch

    from ..inference import choose_device, choose_dtype, devices_here, free_memory
    from ..models import list_models

    chosen = choose_device(device)
    return {
        "versions": {
            "DiffusionCore": __version__,
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            **{name: version_of(name) for name in LIBRARIES},
        },
        "devices": devices_here(),
        "device": str(chosen),
        "bfloat16": choose_dtype(chosen) == torch.bfloat16,
        "threads": torch.get_num_threads(),
        "free_GiB": round(free_memory(chosen) / 2**30, 1),
        "models": {card.name: f"{card.task} {card.modality}, version {card.version}" for card, _ in list_models()},
    }


def version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def check_models(progress: Progress) -> None:
    """Raises `ModelError` if an installed model is not what its card says, or there is none."""
    from ..models import installed_folders, verify_model

    folders = installed_folders()
    if not folders:
        raise ModelError("no model is installed; add one with: diffusioncore models add FOLDER")
    progress.stage("verify models")
    for number, folder in enumerate(folders):
        verify_model(folder)
        progress.advance((number + 1) / len(folders))
    progress.finish()


def show(found: ScanFacts, given: argparse.Namespace) -> None:
    """The facts on stdout; why a scan would be refused is one of them."""
    if given.json:
        problem = found.problem and {"error": str(found.problem), "exit_code": found.problem.exit_code}
        print_json({**found.facts, "warnings": found.warnings, "problem": problem})
        return
    facts = dict(found.facts)
    series = facts.pop("series", [])
    rows = leaves(facts)
    if found.problem is not None:
        rows.append(("would be refused", str(found.problem)))
    print_table(("fact", "value"), rows)
    if series:
        print()
        print_table(tuple(series[0]), [tuple(one.values()) for one in series])
    if not given.quiet:
        for warning in found.warnings:
            print(f"warning: {warning}", file=sys.stderr)
