"""What `benchmark denoise` runs on: every case as a line of data. Test subjects judge, validation subjects tune."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from DiffusionCore.benchmark.packaged_scan import MNI_HEAD

Kind = Literal["rician", "input_psnr", "low_dose", "pair", "real"]

MR_CROP = (96, 128, 128)
CT_CROP = (32, 224, 224)  # as many voxels as MR's: thick slices, wide bodies
MR_LEVELS = (0.02, 0.03, 0.05, 0.09)
CT_DOSES = (0.25, 0.10, 0.05)
S0_INPUT_PSNR = 28.4


@dataclass(frozen=True)
class Case:
    """One scan at one noise level.

    table     the table it belongs to
    subject   whose scan it is; several contrasts of one subject are told apart after a slash
    file      path under the data root; with `packaged` one that begins with the installed package it is part of
    kind      rician: noise of `level` (a fraction of the 99.5th percentile) is added
              input_psnr: Rician noise such that the input has a PSNR of `level` dB
              low_dose: CT projected at the fraction `level` of its dose
              pair: a noisy scan as it is, with `reference`, a better one of the same object on the same grid
              real: a noisy scan as it is, without truth
    own       the scan's own noise as the data's index has it: fraction of the 99.5th percentile (MR), HU (CT)
    centre    (k, j, i) that the crop is centred on; None: the middle of the grid
    slices    (first, end) of the file's slices that are this subject's, `slice_mm` apart; None: all, as the file says
    """

    table: str
    subject: str
    file: str
    modality: Literal["MR", "CT"]
    kind: Kind
    level: float = 0.0
    own: float = 0.0
    reference: str = ""
    centre: tuple[int, int, int] | None = None
    packaged: bool = False
    slices: tuple[int, int] | None = None
    slice_mm: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.subject} {self.label}".strip()

    @property
    def label(self) -> str:
        """The noise level, for a person."""
        return {
            "rician": f"{self.level:.0%}",
            "input_psnr": f"input {self.level:.1f} dB",
            "low_dose": f"dose {self.level:.0%}",
            "pair": "sharp kernel",
            "real": "as scanned",
        }[self.kind]

    @property
    def has_truth(self) -> bool:
        return self.kind in ("rician", "input_psnr", "low_dose")


MR_ORIGIN, MR_S0 = "MR, training origin", "MR, input at 28.4 dB"
MR_AVERAGE, MR_SLICES = "MR, average of 152 heads", "MR, slices of eight more subjects"
MR_OTHER, CT_DOSE = "MR, other origins and contrasts", "CT, simulated dose"
CT_PAIR, REAL = "CT, phantom with two kernels", "Real noise"

PARTS = {
    "mr": MR_ORIGIN,
    "mr-average": MR_AVERAGE,
    "mr-28dB": MR_S0,
    "mr-slices": MR_SLICES,
    "mr-other": MR_OTHER,
    "ct": CT_DOSE,
    "phantom": CT_PAIR,
    "real": REAL,
}
"""Names of the tables on the command line."""

# subject, file, own noise
_MR_HEADS = (
    ("sub-18", "mr/brain_t1/ds002748_sub-18_T1w.nii.gz", 0.0127),
    ("sub-46", "mr/brain_t1/ds002748_sub-46_T1w.nii.gz", 0.0123),
)
_MR_OTHERS = (
    ("eun", "mr/brain_t1/fnndsc_eun_T1w.nii.gz", 0.0055),
    ("p19/T1", "mr/brain_multi/openms_p19_T1.nii.gz", 0.0259),
    ("p19/T2", "mr/brain_multi/openms_p19_T2.nii.gz", 0.0419),
    ("p19/FLAIR", "mr/brain_multi/openms_p19_FLAIR.nii.gz", 0.0417),
)
_MR_SLICES = (
    "sub-22",
    "sub-49",
    "sub-10",
    "sub-60",
    "sub-69",
    "sub-24",
    "sub-12",
    "sub-40",
)  # 25 of each, in this order
_CT_BODIES = (
    ("CRLM-1004 abdomen", "ct/crlm_1004_abdomen.nii.gz", 9.0),
    ("STS-045 extremity", "ct/sts_045_extremity.nii.gz", 14.4),
    ("STS-049 extremity", "ct/sts_049_extremity.nii.gz", 5.5),
    ("STS-051 extremity", "ct/sts_051_extremity.nii.gz", 8.4),
    ("TotalSegmentator abdomen", "ct/totalseg_example_abdomen3mm.nii.gz", 12.8),
)
_REAL = (
    ("ds000002 sub-07", "mr/brain_t1/ds000002_sub-07_T1w.nii.gz", "MR"),
    ("CMB-CRC chest", "ct/noisy_cmb_crc_01068_chest_lungkernel.nii.gz", "CT"),
    ("CPTAC-PDA abdomen", "ct/noisy_cptac_pda_00189_abdomen_lungkernel.nii.gz", "CT"),
    ("NY-SBU chest", "ct/noisy_ny_sbu_A056396_chest_lungkernel.nii.gz", "CT"),
)

TEST_CASES: tuple[Case, ...] = (
    *(Case(MR_ORIGIN, s, file, "MR", "rician", level, own) for level in MR_LEVELS for s, file, own in _MR_HEADS),
    # Where the heads' own noise hides who is better, a head without any decides.
    *(Case(MR_AVERAGE, "MNI152", MNI_HEAD, "MR", "rician", level, packaged=True) for level in (0.02, 0.03)),
    *(Case(MR_S0, s, file, "MR", "input_psnr", S0_INPUT_PSNR, own) for s, file, own in _MR_HEADS),
    *(
        Case(
            MR_SLICES,
            s,
            "mr/slices2d/brain_t1_axial2d_test.nii.gz",
            "MR",
            "rician",
            0.05,
            0.0129,
            slices=(25 * n, 25 * (n + 1)),
            slice_mm=2.8,
        )
        for n, s in enumerate(_MR_SLICES)
    ),
    *(Case(MR_OTHER, s, file, "MR", "rician", 0.09, own) for s, file, own in _MR_OTHERS),
    *(Case(CT_DOSE, s, file, "CT", "low_dose", dose, own) for dose in CT_DOSES for s, file, own in _CT_BODIES),
    Case(
        CT_PAIR,
        "phantom",
        "ct/phantom_philips_head_bone1mm.nii.gz",
        "CT",
        "pair",
        own=20.8,
        reference="ct/phantom_philips_head_soft1mm.nii.gz",
        centre=(8, 255, 154),  # the disc of soft-tissue plastic
    ),
    *(Case(REAL, s, file, modality, "real") for s, file, modality in _REAL),
)

_MR_VALIDATION = (
    ("sub-26", "mr/brain_t1/ds002748_sub-26_T1w.nii.gz", 0.0105),
    ("sub-32", "mr/brain_t1/ds002748_sub-32_T1w.nii.gz", 0.0129),
)
_CT_VALIDATION = (
    ("STS-035 extremity", "ct/sts_035_extremity.nii.gz", 13.6),
    ("STS-042 extremity", "ct/sts_042_extremity.nii.gz", 11.1),
    ("STS-043 extremity", "ct/sts_043_extremity.nii.gz", 12.7),
)

VALIDATION_CASES: tuple[Case, ...] = (
    *(Case("MR tuning", s, file, "MR", "rician", level, own) for level in MR_LEVELS for s, file, own in _MR_VALIDATION),
    *(Case("CT tuning", s, file, "CT", "low_dose", dose, own) for dose in CT_DOSES for s, file, own in _CT_VALIDATION),
)
