from __future__ import annotations

import numpy as np
import pytest

from DiffusionCore.degradation import thick_slices
from DiffusionCore.degradation.slice_profile import profile_integral, sinc_pulse_profile, slice_matrix
from DiffusionCore.errors import UsageError


def measured_fwhm(z: np.ndarray, values: np.ndarray) -> float:
    """Width between the outermost crossings of half of the value in the middle."""
    half = values[len(values) // 2] / 2
    above = np.flatnonzero(values > half)
    left, right = above[0], above[-1]
    start = np.interp(half, values[left - 1 : left + 1], z[left - 1 : left + 1])
    end = np.interp(-half, -values[right : right + 2], z[right : right + 2])
    return end - start


@pytest.mark.parametrize("profile", ["gaussian", "rect", "sinc"])
@pytest.mark.parametrize("thickness", [2.0, 5.0])
def test_a_thin_plane_moved_through_a_slice_shows_the_fwhm_asked_for(profile, thickness):
    spacing, size = 0.05, 801
    row = slice_matrix(size, spacing, thickness, gap_mm=40 - thickness, profile=profile)
    assert row.shape == (1, size)
    z = (np.arange(size) - 400) * spacing
    assert measured_fwhm(z, row[0]) == pytest.approx(thickness, abs=0.03)


def test_rect_slices_are_plain_averages():
    x = np.arange(24, dtype=np.float32).reshape(12, 2)
    result = thick_slices(x, None, axis=0, spacing_mm=1.0, thickness_mm=4.0, profile="rect")
    np.testing.assert_allclose(result.voxels, x.reshape(3, 4, 2).mean(axis=1), rtol=1e-6)


def test_a_gap_is_left_out_and_the_slices_are_thickness_plus_gap_apart():
    x = np.zeros((24, 3), np.float32)
    x[[0, 5, 6, 11, 12, 17, 18, 23]] = 1  # what lies in the gaps of 4 mm slices 6 mm apart
    result = thick_slices(x, None, axis=0, spacing_mm=1.0, thickness_mm=4.0, gap_mm=2.0, profile="rect")
    assert result.voxels.shape == (4, 3)
    np.testing.assert_array_equal(result.voxels, 0)
    assert (result.record["factor"], result.record["spacing_mm"], result.record["origin_index"]) == (6, 6, 2.5)


def test_overlapping_slices_are_closer_than_they_are_thick():
    result = thick_slices(np.ones((30, 3)), None, axis=0, spacing_mm=1.0, thickness_mm=5.0, gap_mm=-3.0)
    assert result.voxels.shape == (15, 3) and result.record["spacing_mm"] == 2


@pytest.mark.parametrize("profile", ["gaussian", "rect", "sinc"])
def test_constant_stays_constant_up_to_the_border(profile):
    result = thick_slices(np.full((5, 31), 7.0), None, axis=1, spacing_mm=0.9, thickness_mm=3.0, profile=profile)
    np.testing.assert_allclose(result.voxels, 7, rtol=1e-5)


def test_a_gaussian_profile_has_its_variance():
    row = slice_matrix(401, 0.1, 4.0, gap_mm=36.0)[0]
    z = (np.arange(401) - 200) * 0.1
    assert np.sqrt(row @ z**2) == pytest.approx(4 / 2.3548, rel=1e-3)


def test_the_sinc_pulses_profile_is_the_fourier_transform_of_the_pulse():
    from scipy.integrate import trapezoid

    bandwidth = 6.0
    t = np.linspace(-0.5, 0.5, 4001)
    pulse = bandwidth * np.sinc(bandwidth * t) * (0.54 + 0.46 * np.cos(2 * np.pi * t))
    u = np.linspace(-6, 6, 41)
    transform = trapezoid(pulse * np.cos(2 * np.pi * u[:, None] * t), t, axis=1)
    np.testing.assert_allclose(sinc_pulse_profile(u, bandwidth), transform, atol=1e-4)


def test_a_longer_pulse_gives_a_steeper_slice():
    spacing, size = 0.05, 801
    soft, steep = (
        slice_matrix(size, spacing, 4.0, gap_mm=36.0, profile="sinc", time_bandwidth=b)[0] for b in (3.0, 12.0)
    )
    assert np.abs(np.diff(steep)).max() > 2 * np.abs(np.diff(soft)).max()


@pytest.mark.parametrize("profile", ["gaussian", "rect", "sinc"])
def test_profiles_have_unit_area(profile):
    integral = profile_integral(profile, 3.0)
    np.testing.assert_allclose(integral(np.array([-50.0, 0.0, 50.0])), [0, 0.5, 1], atol=1e-3)


def test_a_pulse_without_bandwidth_is_refused():
    with pytest.raises(UsageError, match="time-bandwidth"):
        sinc_pulse_profile(0.0, 0.5)
