"""Power spectra: Parseval, units, and spectra known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from DiffusionCore.errors import UsageError
from DiffusionCore.metrics import mean_frequency, noise_power_spectrum, radial_average, radial_power_spectrum
from DiffusionCore.metrics.spectra import window_powers


@pytest.mark.parametrize(("shape", "spacing"), [((16, 21), (0.5, 0.7)), ((8, 9, 10), (2.0, 0.5, 0.7))])
def test_parseval_the_spectrum_integrates_to_the_variance(shape: tuple[int, ...], spacing: tuple[float, ...]) -> None:
    noise = np.random.default_rng(0).normal(3, 12, shape)
    spectrum = noise_power_spectrum(noise, spacing)
    cell = 1 / np.prod(np.array(shape) * spacing)  # one frequency bin, mm^-d
    assert spectrum.sum() * cell == pytest.approx(noise.var(), rel=1e-12)


def test_a_cosine_has_all_its_power_at_its_frequency() -> None:
    i = np.arange(32)
    wave = 5 * np.cos(2 * np.pi * 4 * i / 32) * np.ones((16, 1))
    spectrum = noise_power_spectrum(wave, (0.5, 0.5))
    assert np.count_nonzero(spectrum > 1e-9) == 2
    assert spectrum[0, 4] == pytest.approx(25 / 4 * 16 * 32 * 0.25)  # a²/4 in each, times the area
    frequency, value = radial_average(spectrum, (0.5, 0.5))
    half_a_bin = 1 / 16  # Nyquist, 1/mm, in 8 bins
    assert frequency[np.argmax(value)] == pytest.approx(4 / (32 * 0.5), abs=half_a_bin)


def test_the_mean_frequency_of_a_cosine_is_its_own_and_of_white_noise_that_of_the_square() -> None:
    power = np.zeros((16, 32))
    power[0, 4] = power[0, -4] = 1
    assert mean_frequency(power, (0.5, 0.5)) == pytest.approx(4 / (32 * 0.5))
    # the mean distance from the middle of a square of side 1
    assert mean_frequency(np.ones((256, 256))) == pytest.approx((np.sqrt(2) + np.arcsinh(1)) / 6, rel=1e-3)
    assert np.isnan(mean_frequency(np.zeros((8, 8))))


def test_white_noise_is_flat_and_its_level_is_variance_times_voxel() -> None:
    noise = np.random.default_rng(1).normal(0, 4, (40, 48, 44))
    frequency, value = radial_average(noise_power_spectrum(noise, (1.0, 0.5, 0.5)), (1.0, 0.5, 0.5))
    assert frequency.max() <= 0.5 + 1e-9  # the coarsest axis decides
    np.testing.assert_allclose(value[8:], 16 * 0.25, rtol=0.15)
    assert value[8:].mean() == pytest.approx(16 * 0.25, rel=0.05)


def test_radial_average_of_a_radial_function_is_that_function() -> None:
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(64), np.fft.fftfreq(64), indexing="ij"))
    frequency, value = radial_average(f**2)
    np.testing.assert_allclose(value, frequency**2, atol=2e-3)


@pytest.mark.parametrize("shape", [(64, 64), (5, 64, 64), (32, 32, 32)])
def test_blur_lowers_the_image_spectrum_by_its_transfer_function(shape: tuple[int, ...]) -> None:
    from scipy.ndimage import gaussian_filter

    image = np.random.default_rng(2).standard_normal(shape)
    in_plane = len(shape) == 3 and shape[0] < 8
    blurred = gaussian_filter(image, (0, 1, 1) if in_plane else 1.0, mode="wrap")
    frequency, before = radial_power_spectrum(image)
    _, after = radial_power_spectrum(blurred)
    middle = (frequency > 0.1) & (frequency < 0.25)
    np.testing.assert_allclose((after / before)[middle], np.exp(-((2 * np.pi * frequency[middle]) ** 2)), rtol=0.2)


def test_window_periodograms_of_white_noise_have_its_variance() -> None:
    windows = np.random.default_rng(3).normal(100, 6, (4000, 16, 16)).astype(np.float32)
    power, _ = window_powers(windows)
    np.testing.assert_allclose(power.mean(axis=0)[4:13, 4:9], 36, rtol=0.12)
    assert power.mean(axis=0)[4:13, 4:9].mean() == pytest.approx(36, rel=0.01)


def test_bad_spacing_is_said() -> None:
    with pytest.raises(UsageError, match="positive lengths"):
        noise_power_spectrum(np.zeros((4, 4)), (1.0,))
    with pytest.raises(UsageError, match="2D or 3D"):
        noise_power_spectrum(np.zeros(4))
