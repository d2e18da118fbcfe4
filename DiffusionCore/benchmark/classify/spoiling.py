"""What spoils a case: noise on grey values, slips of the brush in label maps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LEVELS = {"volume": (0.02, 0.05, 0.1, 0.2, 0.4), "labelmap": (0.005, 0.01, 0.02, 0.05, 0.1)}
WORDS = {
    "volume": "standard deviation of added Gaussian noise; 1 is near the 99.5th percentile of all cubes",
    "labelmap": "share of all voxels that are turned over",
}


def spoiled(images: npt.NDArray[np.float32], kind: str, level: float, seed: int = 0) -> npt.NDArray[np.float32]:
    """Images (N, K, J, I) with Gaussian noise of standard deviation `level`, or with that share of voxels turned over."""
    rng = np.random.default_rng([seed, round(level * 1e6)])
    if kind == "labelmap":
        turned = rng.random(images.shape) < level
        return np.where(turned, 1 - images, images).astype(np.float32)
    return (images + rng.normal(0, level, images.shape)).astype(np.float32)
