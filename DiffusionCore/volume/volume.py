"""`Volume`: voxels with their place in the patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import InputError

MODALITIES = ("CT", "MR", "LABEL", "OTHER")


@dataclass(frozen=True, eq=False)
class Volume:
    """A scalar image on a regular grid; immutable.

    voxels      (K, J, I), as SimpleITK and Slicer give them: `voxels[k, j, i]`; made read-only, in native byte order
    ijk_to_ras  (4, 4) float64, mm: right-anterior-superior place of the centre of voxel (i, j, k); may be oblique,
                left-handed, anisotropic or sheared
    modality    "CT" (values are HU), "MR", "LABEL" or "OTHER"
    meta        what else was learnt while reading (strings, numbers, lists): `source` format, `modality_reason`,
                `intent`, DICOM attributes that a derived series needs; never needed to interpret `voxels`

    Raises `InputError` if the shape or the matrix cannot be a volume.
    """

    voxels: np.ndarray
    ijk_to_ras: np.ndarray
    modality: str = "OTHER"
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        voxels = np.asarray(self.voxels)
        matrix = np.array(self.ijk_to_ras, dtype=np.float64)
        if voxels.ndim != 3:
            raise InputError(f"a volume has 3 dimensions, got {voxels.ndim} ({'×'.join(map(str, voxels.shape))})")
        if 0 in voxels.shape:
            raise InputError(f"the volume is empty ({'×'.join(map(str, voxels.shape))})")
        if voxels.dtype.kind not in "iufb":
            raise InputError(f"a volume holds numbers, got {voxels.dtype}")
        if matrix.shape != (4, 4) or not np.all(np.isfinite(matrix)) or not np.allclose(matrix[3], (0, 0, 0, 1)):
            raise InputError("the volume's ijk-to-RAS matrix is not a finite 4×4 matrix that ends in 0 0 0 1")
        spacing = np.linalg.norm(matrix[:3, :3], axis=0)
        if spacing.min() <= 0 or abs(np.linalg.det(matrix[:3, :3] / spacing)) < 1e-6:
            raise InputError("the volume's ijk-to-RAS matrix is singular; its grid has no extent along some axis")
        if self.modality not in MODALITIES:
            raise InputError(f"modality must be one of {', '.join(MODALITIES)}, got {self.modality!r}")
        voxels = voxels.view() if voxels.dtype.isnative else voxels.astype(voxels.dtype.newbyteorder("="))
        voxels.flags.writeable = False
        matrix.flags.writeable = False
        object.__setattr__(self, "voxels", voxels)
        object.__setattr__(self, "ijk_to_ras", matrix)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(K, J, I)."""
        return self.voxels.shape

    @property
    def spacing(self) -> tuple[float, float, float]:
        """mm between voxel centres along (k, j, i), in the order of `shape`."""
        i, j, k = np.linalg.norm(self.ijk_to_ras[:3, :3], axis=0)
        return float(k), float(j), float(i)

    def with_voxels(self, voxels: np.ndarray, **meta: Any) -> Volume:
        """The same grid and modality with other voxels; `meta` entries are added."""
        if voxels.shape != self.shape:
            raise InputError(f"the new voxels are {voxels.shape}, the grid is {self.shape}")
        return replace(self, voxels=voxels, meta={**self.meta, **meta})
