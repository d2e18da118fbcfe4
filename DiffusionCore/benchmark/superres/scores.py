"""What is measured of a super-resolved scan: PSNR, SSIM, edge sharpness, consistency with the coarse scan."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from DiffusionCore.benchmark.rivals.other_work import disturbs
from DiffusionCore.benchmark.superres.cases import Case, Given
from DiffusionCore.benchmark.superres.methods import Method
from DiffusionCore.degradation import lowered
from DiffusionCore.metrics import (
    Blocks,
    blocks_of,
    edge_profile,
    evaluate,
    find_edges,
    rise_distance,
    tissue_mask,
    windowed,
)
from DiffusionCore.volume import Volume


@dataclass(frozen=True)
class Row:
    """One method on one scan; nan where there is no truth.

    window       of CT, in HU; None in MR
    rise_mm      distance over which edges of the truth rise from 10 to 90 % in the method's result
    consistency  RMS of (result made coarse again - coarse scan) in tissue, over the coarse scan's p99.5 there
    kind         as of `Method`
    seconds      of the run that made it; `others` the processors that other work took meanwhile, None where nobody tells
    hours        of training behind the method on this case; None where there is none, or nobody tells
    errors       squared errors over the squared data range, in blocks, for intervals; None without a truth
    """

    case: Case
    method: str
    title: str
    kind: str
    window: str
    psnr: float
    ssim: float
    rise_mm: float
    consistency: float
    seconds: float
    others: float | None = None
    hours: float | None = None
    errors: Blocks | None = field(default=None, compare=False)

    @property
    def disturbed(self) -> bool:
        """Whether `seconds` is longer than the method needs."""
        return disturbs(self.others)


def rows_of(
    scan: Given,
    method: Method,
    voxels: npt.NDArray[np.float32],
    seconds: float,
    others: float | None = None,
) -> list[Row]:
    """A row for each window of the modality (MR: one)."""
    of_method = {"case": scan.case, "method": method.name, "title": method.title, "kind": method.kind}
    of_run = {"seconds": seconds, "others": others, "hours": method.hours(scan.case)}
    agreement = consistency_of(scan, voxels)
    unknown = float("nan")
    if scan.truth is None:
        return [
            Row(**of_method, **of_run, window="", psnr=unknown, ssim=unknown, rise_mm=unknown, consistency=agreement)
        ]
    result = Volume(voxels, scan.truth.ijk_to_ras, scan.case.modality)
    rise = edge_rise(scan, voxels)
    tissue = tissue_mask(scan.truth.voxels, scan.case.modality)
    found = []
    for row in evaluate(result, scan.truth, tissue).rows:
        seen = [v if row.window is None else windowed(v, row.window) for v in (voxels, scan.truth.voxels)]
        found.append(
            Row(
                **of_method,
                **of_run,
                window="" if row.window is None else f"{row.window[0]:g} to {row.window[1]:g} HU".replace("-", "−"),
                psnr=row.psnr,
                ssim=row.ssim,
                rise_mm=rise,
                consistency=agreement,
                errors=blocks_of(((seen[0] - seen[1]) / np.float32(row.data_range)) ** 2, tissue),
            )
        )
    return found


def consistency_of(scan: Given, voxels: npt.NDArray[np.float32]) -> float:
    """RMS of (lowered(result) - coarse) in tissue over p99.5 of the coarse scan in tissue."""
    coarse = scan.coarse.voxels.astype(np.float32)
    tissue = tissue_mask(coarse, scan.case.modality)
    difference = (lowered(voxels, scan.axes) - coarse)[tissue]
    return float(np.sqrt(np.mean(np.square(difference, dtype=np.float64))) / np.percentile(coarse[tissue], 99.5))


def edge_rise(scan: Given, voxels: npt.NDArray[np.float32]) -> float:
    """mm from 10 to 90 % across the truth's strong edges, in planes that hold the axis that was coarse; nan without any."""
    # planes of (k, i) where only slices were thick, else the scan's own
    order = (1, 0, 2) if scan.case.factors[1] == 1 else (0, 1, 2)
    spacing = np.array(scan.truth.spacing)[list(order)][1:]
    edges = find_edges(scan.truth.voxels.transpose(order), spacing)
    profile = edge_profile(np.asarray(voxels).transpose(order), edges)
    return float("nan") if profile is None else rise_distance(profile.distance, profile.value)
