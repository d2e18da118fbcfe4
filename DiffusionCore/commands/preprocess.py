"""`diffusioncore preprocess IN [IN ...] OUT`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..progress import Progress
from ..tasks.preprocess_options import PreprocessOptions, check_together
from .arguments import Parser, add_options, add_output_arguments, options_from
from .console import console_progress
from .tables import print_json

if TYPE_CHECKING:
    from ..volume import Volume


def main(argv: list[str]) -> int:
    """Scans to scans of one spacing, to patches for training, or to pictures of their slices."""
    parser = Parser(
        "preprocess",
        "Convert scans to one modality and spacing; or cut them into HDF5 patches; or make pictures of their slices.",
        "diffusioncore preprocess scans resampled --modality MR --spacing 1",
        "diffusioncore preprocess scans train.h5 --patches 64x64 --stride 32",
        "diffusioncore preprocess head.nii.gz pictures --slices png --axis coronal --window 0,900",
    )
    parser.add_argument("input", nargs="+", type=Path, metavar="IN", help="scans, or folders of scans")
    parser.add_argument("output", type=Path, metavar="OUT", help="scan, folder, .h5 file or .gif film")
    add_options(parser, PreprocessOptions)
    add_output_arguments(parser)
    given = parser.parse_intermixed_args(argv)
    options = options_from(given, PreprocessOptions)
    check_together(options)
    from ..tasks.many_scans import for_each, is_many, pair_up
    from ..tasks.preprocess import convert, picture_target
    from .folder_mode import collect, explanation, say_many

    with console_progress(given.quiet, given.json) as progress:
        if options.patches:
            return cut_patches(given, options, progress)
        if is_many(given.input, given.output):
            pairs = pair_up(given.input, given.output)
            pairs = [(source, picture_target(target, options)) for source, target in pairs]
            outcomes = for_each(
                pairs,
                lambda source, target, own: convert(source, target, options, own),
                progress,
                explain=explanation,
            )
            return say_many(collect(outcomes, len(pairs), given.output), given)
        warnings = convert(given.input[0], given.output, options, progress)
    say_written(given, warnings)
    return 0


def cut_patches(given: argparse.Namespace, options: PreprocessOptions, progress: Progress) -> int:
    """All scans into one HDF5 file that training reads (target: hdf5_patches)."""
    if find_spec("h5py") is None:
        raise UsageError("patches need h5py: pip install 'DiffusionCore[train]'")
    from ..tasks.many_scans import find_scans
    from ..tasks.preprocess import prepared
    from ..training.patches import write_patches
    from ..volume import check_no_input
    from ..volume.atomic import check_place
    from ..volume.formats import stem_of

    check_place(given.output.absolute(), options.overwrite)
    scans = [scan for path in given.input for scan in (find_scans(path) if path.is_dir() else [path])]
    check_no_input(given.output, scans)
    size = options.patches[::-1]
    stride = (options.stride or options.patches)[::-1]
    progress.stage("cut")

    def volumes() -> Iterator[tuple[str, Volume]]:
        names = set()
        for number, scan in enumerate(scans):
            progress.advance(number / len(scans))
            name = stem_of(scan)
            subject = name if name not in names else f"{name}_{number}"
            names.add(subject)
            yield subject, prepared(scan, options)

    write_patches(
        volumes(),
        given.output,
        size,
        stride if len(stride) == len(size) else stride * len(size),
        foreground=options.foreground,
        overwrite=options.overwrite,
    )
    progress.finish()
    say_written(given, [])
    return 0


def say_written(given: argparse.Namespace, warnings: list[str]) -> None:
    """Where the result is: on stdout for programs, else beside what is talked about."""
    if given.json:
        print_json({"output": given.output, "warnings": warnings})
    elif not given.quiet:
        for warning in warnings:
            print(f"warning: {warning}", file=sys.stderr)
        print(f"written: {given.output}", file=sys.stderr)
