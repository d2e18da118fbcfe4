"""ANTs' DenoiseImage: adaptive non-local means that estimates the noise around every voxel (Manjón et al. 2010)."""

from __future__ import annotations

import numpy as np

from DiffusionCore.benchmark.rivals.method import Array, Method, NoisyScan
from DiffusionCore.benchmark.rivals.nonlocal_means import CT_FLOOR

SCALE = 1000.0  # the filter skips neighbourhoods whose mean or variance is under fixed thresholds near 0


def denoise_image(scan: NoisyScan, patch_radius: int, search_radius: int) -> Array:
    """`ants.denoise_image`, its noise model Rician in MR and Gaussian in CT; it makes no use of `scan.sigma`.

    It takes what lies outside for 0 and darkens the border: the scan is mirrored there.
    """
    import ants

    floor = CT_FLOOR if scan.modality == "CT" else 0.0
    margin = int(patch_radius) + int(search_radius)
    padded = np.pad(scan.voxels + floor, margin, mode="symmetric") * SCALE
    image = ants.from_numpy(np.ascontiguousarray(padded.T), spacing=scan.spacing[::-1])
    model = "Rician" if scan.modality == "MR" else "Gaussian"
    filtered = ants.denoise_image(image, p=int(patch_radius), r=int(search_radius), noise_model=model).numpy().T
    inside = filtered[margin:-margin, margin:-margin, margin:-margin]
    return np.ascontiguousarray(inside / SCALE - floor, dtype=np.float32)


# A patch radius of 2 takes five times as long: minutes for a crop, hours for the grid.
_GRID = {"patch_radius": (1,), "search_radius": (2, 3)}

DENOISE_IMAGE = Method(
    name="ants",
    title="DenoiseImage (ANTs)",
    run=denoise_image,
    distribution="antspyx",
    module="ants",
    licence="Apache-2.0",
    pace=20,
    defaults={"patch_radius": 1, "search_radius": 2},
    grids={"MR": _GRID, "CT": _GRID},
)
