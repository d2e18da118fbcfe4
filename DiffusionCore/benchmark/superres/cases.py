"""The test scans of super-resolution, and how each is made coarse."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from DiffusionCore.benchmark.denoise.cases import MR_SLICES as DENOISED_SLICES
from DiffusionCore.benchmark.denoise.cases import TEST_CASES as DENOISED
from DiffusionCore.degradation import (
    AxisLowering,
    axis_lowering,
    downsample_kspace,
    lowered,
    thick_slices,
)
from DiffusionCore.degradation.kspace import cropping_matrix, zero_filling_matrix
from DiffusionCore.errors import InputError
from DiffusionCore.volume import Volume, read_header, read_volume
from DiffusionCore.volume.geometry import crop

MR_ORIGIN = "MR ×2, training origin"
MR_OTHER = "MR ×2, other origins and contrasts"
MR_SLICES = "MR ×2 in the plane, slices of eight more subjects"
MR_FOUR = "MR ×4 (×2 then ×2)"
MR_SPLINE = "MR ×4 (×2 then ×2), spline pairs"
MR_THICK = "MR 4 → 1 mm through the plane"
CT_ALL = "CT ×2, all axes"
CT_PLANE = "CT ×2, in the plane"
REAL = "real thick slices"
PARTS = MappingProxyType(
    {
        "mr": MR_ORIGIN,
        "mr-other": MR_OTHER,
        "mr-slices": MR_SLICES,
        "mr-four": MR_FOUR,
        "mr-spline": MR_SPLINE,
        "mr-thick": MR_THICK,
        "ct": CT_ALL,
        "ct-plane": CT_PLANE,
        "real": REAL,
    }
)


@dataclass(frozen=True)
class Case:
    """One scan and what is done to it.

    way      `kspace`: truncated and cropped as a scanner would (its own Fourier transform, not ours of mirrored ends)
             `slices`: thick slices of a Gaussian profile; `voxels`: Gaussian means of about a voxel's width
             `spline`: a cubic spline read at the coarse voxels, with no filter (S2)
             `real`: given as it is, without a truth; its slices are taken to touch
    factors  along (k, j, i)
    slices   (first, end) of the file's slices that are this subject's, `slice_mm` apart; None: all, as the file says
    """

    table: str
    subject: str
    file: str
    modality: str
    way: str
    factors: tuple[int, int, int]
    slices: tuple[int, int] | None = None
    slice_mm: float = 0.0


@dataclass(frozen=True, eq=False)
class Given:
    """What every method gets: `coarse`, and the fine grid as `truth` (None for a real scan); `axes` is how coarse comes
    of fine."""

    case: Case
    coarse: Volume
    truth: Volume | None
    axes: tuple[AxisLowering | None, ...]

    @property
    def fine_voxels(self) -> int:
        return math.prod((*self.coarse.shape, *self.case.factors))


def _head(table: str, way: str, factors: tuple[int, int, int], *names: tuple[str, str]) -> tuple[Case, ...]:
    return tuple(Case(table, subject, f"mr/{file}.nii.gz", "MR", way, factors) for subject, file in names)


_ORIGIN = (("sub-18", "brain_t1/ds002748_sub-18_T1w"), ("sub-46", "brain_t1/ds002748_sub-46_T1w"))
_OTHER = (
    ("eun", "brain_t1/fnndsc_eun_T1w"),
    ("p19/T1", "brain_multi/openms_p19_T1"),
    ("p19/T2", "brain_multi/openms_p19_T2"),
    ("p19/FLAIR", "brain_multi/openms_p19_FLAIR"),
)
TEST_CASES: tuple[Case, ...] = (
    *_head(MR_ORIGIN, "kspace", (2, 2, 2), *_ORIGIN),
    *_head(MR_OTHER, "kspace", (2, 2, 2), *_OTHER),
    *(
        Case(MR_SLICES, each.subject, each.file, "MR", "kspace", (1, 2, 2), each.slices, each.slice_mm)
        for each in DENOISED
        if each.table == DENOISED_SLICES
    ),
    *_head(MR_FOUR, "kspace", (4, 4, 4), *_ORIGIN),
    *_head(MR_SPLINE, "spline", (4, 4, 4), *_ORIGIN),
    *_head(MR_THICK, "slices", (4, 1, 1), *_ORIGIN, _OTHER[0]),
    *(
        Case(CT_ALL, f"STS {number}", f"ct/sts_{number}_extremity.nii.gz", "CT", "voxels", (2, 2, 2))
        for number in ("045", "049", "051")
    ),
    Case(CT_ALL, "abdomen 3 mm", "ct/totalseg_example_abdomen3mm.nii.gz", "CT", "voxels", (2, 2, 2)),
    Case(CT_PLANE, "CRLM 1004", "ct/crlm_1004_abdomen.nii.gz", "CT", "voxels", (1, 2, 2)),
    Case(CT_PLANE, "head phantom", "ct/phantom_philips_head_soft1mm.nii.gz", "CT", "voxels", (1, 2, 2)),
    *_head(REAL, "real", (3, 1, 1), ("p12/T1W, 3 mm", "brain_2dthick/openmsL_p12_T1W")),
    *_head(REAL, "real", (5, 1, 1), ("p12/T2W, 3.3 mm", "brain_2dthick/openmsL_p12_T2W")),
)


def stem(table: str) -> str:
    """A table's name as part of a file's."""
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in table.lower().replace("×", "x"))
    return "-".join(part for part in kept.split("-") if part)


def picture_name(case: Case) -> str:
    """The file that shows the case: one picture a table; of scans without a truth one each."""
    return f"superres-{stem(f'{case.table} {case.subject}' if case.way == 'real' else case.table)}.png"


def scan_of(case: Case, root: Path) -> Path:
    """The case's file under `root`. Raises `InputError` if it is not there."""
    path = root / case.file
    if not path.is_file():
        raise InputError(f"{path.name} is not in the data folder; the benchmark needs the scans of its index")
    return path


def fine_voxels(case: Case, root: Path) -> int:
    """About how many voxels the case's result has, by the file's header."""
    shape = read_header(scan_of(case, root)).shape
    size = math.prod(shape if case.slices is None else (case.slices[1] - case.slices[0], *shape[1:]))
    return size * math.prod(case.factors) if case.way == "real" else size


def given(case: Case, root: Path, size: tuple[int, int, int] | None = None) -> Given:
    """Read the case's scan under `root`, cut it to whole coarse voxels (and to `size` fine ones about its middle, if
    given), and make it coarse. Raises `InputError` if the scan is not there."""
    scan = read_volume(scan_of(case, root), modality=case.modality)
    if case.slices is not None:
        apart = np.diag([1.0, 1.0, case.slice_mm / scan.spacing[0], 1.0])
        scan = Volume(scan.voxels[slice(*case.slices)], scan.ijk_to_ras @ apart, case.modality)
    if case.way == "real":
        coarse = _middle(scan, size, (1, 1, 1))
        axes = tuple(
            axis_lowering(n * f, f, "profile") if f > 1 else None
            for n, f in zip(coarse.shape, case.factors, strict=True)
        )
        return Given(case, coarse, None, axes)
    truth = _middle(scan, size, case.factors)
    fine = truth.voxels.astype(np.float32)
    axes = tuple(_axis(n, f, case.way) for n, f in zip(fine.shape, case.factors, strict=True))
    if case.way == "kspace":
        voxels = downsample_kspace(fine, np.random.default_rng(0), case.factors, magnitude=True).voxels
    elif case.way == "slices":
        step = float(case.factors[0])
        voxels = thick_slices(fine, None, axis=0, spacing_mm=1.0, thickness_mm=step).voxels
    else:
        voxels = lowered(fine, axes)
    factors = np.array(case.factors, float)
    matrix = truth.ijk_to_ras.copy()
    matrix[:3, 3] += matrix[:3, :3] @ ((factors - 1) / 2)[::-1]
    matrix[:3, :3] *= factors[::-1]
    return Given(case, Volume(voxels, matrix, case.modality), Volume(fine, truth.ijk_to_ras, case.modality), axes)


def _axis(size: int, factor: int, way: str) -> AxisLowering | None:
    if factor == 1:
        return None
    if way != "kspace":
        return axis_lowering(size, factor, "spline" if way == "spline" else "profile")
    return AxisLowering(factor, cropping_matrix(size, factor), zero_filling_matrix(size // factor, factor, size))


def _middle(scan: Volume, size: tuple[int, int, int] | None, multiple: tuple[int, int, int]) -> Volume:
    """The middle of a scan: all of it, or `size`, in multiples of `multiple`."""
    region = []
    for length, wanted, step in zip(scan.shape, size or scan.shape, multiple, strict=True):
        extent = min(length, wanted) // step * step
        start = (length - extent) // 2
        region.append(slice(start, start + extent))
    return crop(scan, region)
