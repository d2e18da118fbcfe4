from __future__ import annotations

import json

import numpy as np
import pytest

from DiffusionCore.degradation import (
    gaussian,
    noncentral_chi,
    noncentral_chi_moments,
    rician,
    rician_moments,
    varying_sigma_map,
)
from DiffusionCore.errors import UsageError

SHAPE = (40, 50, 60)
COUNT = 40 * 50 * 60


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def assert_moments(voxels: np.ndarray, mean: float, variance: float) -> None:
    """Within four standard errors of theory (the variance's for kurtosis near the normal one)."""
    assert abs(voxels.mean(dtype=np.float64) - mean) < 4 * np.sqrt(variance / COUNT)
    assert abs(voxels.var(dtype=np.float64) / variance - 1) < 4 * np.sqrt(2.5 / COUNT)


def test_gaussian_noise_has_the_mean_and_variance_asked_for():
    result = gaussian(np.full(SHAPE, 10.0, np.float32), rng(), 2.0)
    assert_moments(result.voxels, 10, 4)
    assert result.voxels.dtype == np.float32
    assert result.record == {"kind": "gaussian", "sigma": 2.0}


@pytest.mark.parametrize("snr", [0, 0.5, 1, 2, 3, 5, 10, 50])
def test_rician_noise_follows_koays_mean_and_variance(snr: float):
    result = rician(np.full(SHAPE, 3.0 * snr, np.float32), rng(1), 3.0)
    assert_moments(result.voxels, *rician_moments(3.0 * snr, 3.0))


def test_rician_moments_are_koays_bessel_formula():
    from scipy.special import i0e, i1e

    theta = np.linspace(0, 13, 200)
    bessel = (2 + theta**2) * i0e(theta**2 / 4) + theta**2 * i1e(theta**2 / 4)
    mean, variance = rician_moments(theta, 1.0)
    np.testing.assert_allclose(mean, np.sqrt(np.pi / 8) * bessel, rtol=1e-12)
    np.testing.assert_allclose(variance, 2 + theta**2 - np.pi / 8 * bessel**2, atol=1e-10)


def test_background_is_rayleigh_1_253_and_0_655_sigma():
    mean, variance = rician_moments(0.0, 1.0)
    assert mean == pytest.approx(np.sqrt(np.pi / 2)) and round(float(mean), 3) == 1.253
    assert variance == pytest.approx(2 - np.pi / 2) and round(float(np.sqrt(variance)), 3) == 0.655
    result = rician(np.zeros(SHAPE, np.float32), rng(2), 7.0).voxels
    assert result.mean() == pytest.approx(1.253 * 7, rel=0.005)
    assert result.std() == pytest.approx(0.655 * 7, rel=0.01)


@pytest.mark.parametrize("coils", [1, 4, 8, 32])
@pytest.mark.parametrize("snr", [0, 2, 6])
def test_several_coils_follow_the_noncentral_chi(coils: int, snr: float):
    result = noncentral_chi(np.full(SHAPE, 2.0 * snr, np.float32), rng(3), 2.0, coils)
    assert_moments(result.voxels, *noncentral_chi_moments(2.0 * snr, 2.0, coils))
    assert result.record["coils"] == coils


def test_background_of_n_coils_is_the_double_factorial_formula():
    # Constantinides 1997: mean = sqrt(pi/2) (2n-1)!! / (2^(n-1) (n-1)!) sigma; for n = 4: 105/48.
    assert noncentral_chi_moments(0.0, 1.0, 4)[0] == pytest.approx(np.sqrt(np.pi / 2) * 105 / 48)


def test_simulated_coils_one_by_one_agree_with_the_chi_squared_shortcut():
    amplitude, coils = 3.0, 4
    share = np.array([0.1, 0.5, 0.7, np.sqrt(1 - 0.01 - 0.25 - 0.49)])
    draws = rng(4).standard_normal((2, coils, COUNT))
    channels = (amplitude * share[:, None] + draws[0]) ** 2 + draws[1] ** 2
    explicit = np.sort(np.sqrt(channels.sum(axis=0)))
    shortcut = np.sort(noncentral_chi(np.full(SHAPE, amplitude, np.float32), rng(5), 1.0, coils).voxels.ravel())
    assert np.abs(explicit - shortcut)[COUNT // 100 : -COUNT // 100].max() < 0.03


def test_moments_stay_exact_from_no_signal_to_a_million_sigma():
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(60):
        for n in (1, 4, 32):
            for a in (0.0, 1e-3, 1.0, 10.0, 14.0, 15.0, 79.9, 80.1, 300.0, 1e6):
                z = mpmath.mpf(a) ** 2 / 2
                mean = mpmath.sqrt(2) * mpmath.gamma(n + 0.5) / mpmath.gamma(n) * mpmath.hyp1f1(-0.5, n, -z)
                variance = 2 * z + 2 * n - mean**2
                ours = noncentral_chi_moments(a, 1.0, n)
                assert float(ours[0]) == pytest.approx(float(mean), rel=1e-11)
                assert float(ours[1]) == pytest.approx(float(variance), rel=1e-8)


@pytest.mark.parametrize("noise", [gaussian, rician, lambda x, r, s: noncentral_chi(x, r, s, 4)])
def test_a_sigma_map_scales_the_noise_voxel_by_voxel(noise):
    sigma = np.ones(SHAPE, np.float32)
    sigma[:20] = 5
    result = noise(np.full(SHAPE, 1000.0, np.float32), rng(6), sigma)
    assert result.voxels[:20].std() == pytest.approx(5, rel=0.03)
    assert result.voxels[20:].std() == pytest.approx(1, rel=0.03)
    assert (result.record["sigma_min"], result.record["sigma_max"]) == (1, 5)
    json.dumps(result.record)


@pytest.mark.parametrize("noise", [gaussian, rician, lambda x, r, s: noncentral_chi(x, r, s, 4)])
def test_noise_is_seeded_pure_and_absent_at_sigma_zero(noise):
    x = rng(7).random(SHAPE, dtype=np.float32)
    before = x.copy()
    np.testing.assert_array_equal(noise(x, rng(8), 0.1).voxels, noise(x, rng(8), 0.1).voxels)
    assert not np.array_equal(noise(x, rng(8), 0.1).voxels, noise(x, rng(9), 0.1).voxels)
    np.testing.assert_allclose(noise(x, rng(8), 0.0).voxels, x, rtol=1e-6)
    np.testing.assert_array_equal(x, before)


def test_the_sigma_map_has_mean_one_is_positive_and_varies_slowly():
    field = varying_sigma_map((60, 80, 100), rng(10), spread=0.4, scale=30)
    assert field.dtype == np.float32 and field.shape == (60, 80, 100)
    assert field.mean(dtype=np.float64) == pytest.approx(1, abs=1e-5)
    assert field.min() > 0
    for axis in range(3):
        assert np.abs(np.diff(np.log(field), axis=axis)).max() < 0.4 * 4 / 30


def test_the_sigma_map_spreads_as_asked_at_every_voxel():
    fields = np.stack([np.log(varying_sigma_map((100, 100), rng(s), spread=0.2, scale=5)) for s in range(200)])
    np.testing.assert_allclose(fields.std(axis=0), 0.2, rtol=0.25)
    assert fields.std() == pytest.approx(0.2, rel=0.02)


def test_the_sigma_map_of_no_spread_is_one():
    np.testing.assert_array_equal(varying_sigma_map((4, 5), rng(), spread=0.0), 1)


def test_two_dimensional_slices_are_taken_and_other_shapes_refused():
    assert rician(np.ones((5, 6), np.float32), rng(), 1.0).voxels.shape == (5, 6)
    for bad in (np.ones(3), np.ones((2, 2, 2, 2)), np.ones((0, 3))):
        with pytest.raises(UsageError, match="slice"):
            gaussian(bad, rng(), 1.0)


@pytest.mark.parametrize("sigma", [-1.0, np.nan, np.inf, np.ones((2, 3)), np.ones((2, 1, 4, 4))])
def test_a_bad_sigma_is_refused_in_one_sentence(sigma):
    with pytest.raises(UsageError, match="sigma"):
        rician(np.ones((4, 4), np.float32), rng(), sigma)


@pytest.mark.parametrize("coils", [0, -1, 1.5])
def test_a_fractional_number_of_coils_is_refused(coils):
    with pytest.raises(UsageError, match="coils"):
        noncentral_chi(np.ones((4, 4), np.float32), rng(), 1.0, coils)
