"""One factor on the spread, so that the interval covers what it says: checked where errors are normal."""

from __future__ import annotations

import numpy as np
import pytest

from DiffusionCore.errors import UsageError
from DiffusionCore.metrics.trust_uncertainty import (
    LEVELS,
    conformal_factor,
    coverage,
    error_ratios,
    reliability_curve,
    sureness,
)


def ratios(seed: int, scale: float, size: int = 40_000) -> np.ndarray:
    """Of normal errors of deviation `scale` times the spread."""
    rng = np.random.default_rng(seed)
    spread = rng.uniform(0.5, 2, size)
    return error_ratios(rng.normal(0, scale * spread), np.zeros(size), spread, np.ones(size, bool))


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_the_factor_is_how_much_too_small_the_spread_is(scale):
    assert conformal_factor([ratios(0, scale)]) == pytest.approx(scale, rel=0.02)


def test_with_the_factor_intervals_of_normal_errors_cover_their_levels():
    factor = conformal_factor([ratios(0, 2.0)])
    for nominal, observed in reliability_curve(ratios(1, 2.0), factor):
        assert observed == pytest.approx(nominal, abs=0.01)
    assert [nominal for nominal, _ in reliability_curve(ratios(1, 2.0), factor)] == list(LEVELS)


def test_every_subject_counts_the_same_however_large_it_is():
    small, large = ratios(0, 1.0, 2_000), ratios(1, 4.0, 50_000)
    factor = conformal_factor([small, large])
    assert (coverage(small, factor) + coverage(large, factor)) / 2 == pytest.approx(0.9, abs=0.01)


def test_the_rank_is_that_of_split_conformal_prediction():
    # Nine errors 1 to 9 and 90 %: ceil(10 * 0.9) = the ninth.
    nine = error_ratios(np.arange(1.0, 10), np.zeros(9), np.ones(9), np.ones(9, bool))
    assert conformal_factor([nine]) * 1.6448536 == pytest.approx(9)


def test_no_spread_covers_no_error_but_covers_the_exact():
    found = error_ratios(np.array([1.0, 0.0]), np.zeros(2), np.zeros(2), np.ones(2, bool))
    assert found.tolist() == [0, np.inf]


def test_without_voxels_there_is_no_factor():
    with pytest.raises(UsageError, match="empty"):
        error_ratios(np.ones(3), np.ones(3), np.ones(3), np.zeros(3, bool))
    with pytest.raises(UsageError, match="subject"):
        conformal_factor([])


def test_sureness_is_the_half_width_of_the_90_percent_interval():
    found = sureness(np.full((4, 5, 6), 10.0), np.ones((4, 5, 6), bool), calibrated=True)
    assert found.median == pytest.approx(16.45, abs=0.01)
    assert sureness(np.ones((2, 2, 2)), np.zeros((2, 2, 2), bool), calibrated=True) is None
