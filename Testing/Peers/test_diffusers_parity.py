"""The same noise through our samplers and through diffusers' schedulers ends at the same place.

diffusers counts timesteps from 0, so its index is our t - 1, and it ends clean, as ours always does, by its defaults
(`set_alpha_to_one`, `final_sigmas_type="zero"`). Its DPM-Solver replaces alpha_bar_T = 0 by 2^-24, so that one is
compared from below T where the terminal SNR is zero.
"""

from __future__ import annotations

import pytest
import torch

from DiffusionCore.diffusion import (
    ddim,
    ddpm,
    dpm_solver_pp_2m,
    forward,
    make_process,
    target,
    timesteps,
    x0_denoiser,
    zero_terminal_snr,
)

diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed; it is in the extra 'test'")
rescale_zero_terminal_snr = pytest.importorskip("diffusers.schedulers.scheduling_ddim").rescale_zero_terminal_snr

TOLERANCE = 1e-5
SCHEDULES = {"linear": "linear", "scaled_linear": "scaled_linear", "cosine": "squaredcos_cap_v2"}
KINDS = {"epsilon": "epsilon", "x0": "sample", "v": "v_prediction"}


def our_process(schedule, zero_snr=False):
    process = make_process(schedule)
    return zero_terminal_snr(process) if zero_snr else process


def their_scheduler(cls, schedule, kind, zero_snr=False, **options):
    """diffusers' scheduler with its own betas, their products taken in float64.

    It takes them in float32, where 1 - alpha_bar keeps three digits near t = 1; see below for it as shipped.
    """
    scheduler = cls(
        beta_schedule=SCHEDULES[schedule], prediction_type=KINDS[kind], timestep_spacing="trailing", **options
    )
    betas = scheduler.betas.double()
    if zero_snr:
        betas = rescale_zero_terminal_snr(betas)
    scheduler.alphas_cumprod = torch.cumprod(1 - betas, 0)
    return scheduler


def network(process, kind):
    """A prediction of the given kind that believes in a bounded, non-linear x0; in float64."""

    def predict(x, t):
        a, s = process.pair(t)
        x0 = torch.tanh(0.7 * x + 0.3 * torch.roll(x, 1, dims=-1))
        return target(kind, x0, (x - a * x0) / s, a, s)

    return predict


def start(dtype=torch.float64):
    return torch.randn(2, 1, 4, 5, generator=torch.Generator().manual_seed(7), dtype=dtype)


def noises(seed=11):
    generator = torch.Generator().manual_seed(seed)
    return lambda step, like: torch.randn(like.shape, generator=generator, dtype=like.dtype)


def ours(sampler, process, kind, visited, **options):
    denoise = x0_denoiser(network(process, kind), process, kind)
    return [x for x, _ in sampler(denoise, start(), process, visited, **options)]


def theirs(scheduler, process, kind, **options):
    predict, x, path = network(process, kind), start(), []
    for index in scheduler.timesteps:
        x = scheduler.step(predict(x, int(index) + 1), index, x, **options).prev_sample
        path.append(x)
    return path


def assert_same_path(a, b, tolerance=TOLERANCE):
    assert len(a) == len(b)
    assert max((x - y).abs().max().item() for x, y in zip(a, b, strict=True)) < tolerance


cases = pytest.mark.parametrize(
    ("schedule", "kind", "zero_snr"),
    [(schedule, kind, False) for schedule in SCHEDULES for kind in KINDS]
    + [(schedule, kind, True) for schedule in SCHEDULES for kind in ("x0", "v")],
)


@pytest.mark.parametrize("zero_snr", [False, True])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_alpha_bar_is_that_of_diffusers(schedule, zero_snr):
    theirs = diffusers.DDIMScheduler(beta_schedule=SCHEDULES[schedule], rescale_betas_zero_snr=zero_snr).alphas_cumprod
    ours = our_process(schedule, zero_snr).signal[1:] ** 2
    assert torch.allclose(ours, theirs.double(), rtol=0, atol=1e-6)  # theirs is float32


@pytest.mark.parametrize("spacing", ["trailing", "leading", "linspace"])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 10, 16, 30, 40, 50, 333, 999, 1000])
def test_timesteps_are_those_of_diffusers(count, spacing):
    scheduler = diffusers.DDIMScheduler(timestep_spacing=spacing)
    scheduler.set_timesteps(count)
    visited = timesteps(1000, count, spacing)
    if spacing == "linspace" and count == 1:
        assert visited == (1000,)  # diffusers would take the clean end
    else:
        assert visited == tuple(int(t) + 1 for t in scheduler.timesteps)


@cases
@pytest.mark.parametrize("count", [1000, 50])
def test_ddpm_walks_with_diffusers(schedule, kind, zero_snr, count):
    process = our_process(schedule, zero_snr)
    scheduler = their_scheduler(diffusers.DDPMScheduler, schedule, kind, zero_snr, clip_sample=False)
    scheduler.set_timesteps(count)
    path = theirs(scheduler, process, kind, generator=torch.Generator().manual_seed(11))
    assert_same_path(ours(ddpm, process, kind, timesteps(1000, count), noise=noises()), path)


def test_ddpm_with_the_larger_variance_walks_with_diffusers():
    process, visited = make_process("linear"), range(1000, 0, -1)
    scheduler = their_scheduler(
        diffusers.DDPMScheduler, "linear", "epsilon", clip_sample=False, variance_type="fixed_large"
    )
    scheduler.set_timesteps(1000)
    path = theirs(scheduler, process, "epsilon", generator=torch.Generator().manual_seed(11))
    assert_same_path(ours(ddpm, process, "epsilon", visited, noise=noises(), variance="beta"), path)


def test_ddpm_with_clipping_walks_with_diffusers():
    process = make_process("linear")
    scheduler = their_scheduler(diffusers.DDPMScheduler, "linear", "v", clip_sample=True, clip_sample_range=0.5)
    scheduler.set_timesteps(50)
    path = theirs(scheduler, process, "v", generator=torch.Generator().manual_seed(11))
    clipped = ours(ddpm, process, "v", timesteps(1000, 50), noise=noises(), clip=(-0.5, 0.5))
    assert_same_path(clipped, path)


@cases
@pytest.mark.parametrize(("count", "eta"), [(1000, 0.0), (50, 0.0), (50, 0.6), (50, 1.0)])
def test_ddim_walks_with_diffusers(schedule, kind, zero_snr, count, eta):
    process = our_process(schedule, zero_snr)
    if zero_snr and eta == 1:
        eta = 0.99  # at 1, diffusers takes the root of a round-off below zero
    scheduler = their_scheduler(diffusers.DDIMScheduler, schedule, kind, zero_snr, clip_sample=False)
    scheduler.set_timesteps(count)
    generator = torch.Generator().manual_seed(11)
    path = theirs(scheduler, process, kind, eta=eta, generator=generator)
    assert_same_path(ours(ddim, process, kind, timesteps(1000, count), noise=noises(), eta=eta), path)


def test_ddim_with_clipping_walks_with_diffusers():
    process = make_process("linear")
    scheduler = their_scheduler(diffusers.DDIMScheduler, "linear", "epsilon", clip_sample=True, clip_sample_range=0.5)
    scheduler.set_timesteps(50)
    # ours takes epsilon_hat from the clipped x0_hat, so that x stays between the two
    path = theirs(scheduler, process, "epsilon", use_clipped_model_output=True)
    assert_same_path(ours(ddim, process, "epsilon", timesteps(1000, 50), clip=(-0.5, 0.5)), path)


@cases
@pytest.mark.parametrize("count", [10, 50, 1000])
def test_dpm_solver_walks_with_diffusers(schedule, kind, zero_snr, count):
    process = our_process(schedule, zero_snr)
    visited = timesteps(1000, count)[1 if zero_snr else 0 :]
    scheduler = their_scheduler(diffusers.DPMSolverMultistepScheduler, schedule, kind, zero_snr)
    scheduler.set_timesteps(timesteps=[t - 1 for t in visited])
    assert_same_path(ours(dpm_solver_pp_2m, process, kind, visited), theirs(scheduler, process, kind))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("count", "tolerance"), [(1000, 5e-4), (50, 2e-4)])
def test_diffusers_as_shipped_parts_only_by_its_float32_schedule(schedule, count, tolerance):
    process, visited = make_process(schedule), timesteps(1000, count)
    for cls, sampler in (
        (diffusers.DDIMScheduler, ddim),
        (diffusers.DPMSolverMultistepScheduler, dpm_solver_pp_2m),
    ):
        options = {"clip_sample": False} if sampler is ddim else {}
        scheduler = cls(
            beta_schedule=SCHEDULES[schedule],
            prediction_type="v_prediction",
            timestep_spacing="trailing",
            **options,
        )
        scheduler.set_timesteps(count)
        assert_same_path(ours(sampler, process, "v", visited), theirs(scheduler, process, "v"), tolerance)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_forward_is_diffusers_add_noise(schedule):
    x0, epsilon, t = start(), noises()(0, start()), torch.tensor([1, 640])
    scheduler = their_scheduler(diffusers.DDPMScheduler, schedule, "epsilon")
    theirs = scheduler.add_noise(x0, epsilon, t - 1)
    assert torch.allclose(forward(make_process(schedule), x0, t, epsilon), theirs, rtol=0, atol=TOLERANCE)


def test_v_is_diffusers_velocity():
    x0, epsilon, process = start(), noises()(0, start()), make_process("linear")
    theirs = diffusers.DDPMScheduler().get_velocity(x0, epsilon, torch.tensor([299, 299]))
    assert torch.allclose(target("v", x0, epsilon, *process.pair(300)), theirs, rtol=0, atol=TOLERANCE)
