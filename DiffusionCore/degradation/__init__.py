"""What spoils scans, each degradation seeded, pure and checked against theory.

Every function takes the voxels (float32, (K, J, I) or (J, I)), a `numpy.random.Generator` and its parameters, and gives
a `Degraded`: the spoilt voxels and a record of what was done.
"""

from __future__ import annotations

from DiffusionCore.degradation.ct_kernel import ReconstructionKernel
from DiffusionCore.degradation.ct_low_dose import flux_for_noise, low_dose_ct, mixed, noise_map, unit_noise
from DiffusionCore.degradation.degraded import Degraded
from DiffusionCore.degradation.moments import noncentral_chi_moments, rician_moments
from DiffusionCore.degradation.noise import gaussian, noncentral_chi, rician, varying_sigma_map
from DiffusionCore.degradation.spectrum import (
    correlated,
    power_spectrum,
    radial_spectrum,
    shaped_noise,
    spectrum_for,
)

__all__ = [
    "Degraded",
    "ReconstructionKernel",
    "correlated",
    "flux_for_noise",
    "gaussian",
    "low_dose_ct",
    "mixed",
    "noise_map",
    "noncentral_chi",
    "noncentral_chi_moments",
    "power_spectrum",
    "radial_spectrum",
    "rician",
    "rician_moments",
    "shaped_noise",
    "spectrum_for",
    "unit_noise",
    "varying_sigma_map",
]
