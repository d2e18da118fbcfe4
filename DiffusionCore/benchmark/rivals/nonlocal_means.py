"""Non-local means (Buades et al. 2005) in the two implementations in use: scikit-image and DIPY."""

from __future__ import annotations

import numpy as np

from DiffusionCore.benchmark.rivals.method import Array, Method, NoisyScan
from DiffusionCore.benchmark.rivals.rician_bias import remove_rician_bias

CT_FLOOR = 1.024  # normalised: what makes HU positive, for methods that compare ratios of means


def nlm_skimage(scan: NoisyScan, h: float, patch_size: int, patch_distance: int) -> Array:
    """Fast non-local means (Darbon et al. 2008), cut-off `h`·sigma, with the noise's part taken off the distances."""
    from skimage.restoration import denoise_nl_means

    filtered = denoise_nl_means(
        scan.voxels,
        patch_size=int(patch_size),
        patch_distance=int(patch_distance),
        h=h * scan.sigma,
        sigma=scan.sigma,
        fast_mode=True,
        preserve_range=True,
    )
    return remove_rician_bias(filtered, scan)


def nlm_dipy(
    scan: NoisyScan, algorithm: str, sigma_scale: float, block_radius: int, correction: str, patch_radius: int = 1
) -> Array:
    """Non-local means as if the noise were `sigma_scale`·sigma (Descoteaux et al. 2008; Coupé et al. 2008).

    `correction` of the Rician bias in MR: DIPY's "own", which takes off 2·(sigma_scale·sigma)², or by the "mean".
    """
    from dipy.denoise.nlmeans import nlmeans

    own = scan.modality == "MR" and correction == "own"

    floor = CT_FLOOR if scan.modality == "CT" else 0.0
    filtered = nlmeans(
        scan.voxels.astype(np.float64) + floor,
        sigma=scan.sigma * sigma_scale,
        patch_radius=int(patch_radius),
        block_radius=int(block_radius),
        rician=own,
        method=algorithm,
    )
    filtered = (np.asarray(filtered) - floor).astype(np.float32)
    return filtered if own else remove_rician_bias(filtered, scan)


_SKIMAGE_GRID = {"h": (0.25, 0.4, 0.6, 0.8, 1.1), "patch_size": (3, 5), "patch_distance": (3, 5)}
_DIPY_GRID = {
    "algorithm": ("classic", "blockwise"),
    "sigma_scale": (0.7, 1.0, 1.4, 2.0),
    "block_radius": (2, 3),
}

NLM_SKIMAGE = Method(
    name="nlm-skimage",
    title="NLM (scikit-image)",
    run=nlm_skimage,
    distribution="scikit-image",
    module="skimage",
    licence="BSD-3-Clause",
    pace=15,
    defaults={"h": 0.6, "patch_size": 3, "patch_distance": 5},
    grids={"MR": _SKIMAGE_GRID, "CT": _SKIMAGE_GRID},
)

NLM_DIPY = Method(
    name="nlm-dipy",
    title="NLM (DIPY)",
    run=nlm_dipy,
    distribution="dipy",
    module="dipy",
    licence="BSD-3-Clause",
    pace=2,
    defaults={"algorithm": "classic", "sigma_scale": 1.4, "block_radius": 2, "correction": "mean"},
    grids={"MR": {**_DIPY_GRID, "correction": ("own", "mean")}, "CT": {**_DIPY_GRID, "correction": ("mean",)}},
)
