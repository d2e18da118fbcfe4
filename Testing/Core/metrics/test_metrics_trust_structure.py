"""What was removed is compared with the noise model: noise alone is not flagged, what was erased or invented is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from DiffusionCore.degradation import radial_spectrum, rician, shaped_noise
from DiffusionCore.metrics.noise_estimate import NoiseEstimate
from DiffusionCore.metrics.trust_noise_model import gaussian_response, noise_shape, standardised
from DiffusionCore.metrics.trust_places import find_places
from DiffusionCore.metrics.trust_structure import FLAGGED, residual_structure
from DiffusionCore.volume import Volume

SHAPE = (32, 64, 64)
CENTRE = (16, 32, 32)
SIGMA = 20.0
GAUSSIAN = NoiseEstimate(SIGMA, "gaussian")
RICIAN = NoiseEstimate(SIGMA, "rician")


def volume(voxels: np.ndarray, modality: str = "MR", spacing: tuple[float, float, float] = (1, 1, 1)) -> Volume:
    return Volume(np.asarray(voxels, np.float32), np.diag([*spacing[::-1], 1.0]), modality)


def ball(radius: float) -> np.ndarray:
    return sum((axis - c) ** 2 for axis, c in zip(np.indices(SHAPE), CENTRE, strict=True)) <= radius**2


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    """Two tissues with a curved border, 20 and 30 sigma bright."""
    _, j, i = np.indices(SHAPE)
    return np.where(j + 6 * np.sin(i / 9) > 32, 600.0, 400.0).astype(np.float32)


@pytest.fixture(scope="module")
def noisy(clean) -> np.ndarray:
    return rician(clean, np.random.default_rng(1), SIGMA).voxels


def test_white_noise_after_a_gaussian_has_the_deviation_of_theory():
    shape = noise_shape(GAUSSIAN, white=True)
    for width in (1.0, 2.0):
        assert shape.deviation(gaussian_response((width,) * 3)) == pytest.approx(
            (2 * np.sqrt(np.pi) * width) ** -1.5, rel=1e-2
        )


@pytest.mark.parametrize("amplitude", [0.0, 1.0, 3.0, 25.0, 100.0])
def test_rician_noise_is_standardised_at_any_amplitude(amplitude):
    truth = np.full((20, 50, 50), amplitude * SIGMA, np.float32)
    found = standardised(rician(truth, np.random.default_rng(0), SIGMA).voxels, truth, SIGMA, rician=True)
    assert found.mean() == pytest.approx(0, abs=0.02)
    assert found.std() == pytest.approx(1, abs=0.02)


def test_noise_alone_looks_like_noise(clean, noisy):
    found = residual_structure(volume(noisy), volume(clean), RICIAN)
    assert found.excess == pytest.approx(1, abs=0.1)
    assert found.share < 2e-3
    assert not find_places(found, volume(noisy), volume(clean))


@pytest.mark.parametrize("radius", [1.5, 2.0, 3.0])
def test_a_lesion_of_3_sigma_that_was_erased_is_found_where_it_was(clean, radius):
    truth = clean + 3 * SIGMA * ball(radius)
    scan = rician(truth, np.random.default_rng(2), SIGMA).voxels
    found = residual_structure(volume(scan), volume(clean), RICIAN)
    place = find_places(found, volume(scan), volume(clean), least=5)[0]
    assert place.score < -5
    assert np.linalg.norm(np.subtract(place.ras, CENTRE[::-1])) <= radius
    assert 0 < place.volume_mm3 < 8 * ball(radius).sum()
    assert not place.invented
    assert place.scan == pytest.approx(3 * SIGMA, rel=0.4)
    assert abs(place.result) < SIGMA


@pytest.mark.parametrize("sign", [1, -1])
def test_a_sphere_that_was_invented_is_found_and_said_to_be(clean, noisy, sign):
    result = clean + sign * 3 * SIGMA * ball(3)
    found = residual_structure(volume(noisy), volume(result), RICIAN)
    place = find_places(found, volume(noisy), volume(result))[0]
    assert place.score * sign > 6
    assert np.linalg.norm(np.subtract(place.ras, CENTRE[::-1])) <= 3
    assert place.invented
    assert place.result == pytest.approx(sign * 3 * SIGMA, rel=0.4)


def test_a_dark_hole_that_was_invented_down_to_zero_is_not_taken_for_air(noisy, clean):
    found = residual_structure(volume(noisy), volume(np.where(ball(3), 0, clean)), RICIAN)
    assert found.tissue[CENTRE]
    assert found.z[CENTRE] < -FLAGGED


def test_edges_that_were_blurred_are_flagged_along_the_edge_and_nowhere_else(clean, noisy):
    found = residual_structure(volume(noisy), volume(gaussian_filter(clean, 1.0)), RICIAN)
    near = gaussian_filter(np.abs(np.gradient(clean, axis=1)), 2) > 1
    assert np.mean(np.abs(found.z[near]) > FLAGGED) > 0.3
    assert np.mean(np.abs(found.z[~near]) > FLAGGED) < 0.01


def test_slow_changes_are_no_structure(clean, noisy):
    shading = 0.5 * SIGMA * np.sin(np.indices(SHAPE)[1] / 40)
    found = residual_structure(volume(noisy + shading), volume(clean), RICIAN)
    assert found.share < 5e-3


def test_correlated_noise_is_judged_by_its_own_spectrum():
    frequency = np.linspace(0, 0.75, 64)
    power = radial_spectrum(frequency, frequency * np.clip(1 - frequency / 0.4, 0, None) ** 2 + 1e-4, (64, 64))
    noise = SIGMA * shaped_noise((24, 96, 96), np.random.default_rng(0), power)
    truth = np.full(noise.shape, 40.0)
    measured = replace(GAUSSIAN, spectrum=power, correlated=True, correlation=(0.0, 0.3, 0.3))
    known = residual_structure(volume(truth + noise, "CT"), volume(truth, "CT"), measured)
    assert known.excess == pytest.approx(1, abs=0.12)
    assert known.share < 2e-3
    taken_as_white = residual_structure(volume(truth + noise, "CT"), volume(truth, "CT"), GAUSSIAN)
    assert not taken_as_white.known
    assert abs(taken_as_white.excess - 1) > 0.2


def test_thick_slices_are_not_smoothed_across():
    noise = np.random.default_rng(3).normal(0, SIGMA, SHAPE)
    spacing = (5.0, 1.0, 1.0)
    truth = np.full(SHAPE, 40.0)
    found = residual_structure(volume(truth + noise, "CT", spacing), volume(truth, "CT", spacing), GAUSSIAN)
    assert found.excess == pytest.approx(1, abs=0.12)


def test_outside_the_mask_and_in_air_nothing_is_said(clean, noisy):
    mask = np.zeros(SHAPE, bool)
    mask[:, :, :32] = True
    found = residual_structure(volume(noisy), volume(clean + 3 * SIGMA * ball(3)), RICIAN, mask=mask)
    assert not found.z[~mask].any()
    air = volume(np.zeros(SHAPE))
    assert residual_structure(air, air, RICIAN).share == 0


def test_a_stronger_removal_than_noise_everywhere_is_excess_not_places(clean):
    noise = gaussian_filter(np.random.default_rng(4).normal(0, 1, SHAPE), 1.5)
    truth = clean + SIGMA * noise / noise.std()
    found = residual_structure(volume(truth), volume(clean), RICIAN)
    assert found.excess > 2
