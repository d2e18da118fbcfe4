"""Each named schedule against its closed form."""

from __future__ import annotations

import math

import pytest
import torch

from DiffusionCore.diffusion import SCHEDULES, make_process, zero_terminal_snr
from DiffusionCore.errors import UsageError

VARIANCE_PRESERVING = ("linear", "scaled_linear", "cosine", "cosine_zero_snr")


def alpha_bar(process):
    return process.signal**2


def betas_of(process):
    bar = alpha_bar(process)
    return 1 - bar[1:] / bar[:-1]


@pytest.mark.parametrize("name", [n for n in SCHEDULES if n != "given"])
@pytest.mark.parametrize("steps", [1, 4, 1000])
def test_every_schedule_starts_clean_and_has_steps_plus_one_values(name, steps):
    process = make_process(name, steps)
    assert process.steps == steps and process.signal.shape == process.noise.shape == (steps + 1,)
    assert process.pair(0) == (1.0, 0.0)
    assert process.signal.dtype == torch.float64


@pytest.mark.parametrize("name", VARIANCE_PRESERVING)
def test_variance_preserving_schedules_preserve_variance(name):
    process = make_process(name)
    assert torch.allclose(process.signal**2 + process.noise**2, torch.ones(1001, dtype=torch.float64), atol=1e-14)


def test_linear_betas_are_ho_s():
    betas = betas_of(make_process("linear"))
    assert betas[0].item() == pytest.approx(1e-4, rel=1e-9)
    assert betas[-1].item() == pytest.approx(0.02, rel=1e-9)
    assert torch.allclose(betas.diff(), torch.full((999,), (0.02 - 1e-4) / 999, dtype=torch.float64), atol=1e-12)


def test_scaled_linear_roots_are_equally_spaced():
    roots = betas_of(make_process("scaled_linear", beta_start=0.00085, beta_end=0.012)).sqrt()
    assert roots[0].item() ** 2 == pytest.approx(0.00085, rel=1e-9)
    assert roots[-1].item() ** 2 == pytest.approx(0.012, rel=1e-9)
    assert roots.diff().std().item() < 1e-12


def test_cosine_follows_nichol_and_dhariwal_where_the_cap_does_not_bind():
    process, f = make_process("cosine"), lambda t: math.cos((t / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2
    for t in (1, 500, 990):
        assert alpha_bar(process)[t].item() == pytest.approx(f(t) / f(0), rel=1e-9)
    assert betas_of(process)[-1].item() == pytest.approx(0.999, rel=1e-9)


def test_cosine_zero_snr_is_a_quarter_wave_that_ends_at_exactly_zero():
    process = make_process("cosine_zero_snr", 6)
    assert alpha_bar(process).tolist() == pytest.approx(
        [1, (2 + math.sqrt(3)) / 4, 0.75, 0.5, 0.25, (2 - math.sqrt(3)) / 4, 0]
    )
    assert process.pair(6) == (0.0, 1.0)


def test_given_betas_multiply_up():
    process = make_process("given", betas=[0.1, 0.5, 1.0])
    assert alpha_bar(process).tolist() == pytest.approx([1, 0.9, 0.45, 0])
    assert (process.noise**2).tolist() == pytest.approx([0, 0.1, 0.55, 1])


def test_small_noise_keeps_its_digits():
    """1 - alpha_bar at beta = 1e-12 would lose four digits if it were subtracted."""
    assert make_process("given", betas=[1e-12]).noise[1].item() == pytest.approx(1e-6, rel=1e-12)


def test_capped_cosine_has_the_quarter_wave_s_signal_and_the_cap_s_variance():
    process = make_process("capped_cosine")
    t = torch.arange(1001, dtype=torch.float64)
    bar = torch.cos(math.pi * t / 2000) ** 2
    assert torch.allclose(alpha_bar(process), bar, atol=1e-15)
    assert torch.allclose(process.noise**2, 0.3 * (1 - bar), atol=1e-15)
    assert process.pair(1000) == (0.0, math.sqrt(0.3))


def test_literal_capped_cosine_is_the_product_of_squared_cosines():
    process = make_process("capped_cosine_literal", 3)  # cos^2 of 30, 60 and 90 degrees
    assert alpha_bar(process).tolist() == pytest.approx([1, 3 / 4, 3 / 16, 0])
    assert (process.noise**2).tolist() == pytest.approx([0, 0.3 / 4, 0.3 * 13 / 16, 0.3])


def test_literal_capped_cosine_collapses_as_the_closed_form_says():
    process, steps = make_process("capped_cosine_literal"), 1000
    # prod_{i<n} cos(i pi / 2n) = sqrt(n) / 2^(n-1), though its square is below the smallest float
    assert process.signal[steps - 1].item() == pytest.approx(math.sqrt(steps) / 2.0 ** (steps - 1), rel=1e-9)
    assert process.signal[steps] == 0 and process.noise[steps].item() == pytest.approx(math.sqrt(0.3))
    assert alpha_bar(process)[[50, 100, 200]].tolist() == pytest.approx([0.90, 0.43, 1.2e-3], rel=0.05)


@pytest.mark.parametrize("name", ["linear", "scaled_linear", "cosine"])
def test_zero_terminal_snr_is_an_affine_map_of_the_signal_with_t_1_kept(name):
    before, after = make_process(name), zero_terminal_snr(make_process(name))
    assert after.signal[-1] == 0 and after.noise[-1] == 1
    assert after.signal[0] == 1 and after.noise[0] == 0
    assert after.signal[1].item() == pytest.approx(before.signal[1].item(), rel=1e-14)
    slope = after.signal[1:].diff() / before.signal[1:].diff()
    assert torch.allclose(slope, slope[0].expand_as(slope), rtol=1e-6)


def test_zero_terminal_snr_leaves_alone_what_has_it():
    process = make_process("cosine_zero_snr")
    assert zero_terminal_snr(process) is process


def test_zero_terminal_snr_refuses_a_process_that_does_not_preserve_variance():
    with pytest.raises(UsageError, match="signal\\^2"):
        zero_terminal_snr(make_process("capped_cosine"))
    with pytest.raises(UsageError, match="2 steps"):
        zero_terminal_snr(make_process("linear", 1))


@pytest.mark.parametrize(
    ("name", "steps", "options", "says"),
    [
        ("quadratic", 10, {}, "no schedule 'quadratic'; there are linear"),
        ("linear", 0, {}, "steps must be"),
        ("linear", 2.5, {}, "steps must be"),
        ("linear", True, {}, "steps must be"),
        ("linear", 10, {"s": 0.1}, "has no option 's'; it has beta_start, beta_end"),
        ("cosine_zero_snr", 10, {"s": 0.1}, "it has none"),
        ("linear", 10, {"beta_start": 0.0}, "0 < beta_start"),
        ("linear", 10, {"beta_start": 0.5, "beta_end": 0.1}, "beta_start <= beta_end"),
        ("scaled_linear", 10, {"beta_end": 1.0}, "beta_end < 1"),
        ("cosine", 10, {"s": -1.0}, "s of 0 or more"),
        ("cosine", 10, {"max_beta": 1.5}, "max_beta"),
        ("capped_cosine", 10, {"cap": 0.0}, "cap"),
        ("capped_cosine_literal", 10, {"cap": math.nan}, "cap"),
        ("given", None, {}, "needs the option 'betas'"),
        ("given", 3, {"betas": [0.1, 0.2]}, "3 steps need 3 betas"),
        ("given", None, {"betas": [0.1, 0.0]}, "every beta"),
        ("given", None, {"betas": [0.1, 1.2]}, "every beta"),
        ("given", None, {"betas": [0.1, math.nan]}, "every beta"),
        ("given", None, {"betas": []}, "steps must be"),
        ("given", None, {"betas": 0.1}, "betas must be a list"),
        ("given", None, {"betas": ["a"]}, "betas must be a list"),
    ],
)
def test_bad_parameters_are_refused_with_a_sentence(name, steps, options, says):
    with pytest.raises(UsageError, match=says):
        make_process(name, steps, **options)


def test_thousand_steps_unless_said_otherwise():
    assert make_process("linear").steps == 1000
    assert make_process("given", betas=torch.full((7,), 0.1)).steps == 7
