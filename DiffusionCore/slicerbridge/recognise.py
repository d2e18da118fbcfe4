"""What a volume node is, told at once: modality and why, grid, and what speaks against working on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
from slicer import util

from ..volume.modality import guess_modality, named_kind
from .overlays import ijk_to_ras

LOOKED_AT = 1 << 21  # voxels; some ten milliseconds
DICOM_UIDS = "DICOM.instanceUIDs"
MODALITY_TAG = "0008,0060"
MAP = "DiffusionCore.mapOf"  # attribute of a volume node that shows something about a result: what, in words
DICOM_KINDS = ("CT", "MR")


@dataclass(frozen=True)
class ScanLook:
    """What can be told of a scan without reading all of it.

    modality  CT, MR, LABEL or OTHER; `reason` says how it is known
    shape     (K, J, I); `spacing` in the same order, mm
    problem   why it cannot be worked on, and what to do; "" if it can
    """

    modality: str
    reason: str
    shape: tuple[int, ...]
    spacing: tuple[float, float, float]
    problem: str = ""

    @property
    def unit(self) -> str:
        """Of the voxels' values."""
        return "HU" if self.modality == "CT" else "grey levels"

    @property
    def single_slice(self) -> bool:
        """Whether it has but one voxel along an axis."""
        return bool(self.shape) and min(self.shape) == 1

    @property
    def voxels(self) -> int:
        """How many there are."""
        return int(np.prod(self.shape)) if self.shape else 0

    def in_words(self) -> str:
        """One line for a person."""
        if self.problem:
            return self.problem
        size = "×".join(str(n) for n in reversed(self.shape))
        place = "×".join(f"{mm:.3g}" for mm in reversed(self.spacing))
        return f"{self.modality} ({self.reason}), {size} voxels of {place} mm"


def look_at(node: Any, stated: str = "") -> ScanLook:
    """Look at a volume node; `stated` is the modality that a person says it has. Never raises, never takes long."""
    if node.GetImageData() is None or 0 in node.GetImageData().GetDimensions():
        return ScanLook("OTHER", "", (), (1.0, 1.0, 1.0), "This volume has no voxels; load or create some first.")
    voxels = voxels_of(node)
    shape = tuple(voxels.shape)
    lengths = np.linalg.norm(ijk_to_ras(node)[:3, :3], axis=0)
    spacing = (float(lengths[2]), float(lengths[1]), float(lengths[0]))
    modality, reason = (stated, "as you say") if stated else modality_of(node, voxels)
    return ScanLook(modality, reason, shape, spacing, problem_of(node, voxels, modality, reason))


def modality_of(node: Any, voxels: np.ndarray) -> tuple[str, str]:
    """(modality, how it is known): DICOM says it, else the name and the values do."""
    kind = dicom_kind(node)
    if kind in DICOM_KINDS:
        return kind, "from DICOM"
    if kind:
        return "OTHER", f"{kind}, from DICOM"
    return guess_modality(some_slices(voxels), node.GetName())


def dicom_kind(node: Any) -> str:
    """What DICOM says that a volume node is, e.g. CT or PT; "" if it does not."""
    uids = (node.GetAttribute(DICOM_UIDS) or "").split()
    database = getattr(slicer, "dicomDatabase", None)
    return database.instanceValue(uids[0], MODALITY_TAG) if uids and database is not None else ""


def some_slices(voxels: np.ndarray) -> np.ndarray:
    """Whole slices spread over the scan, at most about two million voxels; all of a small one."""
    if voxels.ndim != 3 or voxels.size <= LOOKED_AT:
        return voxels
    count = max(LOOKED_AT // voxels[0].size, 3)
    return voxels[:: max(len(voxels) // count, 1)]


def problem_of(node: Any, voxels: np.ndarray, modality: str, reason: str) -> str:
    """Why a node cannot be worked on, and what to do about it; "" if it can."""
    if voxels.ndim != 3:
        return "This is a volume of vectors; only scalar CT and MR volumes can be worked on."
    if shown := node.GetAttribute(MAP):
        return f"This is the {shown} of a result; choose a scan."
    if node.GetParentTransformNode() is not None:
        return "A transform is applied to this volume; harden it in the Data module first."
    part = some_slices(voxels)
    if not (np.isfinite(part.min()) and np.isfinite(part.max())):
        return "Some voxels are no numbers (NaN) or infinite; replace them by a number first."
    if part.min() == part.max():
        return "Every voxel looked at has the same value; there is nothing to work on."
    if modality == "LABEL":
        return f"This is a label map ({reason}); choose the scan it was drawn on."
    if modality == "OTHER" and (kind := dicom_kind(node) or named_kind(node.GetName())):
        return f"This is neither CT nor MR but {kind}; only those can be worked on."
    if modality == "OTHER":
        return f"It cannot be told whether this is CT or MR ({reason}); say so under Advanced, Modality."
    return ""


def voxels_of(node: Any) -> np.ndarray:
    """A volume node's voxels (K, J, I), only to be read."""
    return util.arrayFromVolume(node)


def image_changed_at(node: Any) -> int:
    """A number that grows when a node's voxels, grid or transform change."""
    image = node.GetImageData()
    grid = tuple(ijk_to_ras(node).ravel())
    transform = node.GetTransformNodeID() or ""
    return hash((0 if image is None else image.GetMTime(), grid, transform))
