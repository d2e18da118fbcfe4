"""`diffusioncore demo [SCAN]`: the whole story in a minute, on a scan whose truth is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, UsageError
from ..tasks.options import MAX_SEED
from .arguments import Parser, add_output_arguments
from .console import console_progress
from .tables import print_table

if TYPE_CHECKING:
    import numpy as np

    from ..volume import Volume

NOISE = 0.05  # of the 99.5th percentile (MR)
CT_NOISE = 25.0  # HU
CROP = 96
RESULTS = ("demo_noisy.nii.gz", "demo_enhanced.nii.gz", "demo.png", "demo.json")


def main(argv: list[str]) -> int:
    """Add noise to a clean scan, enhance it, and compare with the truth and with non-local means."""
    parser = Parser(
        "demo",
        "Takes a scan as the truth (by default nilearn's MNI152 head), adds seeded noise, enhances it, and says how "
        "near the result comes, beside non-local means. PSNR and SSIM on one central 96³ crop.",
        "diffusioncore demo head.nii.gz --out out",
    )
    parser.add_argument("input", nargs="?", type=Path, metavar="SCAN", help="a clean scan of your own")
    parser.add_argument("--out", type=Path, default=Path("out"), metavar="FOLDER", help="default: out")
    parser.add_argument("--seed", type=int, default=0, help="of the added noise")
    add_output_arguments(parser)
    given = parser.parse_args(argv)
    if not 0 <= given.seed <= MAX_SEED:
        raise UsageError(f"--seed must be 0 to {MAX_SEED}, got {given.seed}")
    from ..volume import check_no_input, read_volume
    from ..volume.atomic import check_makeable

    check_makeable(given.out)
    for name in RESULTS if given.input else ():
        check_no_input(given.out / name, [given.input])

    with console_progress(given.quiet, given.json) as progress:
        truth = read_volume(given.input) if given.input else mni_head()
        noisy, sigma = with_noise(truth, given.seed)
        from ..tasks.enhance import enhance

        result = enhance(noisy, progress=progress)
        progress.stage("compare")
        rows = compare(truth, noisy, result.volume, sigma)
        progress.stage("write")
        paths = write_all(given.out, noisy, result, rows)
        progress.finish()
    if given.json:
        print(json.dumps({"rows": rows, "files": [str(path) for path in paths]}))
        return 0
    source = given.input.name if given.input else "MNI152 head (an average of 152 scans: smooth, an easy case)"
    print(f"{source}, noise of {sigma:.3g} added (measured: {result.noise.sigma:.3g})")
    print_table(("central 96³ crop", "PSNR dB", "SSIM", "seconds"), [tuple(row.values()) for row in rows])
    print("seconds: ours for the whole scan, non-local means for the crop alone")
    for path in paths:
        print(path)
    return 0


def mni_head() -> Volume:
    """The MNI152 T1 average that is part of nilearn."""
    from ..benchmark.packaged_scan import MNI_HEAD, packaged_scan
    from ..volume import read_volume

    return read_volume(packaged_scan(MNI_HEAD), modality="MR")


def with_noise(truth: Volume, seed: int) -> tuple[Volume, float]:
    """The scan with Rician (MR) or Gaussian (CT) noise, as float32, and its sigma in the scan's units."""
    import numpy as np

    from ..degradation import gaussian, rician
    from ..volume.intensity import normalisation_for

    clean = truth.voxels.astype(np.float32)
    rng = np.random.default_rng(seed)
    if truth.modality == "CT":
        return truth.with_voxels(gaussian(clean, rng, CT_NOISE).voxels), CT_NOISE
    if truth.modality != "MR":
        raise InputError("the demo takes a CT or MR scan")
    sigma = NOISE * normalisation_for(truth, "p99.5").scale
    return truth.with_voxels(rician(np.maximum(clean, 0), rng, sigma).voxels), sigma


def compare(truth: Volume, noisy: Volume, enhanced: Volume, sigma: float) -> list[dict[str, Any]]:
    """PSNR and SSIM of the noisy scan, of non-local means and of ours on the central crop."""
    import time

    import numpy as np

    from ..benchmark.rivals import NoisyScan, rival
    from ..metrics import data_range, psnr, ssim, tissue_mask
    from ..volume.intensity import normalisation_for

    middle = tuple(slice(max((s - CROP) // 2, 0), max((s - CROP) // 2, 0) + CROP) for s in truth.shape)
    reference = truth.voxels[middle].astype(np.float32)
    mask, span = tissue_mask(truth.voxels, truth.modality)[middle], data_range(truth.voxels, truth.modality)
    scale = normalisation_for(truth, "hu" if truth.modality == "CT" else "p99.5").scale

    method = rival("nlm-skimage")
    scan = NoisyScan(noisy.voxels[middle] / np.float32(scale), sigma / scale, truth.modality, truth.spacing)
    started = time.perf_counter()
    means = method.run(scan, **method.defaults) * np.float32(scale)
    seconds = time.perf_counter() - started

    def row(name: str, image: np.ndarray, spent: float | None) -> dict[str, Any]:
        return {
            "what": name,
            "psnr": round(float(psnr(image, reference, span, mask)), 2),
            "ssim": round(float(ssim(image, reference, span, mask)), 4),
            "seconds": None if spent is None else round(spent, 1),
        }

    return [
        row("noisy", noisy.voxels[middle], None),
        row("non-local means", means, seconds),
        row("enhanced", enhanced.voxels[middle].astype(np.float32), None),
    ]


def write_all(out: Path, noisy: Volume, result: Any, rows: list[dict[str, Any]]) -> list[Path]:
    """The noisy and the enhanced scan, the figure and the report."""
    from ..report import write_figure, write_json
    from ..tasks.scan_files import report_of
    from ..volume import write_volume
    from ..volume.atomic import make_folder

    noisy_scan, enhanced_scan, figure, report = (make_folder(out) / name for name in RESULTS)
    spent = result.provenance["seconds"]
    rows[-1]["seconds"] = round(sum(spent.values()), 1)
    return [
        write_volume(noisy, noisy_scan, overwrite=True),
        write_volume(result.volume, enhanced_scan, overwrite=True),
        write_figure(figure, noisy, result.volume, title="added noise removed", overwrite=True),
        write_json(report, {"compared": rows, **report_of(result)}, overwrite=True),
    ]
