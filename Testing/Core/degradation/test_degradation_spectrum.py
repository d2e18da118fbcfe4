from __future__ import annotations

import numpy as np
import pytest

from DiffusionCore.degradation import (
    correlated,
    power_spectrum,
    radial_spectrum,
    shaped_noise,
    spectrum_for,
    unit_noise,
)
from DiffusionCore.degradation.spectrum import radial_mean
from DiffusionCore.errors import UsageError


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def ct_like(frequency: np.ndarray) -> np.ndarray:
    return frequency * np.exp(-((frequency / 0.2) ** 2))


def test_white_noise_has_its_variance_at_every_frequency():
    power = power_spectrum(3 * rng().standard_normal((40, 96, 96)), 32)
    assert power.shape == (32, 32)
    assert power[2:-2, 2:-2].mean() == pytest.approx(9, rel=0.02)
    np.testing.assert_allclose(radial_mean(power, 8)[1][1:], 9, rtol=0.06)


def test_a_cosine_shows_at_its_own_frequency():
    wave = np.broadcast_to(np.cos(2 * np.pi * 0.25 * np.arange(64)), (64, 64))
    power = power_spectrum(wave, 64)
    assert np.unravel_index(power.argmax(), power.shape) in [(0, 16), (0, 48)]


def test_shaped_noise_has_the_spectrum_asked_for():
    frequency = np.linspace(0, 0.75, 100)
    wanted = radial_spectrum(frequency, ct_like(frequency), (64, 64))
    noise = shaped_noise((30, 128, 128), rng(1), wanted)
    assert noise.dtype == np.float32 and noise.var() == pytest.approx(1, rel=0.02)
    _, power = radial_mean(power_spectrum(noise, 64), 16)
    _, theory = radial_mean(wanted / wanted.mean(), 16)
    strong = theory > 0.1 * theory.max()
    strong[0] = False  # the patch's window and lost mean blur the lowest ring
    np.testing.assert_allclose(power[strong], theory[strong], rtol=0.1)


def test_shaped_noise_is_within_ten_percent_of_the_projected_spectrum():
    shape = (128, 128)
    x = np.where(np.hypot(*(np.indices(shape) - 63.5)) < 60, 0.0, -1000.0).astype(np.float32)
    projected = unit_noise(x, rng(2), pixel_mm=0.8, count=60)[:, 32:96, 32:96]
    power = power_spectrum(projected, 64)
    drawn = correlated(np.zeros((60, 64, 64), np.float32), rng(3), np.sqrt(power.mean()), power).voxels
    rings = [radial_mean(p, 10)[1] for p in (power, power_spectrum(drawn, 64))]
    strong = rings[0] > 0.1 * rings[0].max()
    np.testing.assert_allclose(rings[1][strong], rings[0][strong], rtol=0.1)


def test_anisotropic_spectra_keep_their_direction():
    frequency = np.fft.fftfreq(32)
    power = np.exp(-((frequency[:, None] / 0.04) ** 2)) * np.exp(-(((np.abs(frequency) - 0.25) / 0.06) ** 2))
    noise = shaped_noise((5, 60, 60), rng(4), power)
    assert np.abs(np.diff(noise, axis=1)).mean() < 0.3 * np.abs(np.diff(noise, axis=2)).mean()


def test_a_spectrum_carried_to_another_shape_keeps_its_variance_and_its_covariance():
    frequency = np.linspace(0, 0.75, 100)
    small = radial_spectrum(frequency, ct_like(frequency), (64, 64))
    large = spectrum_for(small, (100, 90))
    assert large.shape == (100, 90)
    assert large.mean() == pytest.approx(small.mean(), rel=0.01)
    lags = [np.fft.ifft2(p).real[:5, :5] for p in (small, large)]
    np.testing.assert_allclose(lags[1], lags[0], atol=0.01 * small.mean())
    np.testing.assert_allclose(spectrum_for(np.full((16, 16), 4.0), (30, 31)), 4)


def test_opposite_borders_are_not_correlated():
    frequency = np.linspace(0, 0.75, 100)
    power = radial_spectrum(frequency, np.exp(-((frequency / 0.05) ** 2)), (64, 64))
    noise = shaped_noise((400, 40, 40), rng(5), power)
    assert abs(np.mean(noise[:, 0] * noise[:, -1])) < 0.1
    assert np.mean(noise[:, 0] * noise[:, 1]) > 0.8


def test_a_sigma_map_scales_correlated_noise_and_the_seed_fixes_it():
    sigma = np.ones((20, 64, 64), np.float32)
    sigma[:, :32] = 4
    power = np.ones((16, 16))
    first, again = (correlated(np.zeros(sigma.shape), rng(6), sigma, power).voxels for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first[:, :32].std() == pytest.approx(4, rel=0.03)
    assert first[:, 32:].std() == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: power_spectrum(np.ones((3, 3))),
        lambda: spectrum_for(-np.ones((8, 8)), (8, 8)),
        lambda: spectrum_for(np.ones(8), (8, 8)),
        lambda: radial_spectrum([0, 0.5], [1.0], (8, 8)),
        lambda: radial_spectrum([0.5, 0.1], [1.0, 1.0], (8, 8)),
        lambda: shaped_noise((8, 8), rng(), np.zeros((8, 8))),
    ],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(UsageError):
        wrong()
