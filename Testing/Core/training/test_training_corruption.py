"""How a clean target becomes an input."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from DiffusionCore.training.config import DegradationConfig
from DiffusionCore.training.corruption import make_corruption


def neighbours(noise: np.ndarray) -> float:
    """Largest lag-one autocorrelation over the axes."""
    power = np.mean(noise**2)
    return (
        max(np.mean(noise.take(range(1, n), a) * noise.take(range(n - 1), a)) for a, n in enumerate(noise.shape))
        / power
    )


def noise_of(share: float, seed: int) -> np.ndarray:
    """What is added to a bright, even target, where a Rician magnitude is nearly normal; in units of sigma."""
    corrupt = make_corruption(DegradationConfig(target="rician", correlated=share))
    target = np.full((32, 32, 32), 1.0, np.float32)
    return (corrupt(target, 0.02, np.random.default_rng(seed)).y - 1.0) / 0.02


def test_correlated_noise_has_the_sigma_that_the_network_is_told():
    for seed in range(6):
        noise = noise_of(1.0, seed)
        assert noise.std() == pytest.approx(1, rel=0.1)
        assert neighbours(noise) > 0.1


def test_a_share_of_the_examples_has_correlated_noise_and_none_is_the_same_as_before():
    found = [neighbours(noise_of(0.5, seed)) > 0.1 for seed in range(40)]
    assert 10 <= sum(found) <= 30
    assert all(abs(neighbours(noise_of(0.0, seed))) < 0.05 for seed in range(4))


def test_correlation_is_of_rician_noise_only():
    with pytest.raises(ValidationError, match="correlated noise is for target rician, not gaussian"):
        DegradationConfig(target="gaussian", correlated=0.5)
