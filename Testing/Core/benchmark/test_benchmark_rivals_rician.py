"""Variance stabilisation and bias removal of Rician data, against scipy's Rice distribution and drawn samples."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import rice

from DiffusionCore.benchmark.rivals.method import NoisyScan
from DiffusionCore.benchmark.rivals.rician_bias import remove_rician_bias
from DiffusionCore.benchmark.rivals.rician_vst import RicianStabiliser, rician_density, rician_stabiliser
from DiffusionCore.degradation import rician

AMPLITUDES = [0.0, 0.2, 0.5, 1.0, 1.7, 3.0, 4.4, 7.9, 8.2, 15.9, 16.2, 40.0]


@pytest.fixture(scope="module")
def stabiliser() -> RicianStabiliser:
    return rician_stabiliser()


def stabilised_moments(stabiliser: RicianStabiliser, nu: float) -> tuple[float, float]:
    """Mean and standard deviation of f(z) by quadrature over scipy's density, on a grid of its own."""
    z = np.linspace(max(0.0, nu - 9), nu + 9, 20001)
    density = rice.pdf(z, nu)
    f = stabiliser.forward(z, 1.0)
    mean = trapezoid(f * density, z)
    return mean, float(np.sqrt(trapezoid((f - mean) ** 2 * density, z)))


@pytest.mark.parametrize("nu", [0.0, 0.5, 2.0, 6.0])
def test_density_is_rices(nu: float) -> None:
    z = np.linspace(0, 12, 50)
    np.testing.assert_allclose(rician_density(z, [nu])[0], rice.pdf(z, nu), atol=1e-9)


@pytest.mark.parametrize("nu", AMPLITUDES)
def test_noise_is_one_after_stabilisation_at_every_amplitude(stabiliser: RicianStabiliser, nu: float) -> None:
    assert stabilised_moments(stabiliser, nu)[1] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("nu", AMPLITUDES)
def test_inverse_of_the_mean_is_the_amplitude(stabiliser: RicianStabiliser, nu: float) -> None:
    mean, _ = stabilised_moments(stabiliser, nu)
    # Near 0 the mean is flat in nu (its slope is nu), so that an error of 1e-5 in the mean is one of 5e-3 in nu.
    assert stabiliser.inverse(mean, 1.0) == pytest.approx(nu, abs=1e-3 if nu > 0.1 else 0.02)


def test_below_the_mean_of_pure_noise_the_amplitude_is_zero(stabiliser: RicianStabiliser) -> None:
    assert stabiliser.inverse(stabiliser.forward(0.0, 1.0), 1.0) == 0


def test_transform_rises_and_is_smooth_where_its_table_ends(stabiliser: RicianStabiliser) -> None:
    z = np.arange(0, 30, 0.01)
    steps = np.diff(stabiliser.forward(z, 1.0))
    assert steps.min() > 0
    assert np.abs(np.diff(steps[z[1:] > 7.5])).max() < 1e-3 * 0.01


def test_sigma_only_scales(stabiliser: RicianStabiliser) -> None:
    z = np.array([0.0, 0.4, 2.0, 30.0])
    np.testing.assert_allclose(stabiliser.forward(z * 0.07, 0.07), stabiliser.forward(z, 1.0), rtol=1e-12)
    d = np.array([3.0, 5.0, 40.0])
    np.testing.assert_allclose(stabiliser.inverse(d, 0.07), 0.07 * stabiliser.inverse(d, 1.0), rtol=1e-12)


@pytest.mark.parametrize("amplitude", [0.1, 0.3, 1.0])
def test_drawn_noise_is_stabilised_and_averages_back_to_the_amplitude(
    stabiliser: RicianStabiliser, amplitude: float
) -> None:
    drawn = rician(np.full((1, 300, 300), amplitude), np.random.default_rng(3), 0.1).voxels
    f = stabiliser.forward(drawn, 0.1)
    assert f.std() == pytest.approx(1, abs=0.025)
    # The standard error of the mean of 90 000 is 1/300 in f, 0.1 / 300 in amplitude, more where f is flat in nu.
    assert stabiliser.inverse(f.mean(), 0.1) == pytest.approx(amplitude, abs=0.0015)


@pytest.mark.parametrize("nu", [0.0, 1.0, 5.0, 19.9, 20.5, 100.0])
def test_bias_of_a_perfect_average_is_removed(nu: float) -> None:
    z = np.linspace(max(0.0, nu - 9), nu + 9, 20001)
    mean = np.full((2, 2, 2), 0.05 * trapezoid(z * rician_density(z, [nu])[0], z), np.float32)
    corrected = remove_rician_bias(mean, NoisyScan(mean, 0.05, "MR"))
    assert corrected == pytest.approx(np.full((2, 2, 2), 0.05 * nu), abs=0.05 * (1e-3 if nu else 0.01))


def test_ct_has_no_rician_bias() -> None:
    values = np.array([[[-1.0, 0.0, 0.04]]], np.float32)
    np.testing.assert_array_equal(remove_rician_bias(values, NoisyScan(values, 0.02, "CT")), values)
