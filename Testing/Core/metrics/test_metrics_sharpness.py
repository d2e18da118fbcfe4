"""Edge profiles, rise and MTF of steps with a known blur."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erf

from DiffusionCore.errors import UsageError
from DiffusionCore.metrics import edge_profile, find_edges, mtf50, rise_distance

PIXEL = 0.8
TEN_TO_NINETY = 2.5631  # of the normal distribution
HALF_MODULATION = np.sqrt(np.log(2) / 2) / np.pi  # exp(-2 pi² s² f²) = 1/2 at f = 0.1874 / s


def disc(blur: float, contrast: float = 200.0) -> np.ndarray:
    """Four slices with a disc whose edge is a step blurred by `blur` voxels."""
    j, i = np.mgrid[:160, :160]
    distance = 50.3 - np.hypot(j - 80.2, i - 79.6)
    return np.stack([100 + contrast * (0.5 + 0.5 * erf(distance / (np.sqrt(2) * blur)))] * 4)


def blurred_by(blur: float) -> float:
    """Blur with that of linear interpolation between voxels, whose variance is a sixth on average."""
    return np.sqrt(blur**2 + 1 / 6)


def test_rise_of_a_straight_line() -> None:
    distance = np.arange(-5, 5.1, 0.5)
    assert rise_distance(distance, np.clip(0.5 + distance / 4, 0, 1)) == pytest.approx(3.2)


@pytest.mark.parametrize("blur", [0.4, 1.0, 1.5])
def test_rise_and_mtf50_of_a_gaussian_edge(blur: float) -> None:
    distance = np.arange(-10, 10.1, 0.25)
    value = 0.5 + 0.5 * erf(distance / (np.sqrt(2) * blur))
    assert rise_distance(distance, value) == pytest.approx(TEN_TO_NINETY * blur, rel=0.02)
    assert mtf50(distance, value) == pytest.approx(HALF_MODULATION / blur, rel=0.01)


def test_mtf50_of_a_box() -> None:
    # A ramp of width w is a step blurred by a box: |sinc(w f)| = 1/2 at w f = 0.6034.
    distance = np.arange(-200, 201) / 25
    assert mtf50(distance, np.clip(0.5 + distance / 2, 0, 1)) == pytest.approx(0.6034 / 2, rel=0.01)


@pytest.mark.parametrize("blur", [0.7, 1.0, 1.5, 2.0])
def test_a_discs_edge_in_mm(blur: float) -> None:
    slices = disc(blur)
    edges = find_edges(slices, (PIXEL, PIXEL))
    profile = edge_profile(slices, edges)
    effective = blurred_by(blur) * PIXEL
    assert rise_distance(profile.distance, profile.value) == pytest.approx(TEN_TO_NINETY * effective, rel=0.06)
    assert mtf50(profile.distance, profile.value) == pytest.approx(HALF_MODULATION / effective, rel=0.06)


def test_edges_lie_on_the_disc_and_point_uphill() -> None:
    edges = find_edges(disc(1.0), (PIXEL, PIXEL))
    offset = edges.places[:, 1:] - np.array([80.2, 79.6])
    np.testing.assert_allclose(np.hypot(*offset.T), 50.3, atol=0.15)
    inward = -offset / np.hypot(*offset.T)[:, None]
    assert np.min(np.sum(inward * edges.direction, axis=1)) > 0.99


def test_noise_hardly_changes_the_measure() -> None:
    noisy = disc(1.5) + 20 * np.random.default_rng(0).standard_normal((4, 160, 160))
    edges = find_edges(noisy, (PIXEL, PIXEL))
    expected = TEN_TO_NINETY * blurred_by(1.5) * PIXEL
    for slices in (noisy, disc(1.5)):  # itself, and what a perfect denoiser makes of it
        profile = edge_profile(slices, edges)
        assert rise_distance(profile.distance, profile.value) == pytest.approx(expected, rel=0.1)


def test_blur_is_seen_at_the_same_places() -> None:
    edges = find_edges(disc(1.0), (PIXEL, PIXEL))
    before, after = (edge_profile(slices, edges) for slices in (disc(1.0), disc(1.8)))
    ratio = rise_distance(after.distance, after.value) / rise_distance(before.distance, before.value)
    assert ratio == pytest.approx(blurred_by(1.8) / blurred_by(1.0), rel=0.06)


def test_anisotropic_pixels_are_measured_in_mm() -> None:
    j, i = np.mgrid[:160, :160]
    distance = 25.0 - np.hypot(0.5 * (j - 80), i - 80)  # round in mm: 0.5 by 1 mm pixels
    slices = np.stack([100 + 200 * (0.5 + 0.5 * erf(distance / (np.sqrt(2) * 1.2)))] * 4)
    edges = find_edges(slices, (0.5, 1.0))
    profile = edge_profile(slices, edges)
    assert rise_distance(profile.distance, profile.value) == pytest.approx(TEN_TO_NINETY * 1.2, rel=0.12)


def test_a_cut_to_exact_zero_and_thin_walls_are_no_edges() -> None:
    masked = np.where(disc(0.1) > 200, 300.0, 0.0)
    assert len(find_edges(masked).places) == 0
    wall = np.full((1, 80, 80), 100.0)
    wall[:, :, 40:43] = 300
    assert len(find_edges(wall).places) == 0
    assert edge_profile(wall, find_edges(wall)) is None


def test_bad_profiles_are_said() -> None:
    with pytest.raises(UsageError, match="even steps"):
        mtf50([0, 1, 2, 3, 4, 5, 6, 8], np.linspace(0, 1, 8))
    with pytest.raises(UsageError, match="spacing"):
        find_edges(np.zeros((20, 20)), (1.0, 0.0))
