"""`diffusioncore evaluate SCAN --reference CLEAN` or `--original NOISY`."""

from __future__ import annotations

import sys
from pathlib import Path

from ..errors import InputError, UsageError
from ..report.rows import before_and_after
from .arguments import Parser, add_output_arguments
from .console import console_progress
from .tables import print_json, print_table


def main(argv: list[str]) -> int:
    """Figures of a scan against a clean reference, or of an enhanced scan beside its original."""
    parser = Parser(
        "evaluate",
        "Compare a scan with a clean reference (PSNR, SSIM, MAE, RMSE, SNR in dB); or an enhanced scan with its noisy "
        "original, by what needs no reference (noise, SNR, CNR, edges, mean).",
        "diffusioncore evaluate head_enhanced.nii.gz --reference head_clean.nii.gz --mask brain.nii.gz",
        "diffusioncore evaluate head_enhanced.nii.gz --original head.nii.gz --json",
    )
    parser.add_argument("scan", type=Path, metavar="SCAN", help="the scan to be judged")
    parser.add_argument("--reference", type=Path, metavar="PATH", help="the same scan without noise")
    parser.add_argument("--original", type=Path, metavar="PATH", help="the scan before it was enhanced")
    parser.add_argument("--mask", type=Path, metavar="PATH", help="label map; with --reference: only where it is not 0")
    parser.add_argument("--series", metavar="SERIES", help="number or UID, for DICOM folders that hold several series")
    parser.add_argument("--frame", type=int, metavar="N", help="which volume, from 0, of scans that hold several")
    parser.add_argument("--modality", choices=("CT", "MR"), help="if it cannot be told from the scan")
    parser.add_argument("--data-range", type=float, metavar="VALUE", help="of PSNR and SSIM; default: by modality")
    add_output_arguments(parser)
    given = parser.parse_intermixed_args(argv)
    if (given.reference is None) == (given.original is None):
        raise UsageError("give either --reference, a clean scan, or --original, the noisy one")
    if given.original is not None and (given.mask is not None or given.data_range is not None):
        raise UsageError("--mask and --data-range go with --reference")
    from ..metrics import evaluate, evaluate_without_reference
    from ..tasks.enhance import same_grid
    from ..tasks.scan_files import read_mask
    from ..volume import read_volume

    with console_progress(given.quiet, given.json) as progress:
        progress.stage("read")
        # A result and its original need not both hold several series or volumes.
        which = {"series": given.series, "frame": given.frame, "if_several": True}
        other = read_volume(given.reference or given.original, modality=given.modality, **which)
        scan = read_volume(given.scan, modality=given.modality, **which)
        if {scan.modality, other.modality} == {"CT", "MR"}:
            raise InputError(
                f"{given.scan.name} is {scan.modality}, and what it is compared with is {other.modality}; if that was "
                "told wrongly from their values, --modality says what both are"
            )
        other = same_grid(scan, other, "reference" if given.reference else "original")
        mask = read_mask(given.mask, scan) if given.mask else None
        progress.stage("figures")
        if given.reference:
            figures = evaluate(scan, other, mask=mask, data_range=given.data_range).as_dict()
        else:
            figures = evaluate_without_reference(other, scan).as_dict()
        progress.finish()
    if given.json:
        print_json({"modality": other.modality, "figures": figures})
        return 0
    note = figures.pop("note", "")
    if given.reference:
        print_table(("figure", "value"), figures.items())
    else:
        print_table(("figure", "before", "after"), before_and_after(figures))
    if note and not given.quiet:
        print(note, file=sys.stderr)
    return 0
