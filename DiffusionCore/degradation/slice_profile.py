"""Thick slices: what a scanner averages through the plane, and where it puts the slices.

A slice is a weighted mean of the thin voxels around its centre: the integral of its profile times the scan, which
within each thin voxel is a line with the voxel's mean and the slope of its neighbours. So whole voxels under a sharp
profile are plainly averaged, and a linear ramp stays in place wherever the slices are cut.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from DiffusionCore.degradation.degraded import Degraded, checked_voxels
from DiffusionCore.degradation.grid import aligned_grid, apply_matrix, checked_axis
from DiffusionCore.errors import UsageError

PROFILES = ("gaussian", "rect", "sinc")
_PARTS = 32  # parts of a thin voxel in which the profile's first moment is summed
Values = npt.NDArray[np.float64]


def thick_slices(
    x: npt.ArrayLike,
    rng: np.random.Generator | None,
    *,
    axis: int,
    spacing_mm: float,
    thickness_mm: float,
    gap_mm: float = 0.0,
    profile: str = "gaussian",
    time_bandwidth: float = 4.0,
) -> Degraded:
    """Thick slices along `axis` of a scan of thin ones; nothing is drawn, `rng` is there for the common form.

    Args:
        x: (K, J, I) or (J, I).
        spacing_mm: of the thin slices.
        thickness_mm: the profile's full width at half maximum.
        gap_mm: what lies between slices; they are thickness + gap apart. Negative: they overlap.
        profile: `gaussian`, `rect`, or `sinc`: what a Hamming-windowed sinc pulse of `time_bandwidth` excites.

    Returns:
        Degraded on the grid that keeps the physical box; the record holds `factor` (new spacing over old) and
        `origin_index` (slice 0 in old indices).
    """
    voxels = checked_voxels(x)
    axis = checked_axis(axis, voxels.ndim)
    step = _checked_step(spacing_mm, thickness_mm, gap_mm)
    matrix = slice_matrix(voxels.shape[axis], spacing_mm, thickness_mm, gap_mm, profile, time_bandwidth)
    grid = aligned_grid(voxels.shape[axis], step / spacing_mm)
    record = {
        "kind": "thick_slices",
        "axis": axis,
        "profile": profile,
        "thickness_mm": float(thickness_mm),
        "gap_mm": float(gap_mm),
        "spacing_mm": float(step),
        "factor": grid.factor,
        "origin_index": grid.origin,
    }
    return Degraded(apply_matrix(matrix, voxels, axis), record)


def slice_matrix(
    size: int,
    spacing_mm: float,
    thickness_mm: float,
    gap_mm: float = 0.0,
    profile: str = "gaussian",
    time_bandwidth: float = 4.0,
) -> Values:
    """(slices, size) weights of the thin voxels in each thick slice; rows sum to 1, also where the box cuts them.

    Beyond the box there is nothing: a profile that it cuts is made whole by scaling, and border voxels have no slope.
    """
    step = _checked_step(spacing_mm, thickness_mm, gap_mm)
    integral = profile_integral(profile, thickness_mm, time_bandwidth)
    centres = aligned_grid(size, step / spacing_mm).positions
    edges = np.arange(size * _PARTS + 1) / _PARTS - 0.5
    inside = np.diff(integral((edges[None, :] - centres[:, None]) * spacing_mm), axis=1)
    inside = inside.reshape(len(centres), size, _PARTS)
    weights = inside.sum(axis=2)
    if size > 2:
        moment = inside @ ((np.arange(_PARTS) + 0.5) / _PARTS - 0.5)  # in voxels from each voxel's centre
        moment[:, [0, -1]] = 0
        weights[:, 1:] += moment[:, :-1] / 2
        weights[:, :-1] -= moment[:, 1:] / 2
    return weights / weights.sum(axis=1, keepdims=True)


def profile_integral(profile: str, fwhm_mm: float, time_bandwidth: float = 4.0) -> Callable[[Values], Values]:
    """The integral up to z (mm from the slice's centre) of a profile of `fwhm_mm` and unit area."""
    if profile == "gaussian":
        from scipy.special import ndtr

        sigma = fwhm_mm / (2 * np.sqrt(2 * np.log(2)))
        return lambda z: ndtr(z / sigma)
    if profile == "rect":
        return lambda z: np.clip(z / fwhm_mm + 0.5, 0, 1)
    if profile == "sinc":
        return _sinc_pulse_integral(fwhm_mm, time_bandwidth)
    raise UsageError(f"there is no slice profile '{profile}'; use one of {', '.join(PROFILES)}")


def sinc_pulse_profile(u: npt.ArrayLike, time_bandwidth: float = 4.0) -> Values:
    """Small-tip profile of a Hamming-windowed sinc pulse at `u` = position · duration · gradient's γ/2π, without unit.

    The Fourier transform of the pulse: a box of width `time_bandwidth` convolved with the window's transform.

    Source: Bernstein, King & Zhou, Handbook of MRI Pulse Sequences (2004), section 2.3.
    """
    from scipy.special import sici

    if not time_bandwidth >= 1:
        raise UsageError(f"a pulse's time-bandwidth product must be at least 1, got {time_bandwidth}")
    u = np.asarray(u, dtype=np.float64)
    total = np.zeros_like(u)
    for shift, share in ((0, 0.54), (-1, 0.23), (1, 0.23)):
        upper = sici(np.pi * (u + time_bandwidth / 2 - shift))[0]
        lower = sici(np.pi * (u - time_bandwidth / 2 - shift))[0]
        total += share * (upper - lower) / np.pi
    return total


def _sinc_pulse_integral(fwhm_mm: float, time_bandwidth: float) -> Callable[[Values], Values]:
    from scipy.integrate import cumulative_trapezoid
    from scipy.optimize import brentq

    reach = 2 * time_bandwidth + 8
    u = np.linspace(-reach, reach, 8001)
    values = sinc_pulse_profile(u, time_bandwidth)
    half = values[u.size // 2] / 2
    half_width = brentq(lambda v: float(sinc_pulse_profile(v, time_bandwidth)) - half, 0.0, time_bandwidth)
    integral = cumulative_trapezoid(values, u, initial=0)
    scale = 2 * half_width / fwhm_mm
    return lambda z: np.interp(z * scale, u, integral / integral[-1])


def _checked_step(spacing_mm: float, thickness_mm: float, gap_mm: float) -> float:
    """Distance of the thick slices in mm."""
    if not all(np.isfinite(v) for v in (spacing_mm, thickness_mm, gap_mm)) or not (spacing_mm > 0 < thickness_mm):
        raise UsageError(f"slice spacing and thickness must be positive in mm, got {spacing_mm} and {thickness_mm}")
    step = thickness_mm + gap_mm
    if step < spacing_mm * (1 - 1e-9):
        raise UsageError(f"slices {step:g} mm apart are finer than the scan's own {spacing_mm:g} mm")
    return step
