"""What spoils scans, each degradation seeded, pure and checked against theory.

Every function takes the voxels (float32, (K, J, I) or (J, I)), a `numpy.random.Generator` and its parameters, and gives
a `Degraded`: the spoilt voxels and a record of what was done.
"""

from __future__ import annotations

from DiffusionCore.degradation.blur import gaussian_blur
from DiffusionCore.degradation.ct_kernel import ReconstructionKernel
from DiffusionCore.degradation.ct_low_dose import flux_for_noise, low_dose_ct, mixed, noise_map, unit_noise
from DiffusionCore.degradation.degraded import Degraded
from DiffusionCore.degradation.grid import AxisGrid, aligned_grid, aligned_grids
from DiffusionCore.degradation.kspace import (
    band_limited_noise,
    downsample_kspace,
    partial_fourier,
    upsample_kspace,
    zero_filled,
)
from DiffusionCore.degradation.low_resolution import (
    AxisLowering,
    axis_lowering,
    consistent,
    expected_residual,
    fine_size,
    least_change,
    lifted,
    lowered,
)
from DiffusionCore.degradation.moments import noncentral_chi_moments, rician_moments
from DiffusionCore.degradation.noise import gaussian, noncentral_chi, rician, varying_sigma_map
from DiffusionCore.degradation.slice_profile import slice_matrix, thick_slices
from DiffusionCore.degradation.spectrum import (
    correlated,
    power_spectrum,
    radial_spectrum,
    shaped_noise,
    spectrum_for,
)
from DiffusionCore.degradation.spline import spline_downsample

__all__ = [
    "AxisGrid",
    "AxisLowering",
    "Degraded",
    "ReconstructionKernel",
    "aligned_grid",
    "aligned_grids",
    "axis_lowering",
    "band_limited_noise",
    "consistent",
    "correlated",
    "downsample_kspace",
    "expected_residual",
    "fine_size",
    "flux_for_noise",
    "gaussian",
    "gaussian_blur",
    "least_change",
    "lifted",
    "low_dose_ct",
    "lowered",
    "mixed",
    "noise_map",
    "noncentral_chi",
    "noncentral_chi_moments",
    "partial_fourier",
    "power_spectrum",
    "radial_spectrum",
    "rician",
    "rician_moments",
    "shaped_noise",
    "slice_matrix",
    "spectrum_for",
    "spline_downsample",
    "thick_slices",
    "unit_noise",
    "upsample_kspace",
    "varying_sigma_map",
    "zero_filled",
]
