"""What spoils scans, each degradation seeded, pure and checked against theory.

Every function takes the voxels (float32, (K, J, I) or (J, I)), a `numpy.random.Generator` and its parameters, and gives
a `Degraded`: the spoilt voxels and a record of what was done.
"""

from __future__ import annotations

from DiffusionCore.degradation.degraded import Degraded
from DiffusionCore.degradation.moments import noncentral_chi_moments, rician_moments
from DiffusionCore.degradation.noise import gaussian, noncentral_chi, rician, varying_sigma_map

__all__ = [
    "Degraded",
    "gaussian",
    "noncentral_chi",
    "noncentral_chi_moments",
    "rician",
    "rician_moments",
    "varying_sigma_map",
]
