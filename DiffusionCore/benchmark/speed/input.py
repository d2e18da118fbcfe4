"""What speed is measured on: nilearn's MNI152 head at any size, with seeded Rician noise."""

from __future__ import annotations

import numpy as np

from DiffusionCore.benchmark.packaged_scan import MNI_HEAD, packaged_scan
from DiffusionCore.degradation import rician
from DiffusionCore.volume import Volume, read_volume
from DiffusionCore.volume.intensity import normalisation_for
from DiffusionCore.volume.resampling import resample

SCALE = 1000.0  # grey levels at the 99.5th percentile, as scanners store them
NOISE = 0.05  # of the 99.5th percentile


def clean_head(shape: tuple[int, int, int]) -> Volume:
    """The head of 197×233×189 mm on a grid of `shape` (K, J, I), float32, 99.5th percentile at 1000.

    Raises `InputError` where nilearn is not installed.
    """
    head = read_volume(packaged_scan(MNI_HEAD), modality="MR")
    spacing = [mm * old / new for mm, old, new in zip(head.spacing, head.shape, shape, strict=True)]
    head = resample(head, spacing, order=1)
    scale = SCALE / normalisation_for(head, "p99.5").scale
    return head.with_voxels(np.maximum(head.voxels * np.float32(scale), 0))


def noisy_head(shape: tuple[int, int, int], seed: int = 0) -> Volume:
    """The head of `shape` (K, J, I) with Rician noise of 5 %, int16."""
    clean = clean_head(shape)
    noisy = rician(clean.voxels, np.random.default_rng(seed), NOISE * SCALE).voxels
    return clean.with_voxels(np.rint(noisy).astype(np.int16))
