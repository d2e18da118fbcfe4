"""Total variation (Rudin, Osher & Fatemi 1992) by Chambolle's projection (2004), from scikit-image."""

from __future__ import annotations

from DiffusionCore.benchmark.rivals.method import Array, Method, NoisyScan
from DiffusionCore.benchmark.rivals.rician_bias import remove_rician_bias


def total_variation(scan: NoisyScan, weight: float) -> Array:
    """The image x that minimises |x − y|² / 2 + `weight`·sigma·TV(x)."""
    from skimage.restoration import denoise_tv_chambolle

    return remove_rician_bias(denoise_tv_chambolle(scan.voxels, weight=weight * scan.sigma), scan)


_GRID = {"weight": (0.3, 0.45, 0.6, 0.8, 1.0, 1.3, 1.7, 2.3)}

TOTAL_VARIATION = Method(
    name="tv",
    title="Total variation",
    run=total_variation,
    distribution="scikit-image",
    module="skimage",
    licence="BSD-3-Clause",
    pace=3,
    defaults={"weight": 0.8},
    grids={"MR": _GRID, "CT": _GRID},
)
