"""The samplers, where the optimal denoiser is known in closed form: data N(mu, c^2), every element on its own.

E[x_0 | x_t] = mu + g_t (x_t - a_t mu) with g_t = a_t c^2 / (a_t^2 c^2 + s_t^2), so every sampler maps the noise it is
given linearly. Giving it unit impulses, one per element, reads that map off: the variance of its output is the sum of
their squares, without a random number.
"""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from DiffusionCore.diffusion import (
    SAMPLERS,
    Process,
    ddim,
    ddpm,
    dpm_solver_pp_2m,
    initial_state,
    make_process,
    matched_start,
    timesteps,
)
from DiffusionCore.errors import UsageError

MU, C = 0.4, 0.7
NAMES = ("linear", "scaled_linear", "cosine", "cosine_zero_snr", "capped_cosine")
every_process = pytest.mark.parametrize("process", [make_process(n) for n in NAMES], ids=NAMES)
every_sampler = pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)


def optimal(process, mu=MU, c=C):
    def denoise(x, t):
        a, s = process.pair(t)
        return mu + a * c**2 / (a**2 * c**2 + s**2) * (x - a * mu)

    return denoise


def gaussian(seed):
    generator = torch.Generator().manual_seed(seed)
    return lambda step, like: torch.randn(like.shape, generator=generator, dtype=like.dtype)


def last(steps):
    *_, (x, _) = steps
    return x


def noise_map(sampler, process, visited, *, noise_scale=1.0, mu=0.0, **options):
    """The output as a function of unit impulses in the starting noise (element 0) and in each step's noise."""
    impulses = torch.eye(len(visited) + 1, dtype=torch.float64)
    x_T = initial_state(process, visited[0], impulses[0], noise_scale=noise_scale)
    noise = lambda step, like: impulses[step + 1]  # noqa: E731
    return last(sampler(optimal(process, mu), x_T, process, visited, noise=noise, noise_scale=noise_scale, **options))


@every_process
@pytest.mark.parametrize(
    ("sampler", "options"),
    [(ddpm, {}), (ddpm, {"variance": "beta"}), (ddim, {}), (ddim, {"eta": 0.5}), (dpm_solver_pp_2m, {})],
    ids=["ddpm", "ddpm-beta", "ddim", "ddim-eta", "dpm"],
)
def test_samples_of_gaussian_data_have_the_data_s_variance(process, sampler, options):
    variance = noise_map(sampler, process, timesteps(1000, 1000), **options).square().sum().item()
    assert variance == pytest.approx(C**2, rel=0.015)


@pytest.mark.parametrize("q", [0.3, 0.45, 0.6])
def test_eight_quadratic_steps_draw_the_width_of_a_narrow_posterior_as_ddim_s_trailing_steps_do_not(q):
    process = make_process("cosine_zero_snr")
    impulse = torch.ones(1, dtype=torch.float64)

    def width(sampler, spacing):
        return last(sampler(optimal(process, 0.0, q), impulse, process, timesteps(1000, 8, spacing))).item() / q

    assert 0.98 < width(dpm_solver_pp_2m, "quadratic") < 1.07
    assert width(ddim, "trailing") < 0.86


@every_process
@every_sampler
def test_samples_of_gaussian_data_have_the_data_s_mean(process, sampler):
    silence = noise_map(sampler, process, timesteps(1000, 100), noise_scale=0.0, mu=MU)
    a_T, s_T = process.pair(1000)
    # a start of pure noise lacks a_T mu, which the probability flow scales down by c over the marginal's deviation
    missing = a_T * MU * C / math.sqrt((a_T * C) ** 2 + s_T**2)
    assert silence.sub(MU).abs().max() <= 1.01 * missing + 1e-12


def test_random_samples_have_mean_and_variance_of_the_data():
    process, count = make_process("capped_cosine", 200), 20_000
    noise = gaussian(1)
    x_T = initial_state(process, 200, noise(0, torch.empty(1, 1, count)))
    x = last(ddpm(optimal(process), x_T, process, timesteps(200, 200), noise=noise))
    assert x.mean().item() == pytest.approx(MU, abs=5 * C / math.sqrt(count))
    assert x.var().item() == pytest.approx(C**2, rel=5 * math.sqrt(2 / count) + 0.02)


@pytest.mark.parametrize("noise_scale", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("name", ["cosine_zero_snr", "capped_cosine"])
def test_texture_scales_the_deviation_from_the_mean(name, noise_scale):
    """Output = mean + noise_scale * (sample - mean), so its variance is noise_scale^2 times the posterior's."""
    process, visited = make_process(name), timesteps(1000, 250)
    for sampler, options in ((ddpm, {}), (ddim, {}), (ddim, {"eta": 0.5})):
        sample = noise_map(sampler, process, visited, mu=MU, **options)
        scaled = noise_map(sampler, process, visited, mu=MU, noise_scale=noise_scale, **options)
        assert torch.allclose(scaled - MU, noise_scale * (sample - MU), atol=1e-12)
        assert (scaled - MU).square().sum().item() == pytest.approx(noise_scale**2 * C**2, rel=0.03, abs=1e-12)


@pytest.mark.parametrize("name", ["cosine_zero_snr", "capped_cosine", "capped_cosine_literal"])
@every_sampler
def test_one_step_from_zero_snr_is_the_mean_whatever_the_noise(name, sampler):
    process = make_process(name)
    results = [
        last(
            sampler(
                optimal(process), 100 * gaussian(seed)(0, torch.empty(1, 1, 9)), process, (1000,), noise=gaussian(seed)
            )
        )
        for seed in (1, 2)
    ]
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], torch.full((1, 1, 9), MU))


@every_sampler
def test_a_network_that_is_sure_is_believed(sampler):
    truth = torch.randn(2, 1, 3, 3, generator=torch.Generator().manual_seed(5))
    process = make_process("cosine_zero_snr", 50)
    x = last(sampler(lambda x, t: truth, torch.randn(2, 1, 3, 3), process, timesteps(50, 7), noise=gaussian(2)))
    assert torch.equal(x, truth)


def even_process(steps):
    """ln(a / s) in equal steps from 3 (t = 1) to -3 (t = T), on which a solver shows its order."""
    half = torch.linspace(3, -3, steps, dtype=torch.float64)
    a, s = torch.sigmoid(2 * half).sqrt(), torch.sigmoid(-2 * half).sqrt()
    return Process([1.0, *a.tolist()], [0.0, *s.tolist()])


@pytest.mark.parametrize(("sampler", "order"), [(ddim, 1), (dpm_solver_pp_2m, 2)])
def test_deterministic_samplers_converge_to_the_exact_map_at_their_order(sampler, order):
    """The probability flow takes x_T - a_T mu to x_t - a_t mu in the ratio of the marginals' standard deviations."""
    errors = []
    for steps in (40, 80, 160):
        process = even_process(steps)
        (a, s), (a_T, s_T) = process.pair(1), process.pair(steps)
        x_T = torch.tensor([1.3], dtype=torch.float64)
        exact = a * MU + (x_T - a_T * MU) * math.sqrt((a * C) ** 2 + s**2) / math.sqrt((a_T * C) ** 2 + s_T**2)
        path = [x for x, _ in sampler(optimal(process), x_T, process, range(steps, 0, -1))]
        errors.append((path[-2] - exact).abs().item())  # the state at t = 1
    for coarse, fine in pairwise(errors):
        assert math.log2(coarse / fine) == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize("name", ["cosine_zero_snr", "capped_cosine"])
def test_dpm_solver_s_first_step_from_zero_snr_is_its_limit(name):
    process, x_T = make_process(name), torch.tensor([[[0.5, -1.0]]], dtype=torch.float64)
    a_s, s_s = process.pair(800)
    s_T = process.pair(1000)[1]
    path = dpm_solver_pp_2m(optimal(process), x_T, process, timesteps(1000, 5))
    x, x0_hat = next(path)
    assert torch.allclose(x, a_s * x0_hat + s_s * x_T / s_T, atol=1e-14)
    assert all(torch.isfinite(x).all() for x, _ in path)


def test_dpm_solver_nears_its_limit_as_the_signal_at_the_start_vanishes():
    x_T, paths = torch.tensor([0.8], dtype=torch.float64), []
    for a_T in (1e-9, 0.0):
        process = Process([1.0, 0.9, 0.5, a_T], [0.0, 0.3, 0.8, 1.0])
        paths.append([x for x, _ in dpm_solver_pp_2m(optimal(process), x_T, process, (3, 2, 1))])
    assert torch.allclose(paths[0][0], paths[1][0], atol=1e-8)
    # the second step's slope goes to 0 only as 1 / ln(1 / a_T)
    assert torch.allclose(paths[0][1], paths[1][1], atol=0.05)


def test_dpm_solver_second_order_step_by_hand():
    process = Process([1.0, 0.9, 0.6, 0.3], [0.0, 0.3, 0.6, 0.9])  # a/s: 3, 1, 1/3, so h = ln 3 and r = 1
    says = {3: 1.0, 2: 2.0, 1: 5.0}
    x_T = torch.tensor([0.5], dtype=torch.float64)
    path = [x.item() for x, _ in dpm_solver_pp_2m(lambda x, t: torch.full_like(x, says[t]), x_T, process, (3, 2, 1))]
    first = 0.6 / 0.9 * 0.5 + 0.6 * (1 - 1 / 3) * 1.0
    second = 0.3 / 0.6 * first + 0.9 * (1 - 1 / 3) * (1.5 * 2.0 - 0.5 * 1.0)
    assert path == pytest.approx([first, second, 5.0])


def test_ddpm_variances_by_hand():
    process = Process([1.0, 0.8, 0.4], [0.0, 0.5, 0.7])
    beta = 0.7**2 - (0.4 / 0.8) ** 2 * 0.5**2  # the variance that the step from 1 to 2 adds
    zeros, ones = torch.zeros(1, 1, 2, dtype=torch.float64), lambda step, like: torch.ones_like(like)
    for variance, expected in (("beta", beta), ("posterior", beta * 0.5**2 / 0.7**2)):
        x, _ = next(ddpm(lambda x, t: zeros, zeros, process, (2, 1), noise=ones, variance=variance))
        assert x.square().flatten().tolist() == pytest.approx([expected, expected])


@pytest.mark.parametrize("name", ["linear", "capped_cosine"])
def test_ddim_with_eta_1_is_ddpm(name):
    process, visited = make_process(name), timesteps(1000, 20)
    x_T = gaussian(3)(0, torch.empty(2, 1, 4, dtype=torch.float64))
    ancestral = [x for x, _ in ddpm(optimal(process), x_T, process, visited, noise=gaussian(4))]
    implicit = [x for x, _ in ddim(optimal(process), x_T, process, visited, noise=gaussian(4), eta=1.0)]
    assert all(torch.allclose(x, y, atol=1e-12) for x, y in zip(ancestral, implicit, strict=True))


@pytest.mark.parametrize(
    ("sampler", "options"),
    [(ddpm, {}), (ddpm, {"variance": "beta"}), (ddim, {"eta": 0.4}), (dpm_solver_pp_2m, {})],
    ids=["ddpm", "ddpm-beta", "ddim", "dpm"],
)
def test_a_capped_process_is_a_variance_preserving_one_of_scaled_data(sampler, options):
    """x_t = a x_0 + sqrt(.3) s epsilon = sqrt(.3) (a (x_0 / sqrt(.3)) + s epsilon)."""
    scale = math.sqrt(0.3)
    capped, full = make_process("capped_cosine", 100), make_process("cosine_zero_snr", 100)
    epsilon = gaussian(6)(0, torch.empty(1, 1, 8, dtype=torch.float64))
    visited = timesteps(100, 25)
    a = last(
        sampler(optimal(capped), initial_state(capped, 100, epsilon), capped, visited, noise=gaussian(7), **options)
    )
    b = last(sampler(optimal(full, MU / scale, C / scale), epsilon, full, visited, noise=gaussian(7), **options))
    assert torch.allclose(a, scale * b, atol=1e-12)


def test_one_step_from_a_scan_at_its_matched_timestep_is_the_wiener_estimate():
    process = make_process("linear")
    sigma = float(process.noise[200] / process.signal[200])
    y = torch.linspace(-1, 1, 5, dtype=torch.float64)
    x_t, t = matched_start(process, y, sigma)
    assert t == 200
    estimate = last(ddim(optimal(process), x_t, process, (t,)))
    assert torch.allclose(estimate, MU + C**2 / (C**2 + sigma**2) * (y - MU), atol=1e-12)


@every_sampler
@pytest.mark.parametrize("shape", [(2, 3), (1, 1, 4, 5), (2, 1, 3, 4, 5)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_state_keeps_shape_and_dtype_and_leaves_its_start_alone(sampler, shape, dtype):
    process = make_process("cosine_zero_snr", 30)
    x_T = torch.randn(shape, generator=torch.Generator().manual_seed(8)).to(dtype)
    before = x_T.clone()
    pairs = list(
        sampler(lambda x, t: optimal(process)(x.float(), t), x_T, process, timesteps(30, 6), noise=gaussian(9))
    )
    assert len(pairs) == 6
    assert all(v.shape == shape and v.dtype == dtype for pair in pairs for v in pair)
    assert torch.equal(x_T, before)


@every_sampler
def test_the_last_step_is_what_the_network_says(sampler):
    process, seen = make_process("linear", 40), []

    def denoise(x, t):
        seen.append((t, optimal(process)(x, t)))
        return seen[-1][1]

    pairs = list(sampler(denoise, torch.ones(1, 1, 3), process, (33, 12, 5), noise=gaussian(1)))
    assert [t for t, _ in seen] == [33, 12, 5]
    assert all(torch.equal(x0_hat, said) for (_, x0_hat), (_, said) in zip(pairs, seen, strict=True))
    assert torch.equal(pairs[-1][0], seen[-1][1])


def test_noise_is_asked_once_per_step_by_index_and_not_at_the_end():
    process, asked = make_process("linear", 40), []

    def noise(step, like):
        asked.append(step)
        return torch.zeros_like(like)

    for sampler, options in ((ddpm, {}), (ddim, {"eta": 1.0})):
        asked.clear()
        list(sampler(optimal(process), torch.ones(1, 1, 3), process, (33, 12, 5, 1), noise=noise, **options))
        assert asked == [0, 1, 2]
    for sampler in (ddim, dpm_solver_pp_2m):
        asked.clear()
        list(sampler(optimal(process), torch.ones(1, 1, 3), process, (33, 12, 5, 1), noise=noise))
        assert asked == []


@every_sampler
def test_clip_bounds_every_x0_hat(sampler):
    process = make_process("cosine", 40)
    pairs = sampler(
        lambda x, t: 5 * x, torch.randn(1, 1, 50), process, timesteps(40, 8), noise=gaussian(1), clip=(-0.5, 2.0)
    )
    for _, x0_hat in pairs:
        assert x0_hat.min() >= -0.5 and x0_hat.max() <= 2.0


def test_samplers_pass_gradients():
    process, x_T = make_process("cosine_zero_snr", 40), torch.ones(1, 1, 3, requires_grad=True)
    for sampler in SAMPLERS.values():
        last(sampler(lambda x, t: torch.tanh(x), x_T, process, timesteps(40, 5), noise=gaussian(1))).sum().backward()
        assert torch.isfinite(x_T.grad).all()


@pytest.mark.parametrize(
    ("sampler", "visited", "options", "says"),
    [
        (ddpm, (5, 9), {}, "descend"),
        (ddim, (41,), {}, "1 to 40"),
        (dpm_solver_pp_2m, (), {}, "empty"),
        (ddpm, (5,), {"variance": "learned"}, "no DDPM variance 'learned'"),
        (ddpm, (5,), {"noise_scale": -1.0}, "noise_scale"),
        (ddim, (5,), {"noise_scale": math.nan}, "noise_scale"),
        (ddim, (5,), {"eta": 1.5}, "eta must be 0 to 1"),
        (ddim, (5,), {"eta": 0.5, "noise": None}, "source of noise"),
        (ddim, (5,), {"clip": (1.0, -1.0)}, "clip"),
    ],
)
def test_bad_arguments_are_refused_at_the_first_step(sampler, visited, options, says):
    process = make_process("linear", 40)
    with pytest.raises(UsageError, match=says):
        next(sampler(optimal(process), torch.ones(1, 1, 3), process, visited, **{"noise": gaussian(1), **options}))
