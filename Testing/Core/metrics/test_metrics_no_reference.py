"""SNR, CNR and mean shift on phantoms."""

from __future__ import annotations

import numpy as np
import pytest

from DiffusionCore.errors import UsageError
from DiffusionCore.metrics import contrast_to_noise, figures, find_regions, mean_shift, noise_where_flattest

SHAPE = (16, 144, 144)


def two_tissues(low: float, high: float, sigma: float, seed: int = 0) -> np.ndarray:
    """Two tissues, the low one larger, and a little of a third."""
    j, i = np.mgrid[: SHAPE[1], : SHAPE[2]]
    image = np.full(SHAPE[1:], low)
    image[np.hypot(j - 72, i - 60) < 40] = high
    image[5:25, 5:25] = 2 * high - low
    return image + sigma * np.random.default_rng(seed).standard_normal(SHAPE)


def test_snr_and_cnr_of_known_tissues() -> None:
    scan = two_tissues(100, 200, 8)
    found = figures(scan, find_regions(scan, "MR", (1, 1, 1)))
    assert found.cnr == pytest.approx(100 / 8, rel=0.05)
    # Half-way between the two tissues' 12.5 and 25, wherever most of the flat windows are.
    assert 100 / 8 * 0.95 < found.snr < 200 / 8 * 1.05


def test_snr_of_one_tissue() -> None:
    scan = 120 + 6 * np.random.default_rng(1).standard_normal(SHAPE)
    found = figures(scan, find_regions(scan, "MR", (1, 1, 1)))
    assert found.snr == pytest.approx(20, rel=0.03)
    assert np.isnan(found.cnr)
    assert np.isnan(found.rise_mm)
    assert found.mean == pytest.approx(120, rel=1e-3)


def test_a_slow_change_of_tissue_is_not_noise() -> None:
    shading = np.broadcast_to(np.linspace(100, 140, SHAPE[2]), SHAPE)
    scan = shading + 2 * np.random.default_rng(2).standard_normal(SHAPE)
    found = figures(scan, find_regions(scan, "MR", (1, 1, 1)))
    assert found.snr == pytest.approx(120 / 2, rel=0.1)


def test_ct_counts_signal_from_air() -> None:
    scan = two_tissues(-80, 50, 10)
    found = figures(scan, find_regions(scan, "CT", (1, 1, 1)))
    assert found.cnr == pytest.approx(13, rel=0.05)
    assert 92 * 0.95 < found.snr < 105 * 1.05


def test_the_originals_regions_show_what_was_gained() -> None:
    noisy, clean = two_tissues(100, 200, 16, 3), two_tissues(100, 200, 4, 4)
    regions = find_regions(noisy, "MR", (1, 1, 1))
    before, after = figures(noisy, regions), figures(clean, regions)
    assert after.snr / before.snr == pytest.approx(4, rel=0.1)
    assert after.cnr / before.cnr == pytest.approx(4, rel=0.1)


def test_flat_windows_do_not_pick_the_quiet_moments_of_noise() -> None:
    scan = 100 + 10 * np.random.default_rng(5).standard_normal(SHAPE)
    assert figures(scan, find_regions(scan, "MR", (1, 1, 1))).snr == pytest.approx(10, rel=0.03)


def test_cnr_by_hand() -> None:
    means, deviations = np.array([10.0, 12, 30, 32, 99]), np.array([3.0, 3, 4, 4, 50])
    assert contrast_to_noise(means, deviations, np.array([0, 0, 1, 1, -1])) == pytest.approx(20 / np.sqrt(12.5))
    assert np.isnan(contrast_to_noise(means, deviations, np.zeros(5, dtype=int)))


def test_mean_shift_by_hand() -> None:
    before = np.array([[1.0, 2.0], [3.0, 100.0]])
    after = np.array([[2.0, 2.0], [5.0, 0.0]])
    assert mean_shift(before, after, before < 50) == pytest.approx(1.0)
    assert mean_shift(before.astype(np.uint8), after.astype(np.uint8)) == pytest.approx(-24.25)
    with pytest.raises(UsageError, match="one shape"):
        mean_shift(before, after[:1])


def test_without_tissue_there_are_no_figures_and_no_error() -> None:
    scan = np.zeros((2, 20, 20))
    found = figures(scan, find_regions(scan, "MR"))
    assert np.isnan([found.snr, found.cnr, found.rise_mm, found.mtf50, found.mean]).all()


@pytest.mark.parametrize("kept", [1.0, 0.4, 0.1])
def test_noise_that_is_left_is_measured_where_the_original_is_flattest(kept: float) -> None:
    """Stripes on half of the picture are anatomy: they stay in the result, and are not taken for noise."""
    clean = two_tissues(100, 200, 0)
    clean[:, :, 100:] += 30 * (np.arange(44) % 6 > 2)
    noise = 8 * np.random.default_rng(2).standard_normal(SHAPE)
    before, after = noise_where_flattest(clean + noise, (clean + noise, clean + kept * noise), "MR")
    assert before == pytest.approx(8, rel=0.05)
    assert after == pytest.approx(8 * kept, rel=0.05)


def test_noise_of_a_scan_without_enough_tissue_is_not_told() -> None:
    scan = np.full((2, 20, 20), -1000.0)
    assert np.isnan(noise_where_flattest(scan, [scan], "CT")).all()
