"""Rician statistics backwards: exact at both ends, and the inverse of the forward moments."""

from __future__ import annotations

import numpy as np
import pytest

from DiffusionCore.degradation.moments import rician_moments
from DiffusionCore.metrics import amplitude, koay_factor, koay_sigma
from DiffusionCore.metrics.rician import factor_from_mean


def test_factor_is_rayleighs_without_signal_and_one_with_much() -> None:
    assert koay_factor(0.0) == pytest.approx(2 - np.pi / 2)
    assert koay_factor(1000.0) == pytest.approx(1.0, abs=1e-6)


def test_factor_is_the_variance_of_the_forward_model() -> None:
    theta = np.array([0.1, 0.5, 1, 2, 3, 5, 10, 29.9, 30.1, 100])
    np.testing.assert_allclose(koay_factor(theta), rician_moments(theta, 1.0)[1], rtol=1e-6)


@pytest.mark.parametrize("snr", [0.5, 1, 2, 3, 5, 20, 200])
def test_sigma_and_amplitude_come_back_from_mean_and_deviation(snr: float) -> None:
    sigma = 7.0
    mean, variance = rician_moments(snr * sigma, sigma)
    assert koay_sigma(mean, np.sqrt(variance)) == pytest.approx(sigma, rel=2e-3)
    assert amplitude(mean, sigma) == pytest.approx(snr * sigma, rel=2e-3)
    assert factor_from_mean(mean, sigma) == pytest.approx(variance / sigma**2, rel=1e-3)


def test_below_rayleigh_counts_as_no_signal() -> None:
    assert koay_sigma(1.0, 1.0) == pytest.approx(1 / np.sqrt(2 - np.pi / 2))
    assert amplitude(1.0, 1.0) == 0
