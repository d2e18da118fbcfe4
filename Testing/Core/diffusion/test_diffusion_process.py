"""The forward process and what follows from it: forward steps, posteriors, where sampling starts."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from DiffusionCore.diffusion import (
    Process,
    forward,
    initial_state,
    make_process,
    matched_start,
    matched_timestep,
    posterior,
    transition,
)
from DiffusionCore.errors import UsageError

# variance preserving, zero terminal SNR, capped, and one whose noise grows while its signal stays
PROCESSES = {
    "linear": make_process("linear", 20, beta_end=0.5),
    "cosine_zero_snr": make_process("cosine_zero_snr", 20),
    "capped_cosine": make_process("capped_cosine", 20),
    "variance_exploding": Process([1.0] * 21, [0.1 * t for t in range(21)]),
}
every_process = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
steps_down = pytest.mark.parametrize(("s", "t"), [(1, 2), (3, 9), (7, 20), (19, 20)])


def test_forward_is_signal_plus_noise():
    process = Process([1.0, 0.8, 0.3], [0.0, 0.1, 2.0])
    x_t = forward(process, torch.tensor([[[2.0]]]), 1, torch.tensor([[[-3.0]]]))
    assert x_t.item() == pytest.approx(0.8 * 2 - 0.1 * 3)


def test_forward_takes_one_timestep_per_example():
    process = Process([1.0, 0.5, 0.0], [0.0, 0.5, 2.0])
    x_t = forward(process, torch.ones(3, 1, 2, 2), torch.tensor([0, 1, 2]), torch.full((3, 1, 2, 2), 10.0))
    assert x_t[:, 0, 0, 0].tolist() == [1.0, 5.5, 20.0]
    assert torch.equal(x_t, x_t[:, :, :1, :1].expand_as(x_t))


def test_forward_takes_one_timestep_per_grid_point():
    process = Process([1.0, 0.5, 0.0], [0.0, 0.5, 2.0])
    t = torch.tensor([[0, 1], [2, 0]]).reshape(1, 1, 2, 2)
    x_t = forward(process, torch.ones(1, 3, 2, 2), t, torch.full((1, 3, 2, 2), 10.0))
    assert x_t[0, 2].tolist() == [[1.0, 5.5], [20.0, 1.0]]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(2, 1, 3), (2, 1, 3, 4), (2, 1, 3, 4, 5)])
def test_forward_keeps_dtype_and_shape_in_any_dimension(dtype, shape):
    x0 = torch.zeros(shape, dtype=dtype)
    for t in (3, torch.tensor([3, 9])):
        x_t = forward(PROCESSES["linear"], x0, t, torch.ones_like(x0))
        assert x_t.dtype == dtype and x_t.shape == shape


def test_marginals_of_many_forward_steps_are_those_of_one():
    """Mean and variance carried step by step through q(x_t | x_{t-1}) arrive at (a_T, s_T)."""
    for process in PROCESSES.values():
        mean, variance = 1.0, 0.0
        for t in range(1, process.steps + 1):
            ratio, v = transition(process, t - 1, t)
            mean, variance = ratio * mean, ratio**2 * variance + v
        assert mean == pytest.approx(float(process.signal[-1]), abs=1e-12)
        assert variance == pytest.approx(float(process.noise[-1]) ** 2, rel=1e-12)


@every_process
@steps_down
def test_posterior_is_gaussian_conditioning_of_the_chain(process, s, t):
    a_s, sd_s = process.pair(s)
    ratio, v = transition(process, s, t)
    # joint covariance of (x_s, x_t) given x_0, and means per unit of x_0
    covariance = np.array([[sd_s**2, ratio * sd_s**2], [ratio * sd_s**2, ratio**2 * sd_s**2 + v]])
    gain = covariance[0, 1] / covariance[1, 1]
    c_x, c_0, variance = posterior(process, s, t)
    assert c_x == pytest.approx(gain, abs=1e-12)
    assert c_0 == pytest.approx(a_s - gain * ratio * a_s, abs=1e-12)
    assert variance == pytest.approx(covariance[0, 0] - gain * covariance[1, 0], abs=1e-12)


@every_process
@steps_down
def test_a_reverse_step_that_knows_x0_keeps_the_marginal(process, s, t):
    (a_s, sd_s), (a_t, sd_t) = process.pair(s), process.pair(t)
    c_x, c_0, variance = posterior(process, s, t)
    assert c_x * a_t + c_0 == pytest.approx(a_s, rel=1e-12)
    assert c_x**2 * sd_t**2 + variance == pytest.approx(sd_s**2, rel=1e-12)


def test_posterior_of_neighbours_is_ho_equation_7():
    process, t = make_process("linear"), 300
    beta = 1e-4 + (0.02 - 1e-4) * (t - 1) / 999
    bar, before = float(process.signal[t]) ** 2, float(process.signal[t - 1]) ** 2
    c_x, c_0, variance = posterior(process, t - 1, t)
    assert c_x == pytest.approx(math.sqrt(1 - beta) * (1 - before) / (1 - bar), rel=1e-9)
    assert c_0 == pytest.approx(math.sqrt(before) * beta / (1 - bar), rel=1e-9)
    assert variance == pytest.approx((1 - before) / (1 - bar) * beta, rel=1e-9)


def test_posterior_of_a_capped_process_carries_the_cap():
    capped, full = make_process("capped_cosine", 50), make_process("cosine_zero_snr", 50)
    for s, t in [(1, 2), (10, 30), (49, 50)]:
        assert posterior(capped, s, t)[2] == pytest.approx(0.3 * posterior(full, s, t)[2], rel=1e-9)
        assert posterior(capped, s, t)[:2] == pytest.approx(posterior(full, s, t)[:2], rel=1e-9)


def test_sampling_starts_at_the_process_own_deviation():
    epsilon = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    capped = make_process("capped_cosine")
    assert torch.allclose(initial_state(capped, 1000, epsilon), math.sqrt(0.3) * epsilon)
    assert torch.allclose(initial_state(capped, 1000, epsilon, noise_scale=0.5), 0.5 * math.sqrt(0.3) * epsilon)
    assert torch.equal(initial_state(capped, 1000, epsilon, noise_scale=0.0), torch.zeros_like(epsilon))


@pytest.mark.parametrize(("percent", "t"), [(1, 4), (5, 28), (9, 53), (10, 59), (20, 118)])
def test_noise_in_percent_of_the_range_meets_its_linear_timestep(percent, t):
    assert matched_timestep(make_process("linear"), 2 * percent / 100) == t  # the range [-1, 1] is 2 wide


def test_matched_timestep_is_the_first_that_is_noisy_enough():
    process = Process([1.0, 1.0, 0.5, 0.0], [0.0, 0.5, 1.0, 1.0])  # ratios 0, 0.5, 2, infinite
    assert [matched_timestep(process, sigma) for sigma in (0.0, 0.1, 0.5, 0.51, 2.0, 99.0)] == [0, 1, 1, 2, 2, 3]


def test_a_scan_at_its_matched_timestep_is_a_state_of_the_process():
    process = Process([1.0, 0.8, 0.5], [0.0, 0.4, 1.0])
    y = torch.tensor([[[3.0]]])  # x_0 plus noise of 0.5: times 0.8, signal 0.8 and noise 0.4
    x_t, t = matched_start(process, y, 0.5)
    assert t == 1 and x_t.item() == pytest.approx(2.4)


def test_process_is_frozen_and_its_own_copy():
    signal = torch.tensor([1.0, 0.5])
    process = Process(signal, torch.tensor([0.0, 0.5]))
    signal[1] = 7
    assert process.signal[1] == 0.5 and process.signal.dtype == process.noise.dtype == torch.float64
    with pytest.raises(AttributeError):
        process.signal = signal


@pytest.mark.parametrize(
    ("signal", "noise", "says"),
    [
        ([1.0, 0.5], [0.0, 0.5, 1.0], "same length"),
        ([1.0], [0.0], "2 or more"),
        ([0.9, 0.5], [0.1, 0.5], "starts clean"),
        ([1.0, math.nan], [0.0, 0.5], "finite"),
        ([1.0, -0.5], [0.0, 0.5], "finite"),
        ([1.0, 0.5], [0.0, 0.0], "above 0"),
        ([1.0, 0.2, 0.9], [0.0, 0.5, 0.5], "must not rise"),
    ],
)
def test_values_that_are_no_process_are_refused(signal, noise, says):
    with pytest.raises(UsageError, match=says):
        Process(signal, noise)


@pytest.mark.parametrize("t", [-1, 21])
def test_timesteps_outside_the_process_are_refused(t):
    with pytest.raises(UsageError, match="0 to 20"):
        PROCESSES["linear"].pair(t)


def test_timesteps_of_a_wrong_shape_are_refused():
    with pytest.raises(UsageError, match="must have shape"):
        PROCESSES["linear"].at(torch.zeros(2, 3, dtype=torch.long), torch.zeros(2, 1, 4, 4))


@pytest.mark.parametrize("sigma", [-0.1, math.nan, math.inf, 1e6])
def test_a_noise_level_the_process_does_not_reach_is_refused(sigma):
    with pytest.raises(UsageError, match="sigma"):
        matched_timestep(make_process("linear"), sigma)
