"""What the study compares with: the noisy slice itself, non-local means, and a plain regression U-Net."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from DiffusionCore.benchmark.conditioning.scores import score
from DiffusionCore.benchmark.conditioning.slices import Array, StudySlices
from DiffusionCore.benchmark.rivals import NoisyScan
from DiffusionCore.benchmark.rivals.rician_bias import remove_rician_bias

if TYPE_CHECKING:
    from DiffusionCore.models import Model

# cut-off over sigma, edge of the compared patches, reach of the search
GRID = ((0.4, 0.6, 0.8, 1.0), (3, 5, 7), (5, 9))
Parameters = tuple[float, int, int]


def nonlocal_means(noisy: Array, level: float, kind: str, parameters: Parameters) -> Array:
    """2D non-local means (Buades et al. 2005) of each whole slice of (K, J, I), told the noise's `level`."""
    from skimage.restoration import denoise_nl_means

    h, patch, distance = parameters
    filtered = np.stack(
        [
            denoise_nl_means(
                image,
                patch_size=patch,
                patch_distance=distance,
                h=h * level,
                sigma=level,
                fast_mode=True,
                preserve_range=True,
            )
            for image in noisy
        ]
    ).astype(np.float32)
    if kind == "gaussian":
        return filtered
    return remove_rician_bias(filtered, NoisyScan(noisy, level, "MR"))


def tuned_parameters(study: StudySlices, level: float, kind: str, seed: int) -> Parameters:
    """The setting of the grid with the highest mean PSNR on validation slices."""
    noisy = study.noisy(level, kind, seed)

    def quality(parameters: Parameters) -> float:
        return score(study.cut(nonlocal_means(noisy, level, kind, parameters)), study).mean("psnr")

    return max(itertools.product(*GRID), key=quality)


def regression(model: Model, noisy: Array, level: float, device: str, dtype: str) -> Array:
    """A 2D model's estimate in one step, of whole slices (K, J, I)."""
    from DiffusionCore.inference import SamplingSettings, sample_volume

    settings = SamplingSettings(steps=1)
    samples = sample_volume(model.denoiser, noisy, level, model.process, settings, device=device, dtype=dtype)
    return samples.image.numpy()
