"""epsilon, x0 and v: exact ways there and back, for pairs whose squares need not sum to 1."""

from __future__ import annotations

import itertools

import pytest
import torch

from DiffusionCore.diffusion import epsilon_from, make_process, target, x0_denoiser, x0_from
from DiffusionCore.errors import UsageError

KINDS = ("epsilon", "x0", "v")
PAIRS = ((0.6, 0.8), (0.9, 0.1), (0.4, 0.5477), (1.0, 3.0))


def random_pair():
    generator = torch.Generator().manual_seed(3)
    return (torch.randn(2, 1, 3, 3, generator=generator, dtype=torch.float64) for _ in range(2))


@pytest.mark.parametrize(("kind", "pair"), itertools.product(KINDS, PAIRS))
def test_x0_and_epsilon_come_back_from_every_target(kind, pair):
    a, s = pair
    x0, epsilon = random_pair()
    x_t = a * x0 + s * epsilon
    prediction = target(kind, x0, epsilon, a, s)
    assert torch.allclose(x0_from(kind, prediction, x_t, a, s), x0, atol=1e-12)
    assert torch.allclose(epsilon_from(kind, prediction, x_t, a, s), epsilon, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_coefficients_may_differ_between_examples(kind):
    x0, epsilon = random_pair()
    process, t = make_process("capped_cosine", 10), torch.tensor([2, 9])
    a, s = process.at(t, x0)
    prediction = target(kind, x0, epsilon, a, s)
    for n, t_n in enumerate(t.tolist()):
        assert torch.allclose(prediction[n], target(kind, x0[n], epsilon[n], *process.pair(t_n)), atol=1e-12)
    assert torch.allclose(x0_from(kind, prediction, a * x0 + s * epsilon, a, s), x0, atol=1e-12)


def test_v_by_hand():
    x0, epsilon = torch.tensor([2.0]), torch.tensor([5.0])
    assert target("v", x0, epsilon, 0.6, 0.8).item() == pytest.approx(0.6 * 5 - 0.8 * 2)


def test_v_at_pure_noise_is_minus_x0_whatever_the_noise():
    x0, epsilon = random_pair()
    for s in (1.0, 0.3**0.5):
        v = target("v", x0, epsilon, 0.0, s)
        assert torch.allclose(v, -s * x0)
        assert torch.allclose(x0_from("v", v, s * epsilon, 0.0, s), x0)
        assert torch.allclose(x0_from("v", v, torch.zeros_like(x0), 0.0, s), x0)


def test_epsilon_prediction_is_refused_where_no_signal_is_left():
    x = torch.zeros(2, 1, 2)
    with pytest.raises(UsageError, match="no signal is left"):
        x0_from("epsilon", x, x, 0.0, 1.0)
    with pytest.raises(UsageError, match="no signal is left"):
        x0_from("epsilon", x, x, *make_process("cosine_zero_snr", 5).at(torch.tensor([1, 5]), x))


def test_epsilon_of_an_x0_prediction_is_refused_where_there_is_no_noise():
    with pytest.raises(UsageError, match="no noise"):
        epsilon_from("x0", torch.zeros(1), torch.zeros(1), 1.0, 0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_denoiser_of_a_perfect_network_is_perfect(kind):
    process = make_process("linear", 10)
    x0, epsilon = random_pair()
    denoise = x0_denoiser(lambda x, t: target(kind, x0, epsilon, *process.pair(t)), process, kind)
    a, s = process.pair(7)
    assert torch.allclose(denoise(a * x0 + s * epsilon, 7), x0, atol=1e-12)


def test_unknown_targets_are_refused():
    x = torch.zeros(1)
    for call in (
        lambda: target("score", x, x, 0.6, 0.8),
        lambda: x0_from("score", x, x, 0.6, 0.8),
        lambda: epsilon_from("score", x, x, 0.6, 0.8),
        lambda: x0_denoiser(lambda x, t: x, make_process("linear", 4), "score"),
    ):
        with pytest.raises(UsageError, match="no prediction target 'score'; there are epsilon, x0, v"):
            call()


@pytest.mark.parametrize("kind", KINDS)
def test_converters_keep_half_precision(kind):
    x = torch.ones(2, 1, 4, dtype=torch.bfloat16)
    a, s = make_process("linear", 10).at(torch.tensor([1, 2]), x)
    assert target(kind, x, x, a, s).dtype == torch.bfloat16
    assert x0_from(kind, x, x, a, s).dtype == epsilon_from(kind, x, x, a, s).dtype == torch.bfloat16
