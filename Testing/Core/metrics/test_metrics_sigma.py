"""Blind noise level on phantoms whose noise is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from DiffusionCore.errors import InputError
from DiffusionCore.metrics import NoiseEstimate, estimate_sigma, estimates_by_slab

SHAPE = (24, 128, 128)
SIGMA = 10.0


def normal(seed: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def rician(amplitude: np.ndarray | float, sigma: np.ndarray | float, seed: int = 0) -> np.ndarray:
    shape = np.shape(amplitude) or SHAPE
    return np.hypot(amplitude + sigma * normal(seed, shape), sigma * normal(seed + 1, shape)).astype(np.float32)


def zero_filled(amplitude: np.ndarray, sigma: float, factor: float, seed: int = 0) -> np.ndarray:
    """Magnitude of a scan of which k-space was measured in the middle 1/factor only, in the plane."""
    noise = normal(seed, amplitude.shape) + 1j * normal(seed + 1, amplitude.shape)
    spectrum = np.fft.fft2(amplitude + 0j), np.fft.fft2(noise)
    for axis in (1, 2):
        n = amplitude.shape[axis]
        keep = (np.abs(np.fft.fftfreq(n)) <= 0.5 / factor).reshape([-1 if a == axis else 1 for a in range(3)])
        spectrum = tuple(s * keep for s in spectrum)
    clean, noise = (np.fft.ifft2(s) for s in spectrum)
    return np.abs(clean + noise * (sigma / np.sqrt(np.mean(np.abs(noise) ** 2) / 2))).astype(np.float32)


def smoothed_noise(sigma: float, width: float, seed: int = 0, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    noise = gaussian_filter(normal(seed, shape), (0, width, width), mode="wrap")
    return noise * np.float32(sigma / noise.std())


def head(shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """Piecewise constant: air, two tissues, fluid."""
    _, j, i = np.mgrid[tuple(slice(n) for n in shape)]
    radius = np.hypot(j - shape[1] / 2, i - shape[2] / 2) / (shape[1] / 2)
    image = np.where(radius < 0.9, 150.0, 0.0)
    image[radius < 0.7] = 250.0
    image[np.hypot(j - shape[1] / 2, i - shape[2] / 3) < shape[1] / 10] = 80.0
    return image.astype(np.float32)


@pytest.mark.parametrize("snr", [3, 5, 10, 30])
def test_flat_rician_within_5_percent(snr: int) -> None:
    found = estimate_sigma(rician(snr * SIGMA, SIGMA), "MR", (1, 1, 1))
    assert found.sigma == pytest.approx(SIGMA, rel=0.05)
    assert found.kind == "rician"
    assert not found.correlated
    assert found.reliable


@pytest.mark.parametrize(("modality", "level"), [("CT", 40.0), ("OTHER", 100.0), ("OTHER", 0.0)])
def test_flat_gaussian_within_5_percent(modality: str, level: float) -> None:
    found = estimate_sigma(level + SIGMA * normal(2), modality, (1, 1, 1))
    assert found.sigma == pytest.approx(SIGMA, rel=0.05)
    assert found.kind == "gaussian"
    assert not found.correlated
    np.testing.assert_allclose(found.correlation, 0, atol=0.05)


def test_magnitudes_that_go_below_zero_are_not_magnitudes() -> None:
    assert estimate_sigma(SIGMA * normal(2), "MR", (1, 1, 1)).kind == "gaussian"


@pytest.mark.parametrize("slices", [1, 2, 6])
def test_few_and_thick_slices(slices: int) -> None:
    found = estimate_sigma(rician(np.full((slices, 160, 160), 100.0), SIGMA, 4), "MR", (5, 1, 1))
    assert found.sigma == pytest.approx(SIGMA, rel=0.05)


def test_slices_that_differ_wholly_do_not_count_as_noise_when_thick() -> None:
    scan = np.full((12, 96, 96), 100.0) + 60 * (np.arange(12) % 2)[:, None, None]
    assert estimate_sigma(rician(scan, SIGMA, 6), "MR", (4, 1, 1)).sigma == pytest.approx(SIGMA, rel=0.05)


@pytest.mark.parametrize("step_over_sigma", [0.25, 0.5, 1.0])
def test_integers(step_over_sigma: float) -> None:
    sigma = 1 / step_over_sigma
    found = estimate_sigma(np.round(100 + sigma * normal(7)).astype(np.uint8), "MR", (1, 1, 1))
    assert found.sigma == pytest.approx(np.hypot(sigma, 12**-0.5), rel=0.05)  # rounding adds 1/12


def test_rescaled_integers() -> None:
    stored = np.round(100 + 1.5 * normal(8))
    found = estimate_sigma((0.37 * stored - 5).astype(np.float32), "MR", (1, 1, 1))
    assert found.sigma == pytest.approx(0.37 * np.hypot(1.5, 12**-0.5), rel=0.05)


def test_edges_and_an_exact_zero_background_do_not_matter() -> None:
    image = head()
    noisy = rician(image, SIGMA, 10)
    with_air, without = estimate_sigma(noisy, "MR", (1, 1, 1)), estimate_sigma(noisy * (image > 0), "MR", (1, 1, 1))
    assert with_air.sigma == pytest.approx(SIGMA, rel=0.05)
    assert without.sigma == pytest.approx(SIGMA, rel=0.05)
    assert with_air.air == pytest.approx(SIGMA, rel=0.05)
    assert without.air is None


def test_the_background_speaks_where_tissue_is_drowned() -> None:
    image = head() / 25  # SNR 10 at most becomes 1
    assert estimate_sigma(rician(image, SIGMA, 12), "MR", (1, 1, 1)).sigma == pytest.approx(SIGMA, rel=0.05)


@pytest.mark.parametrize("factor", [1.25, 1.5, 2.0])
def test_zero_filled_noise_is_seen_as_correlated_and_not_underestimated(factor: float) -> None:
    found = estimate_sigma(zero_filled(np.full(SHAPE, 200.0), SIGMA, factor, 14), "MR", (1, 1, 1))
    assert found.correlated
    assert found.sigma == pytest.approx(SIGMA, rel=0.1)
    expected = np.sinc(1 / factor)
    np.testing.assert_allclose(found.correlation[1:], expected, atol=0.07)
    assert found.correlation[0] == pytest.approx(0, abs=0.07)
    assert found.lower < 0.8 * SIGMA  # what a wavelet estimate alone would say


@pytest.mark.parametrize("masked", [False, True])
def test_zero_filled_head_within_20_percent(masked: bool) -> None:
    image = head()
    noisy = zero_filled(image, SIGMA, 2.0, 16)
    found = estimate_sigma(noisy * (image > 0) if masked else noisy, "MR", (1, 1, 1))
    assert found.correlated
    assert found.sigma == pytest.approx(SIGMA, rel=0.2)


@pytest.mark.parametrize("width", [0.5, 0.8, 1.0, 1.5])
def test_smoothed_ct_noise_within_20_percent(width: float) -> None:
    shape = (8, 192, 192)
    hu = np.full(shape, -80.0, dtype=np.float32)
    hu[:, 40:150, 40:150] = 50  # muscle in fat
    found = estimate_sigma(hu + smoothed_noise(20.0, width, 18, shape), "CT", (1, 1, 1))
    assert found.sigma == pytest.approx(20, rel=0.2)
    assert found.correlated
    expected = np.exp(-1 / (4 * width**2))  # of white noise smoothed by a Gaussian
    np.testing.assert_allclose(found.correlation[1:], expected, atol=0.12)
    assert found.lower < found.sigma


def test_spectrum_holds_the_variance_and_its_shape() -> None:
    found = estimate_sigma(40 + smoothed_noise(20.0, 1.0, 20), "CT", (1, 1, 1))
    assert found.spectrum.mean() == pytest.approx(found.sigma**2, rel=1e-6)
    n = len(found.spectrum)
    np.testing.assert_allclose(found.spectrum, np.roll(found.spectrum[::-1, ::-1], (1, 1), (0, 1)), rtol=1e-6)
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(n), np.fft.fftfreq(n)))
    middle = (f > 0.1) & (f < 0.2)
    ratio = found.spectrum[middle] / np.exp(-((2 * np.pi * f[middle]) ** 2))
    assert ratio.std() / ratio.mean() < 0.2


def test_ct_air_is_measured_apart_from_tissue() -> None:
    hu = np.full(SHAPE, -980.0, dtype=np.float32)
    hu[:, 30:98, 30:98] = 40
    sigma = np.where(hu > 0, 15, 5).astype(np.float32)
    found = estimate_sigma(hu + sigma * normal(22), "CT", (1, 1, 1))
    assert found.sigma == pytest.approx(15, rel=0.1)
    assert found.air == pytest.approx(5, rel=0.1)


def test_a_slowly_varying_level_is_mapped() -> None:
    ramp = np.broadcast_to(np.linspace(6, 12, SHAPE[2], dtype=np.float32), SHAPE)
    found = estimate_sigma(rician(np.full(SHAPE, 150.0), ramp, 24), "MR", (1, 1, 1))
    assert found.map is not None
    ratio = found.sigma_map(SHAPE) / ramp
    assert np.sqrt(np.mean((ratio - 1) ** 2)) < 0.08
    assert found.sigma_map((48, 64, 200)).shape == (48, 64, 200)


def test_an_even_level_has_no_map_but_can_be_asked_for_one() -> None:
    found = estimate_sigma(rician(head(), SIGMA, 26), "MR", (1, 1, 1))
    assert found.map is None
    np.testing.assert_array_equal(found.sigma_map((2, 3, 4)), np.float32(found.sigma))


def test_the_mask_says_where() -> None:
    sigma = np.full(SHAPE, 20.0, dtype=np.float32)
    sigma[:, :, 64:] = 5
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, :, 70:] = True
    scan = 100 + sigma * normal(28)
    assert estimate_sigma(scan, "OTHER", (1, 1, 1), mask=mask).sigma == pytest.approx(5, rel=0.05)


def test_scaling_a_scan_scales_its_noise() -> None:
    scan = rician(head(), SIGMA, 30)
    one, ten = (estimate_sigma(scan * np.float32(s), "MR", (1, 1, 1)).sigma for s in (1, 10))
    assert ten == pytest.approx(10 * one, rel=1e-4)


def test_in_steps_it_ends_where_the_whole_ends() -> None:
    scan = rician(head((64, 96, 96)), SIGMA, 32)
    steps = list(estimates_by_slab(scan, "MR", (1, 1, 1), max_slabs=3))
    assert len(steps) == 3
    assert steps[-1].sigma == estimate_sigma(scan, "MR", (1, 1, 1), max_slabs=3).sigma
    for step in steps:
        assert step.sigma == pytest.approx(SIGMA, rel=0.07)


def test_only_the_slabs_are_read() -> None:
    scan = rician(np.full((100, 64, 64), 100.0), SIGMA, 34)
    scan[:40] = scan[60:] = 0  # the central slab is all it may need
    assert estimate_sigma(scan, "MR", (1, 1, 1), max_slabs=1).sigma == pytest.approx(SIGMA, rel=0.07)


@pytest.mark.parametrize("scan", [np.zeros((4, 40, 40)), np.full((4, 40, 40), 7, dtype=np.int16), np.ones((1, 1, 1))])
def test_without_noise_or_voxels_it_says_so(scan: np.ndarray) -> None:
    found = estimate_sigma(scan, "MR", (1, 1, 1))
    assert found.sigma == 0
    assert not found.reliable
    assert "no noise" in found.reason


def test_too_small_to_trust_is_said() -> None:
    found = estimate_sigma(100 + normal(36, (5, 5, 5)), "MR", (1, 1, 1))
    assert not found.reliable
    assert "too few" in found.reason


def test_nan_and_infinity_are_left_out() -> None:
    scan = 100 + SIGMA * normal(38)
    scan[:, 20:30, 20:30] = np.nan
    scan[:, 50, 50] = np.inf
    assert estimate_sigma(scan, "OTHER", (1, 1, 1)).sigma == pytest.approx(SIGMA, rel=0.07)


def test_what_is_not_a_volume_is_refused() -> None:
    with pytest.raises(InputError, match="3D array"):
        estimate_sigma(np.zeros((4, 4)), "MR")
    with pytest.raises(InputError, match="mask"):
        estimate_sigma(np.zeros((4, 4, 4)), "MR", mask=np.zeros((4, 4, 5), dtype=bool))


def test_an_estimate_can_be_given_by_hand() -> None:
    given = NoiseEstimate(sigma=3.0, kind="rician", reason="given")
    assert not given.correlated
    assert given.sigma_map((1, 2, 3)).max() == 3
