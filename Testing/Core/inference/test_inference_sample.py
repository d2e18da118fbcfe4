"""Sampling a volume: the conditional mean, samples with known statistics, texture, regions, guidance, cancel."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

import DiffusionCore.inference.sample as sample_room
from DiffusionCore.diffusion import ddim, initial_state, make_process, timesteps
from DiffusionCore.errors import Cancelled, DeviceError, InputError, ModelError, UsageError
from DiffusionCore.inference import PRESETS, Place, SamplingSettings, block_noise, sample_volume
from DiffusionCore.networks import NO_CONDITION, DenoiserConfig, build_denoiser, unet_config
from DiffusionCore.progress import Progress

SIGMA, VARIANCE = 0.2, 0.36
ALL_MIRRORS = [(), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]


class GaussianPosterior(nn.Module):
    """The optimal denoiser where r_0 given y is Gaussian, with mean -y and variance VARIANCE, at every voxel.

    r0_hat = m + a V / (a² V + s²) (r_t - a m): exact, so samples have known statistics.
    """

    spatial_dims, downsampling, receptive_field, exact_in_tiles, state = 3, 1, 0, True, "residual"
    streams = False

    def __init__(self, process) -> None:
        super().__init__()
        self.process, self.num_train_timesteps, self.network = process, process.steps, nn.Identity()

    def bytes_per_voxel(self, dtype):
        return 8.0

    def from_state(self, x0, y, sigma):
        return y + sigma * x0

    def forward(self, r_t, t, y, sigma, level, keep=None):
        x0_hat = self.answer(r_t, t, y)
        return x0_hat if keep is None else x0_hat[(..., *(slice(*window) for window in keep))]

    def answer(self, r_t, t, y):
        a, s = self.process.pair(int(t[0]))
        return -y + a * VARIANCE / (a**2 * VARIANCE + s**2) * (r_t + a * y)


def restore(denoiser, y, process, sigma=SIGMA, **options):
    """sample_volume on the CPU in float32; options of both the settings and the call."""
    names = SamplingSettings.__dataclass_fields__
    settings = SamplingSettings(**{k: options.pop(k) for k in list(options) if k in names})
    options = {"device": "cpu", "dtype": "float32"} | options
    return sample_volume(denoiser, y, sigma, process, settings, **options)


@pytest.fixture
def fine():
    """Many steps, so that the samplers' discretisation is small."""
    return make_process("cosine_zero_snr", 400)


def test_one_step_is_the_conditional_mean(process, scan):
    y = scan(9, 8, 7)
    result = restore(GaussianPosterior(process), y, process)
    assert torch.allclose(result.image, y - SIGMA * y)
    assert result.image is result.one_step is result.mean is result.first
    assert result.spread is None
    assert result.record.passes == 1


def test_one_step_does_not_depend_on_the_seed(tiny, process, scan):
    y = scan(12, 12, 12)
    first, second = (restore(tiny(), y, process, seed=seed).image for seed in (0, 123456789))
    assert torch.equal(first, second)


def test_texture_0_is_the_one_step_mean_exactly(tiny, process, scan):
    y = scan(12, 12, 12)
    assert torch.equal(restore(tiny(), y, process, steps=8, texture=0).image, restore(tiny(), y, process).image)


@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "dpm++"])
def test_samples_have_the_posteriors_mean_and_variance(fine, sampler):
    y = torch.full((32, 32, 32), 0.7)
    result = restore(GaussianPosterior(fine), y, fine, steps=200, sampler=sampler)
    residual = (result.first - y) / SIGMA
    n = residual.numel()
    assert float(residual.mean()) == pytest.approx(-0.7, abs=5 * (VARIANCE / n) ** 0.5)
    assert float(residual.var()) == pytest.approx(VARIANCE, rel=0.05)


def test_the_spread_is_the_posteriors(fine):
    y = torch.zeros(16, 16, 16)
    result = restore(GaussianPosterior(fine), y, fine, steps=100, samples=24)
    assert float((result.spread**2).mean()) == pytest.approx(SIGMA**2 * VARIANCE, rel=0.05)
    assert float(result.mean.std()) == pytest.approx(SIGMA * (VARIANCE / 24) ** 0.5, rel=0.1)
    assert torch.equal(result.image, result.one_step)
    assert result.record.passes == 24 * 99 + 8  # samples of one mirror image share the blind first pass


def test_a_sample_lies_3_dB_under_the_mean_and_the_mean_of_K_by_theory(fine):
    y = torch.zeros(24, 24, 24)
    truth = SIGMA * math.sqrt(VARIANCE) * torch.randn(y.shape, generator=torch.Generator().manual_seed(2))

    def decibels(image):
        return -10 * math.log10(float(((image - truth) ** 2).mean()))

    result = restore(GaussianPosterior(fine), y, fine, steps=100, samples=4)
    assert decibels(result.one_step) - decibels(result.first) == pytest.approx(3.01, abs=0.25)
    assert decibels(result.one_step) - decibels(result.mean) == pytest.approx(10 * math.log10(1.25), abs=0.25)


def test_texture_goes_straight_from_the_mean_to_the_sample(process, scan):
    y = scan(8, 8, 8)
    full, half = (restore(GaussianPosterior(process), y, process, steps=5, seed=4, texture=t) for t in (1.0, 0.5))
    assert torch.allclose(half.first - half.one_step, 0.5 * (full.first - full.one_step), atol=1e-6)


def test_a_width_scales_what_a_sample_differs_from_the_mean_by(process, scan):
    y = scan(8, 8, 8)
    plain, wide = (restore(GaussianPosterior(process), y, process, steps=5, seed=4, width=w) for w in (1.0, 1.2))
    assert torch.equal(wide.one_step, plain.one_step)
    assert torch.allclose(wide.first - wide.one_step, 1.2 * (plain.first - plain.one_step), atol=1e-6)


@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "dpm++"])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tiny, process, scan, sampler):
    y = scan(12, 14, 16)
    first, again, other = (
        restore(tiny(), y, process, steps=3, samples=2, seed=seed, sampler=sampler) for seed in (7, 7, 8)
    )
    for name in ("first", "mean", "spread", "one_step"):
        assert getattr(first, name).numpy().tobytes() == getattr(again, name).numpy().tobytes()
    assert not torch.allclose(first.first, other.first, atol=1e-3)


def test_the_global_generators_are_neither_asked_nor_changed(tiny, process, scan):
    states = torch.random.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002 - this is the one to leave alone
    restore(tiny(), scan(8, 8, 8), process, steps=3, sampler="ddpm")
    assert torch.equal(torch.random.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002


def test_samples_are_what_the_sampler_makes_of_positional_noise_in_mirror_images_of_the_scan(process, scan):
    y, denoiser = scan(8, 9, 10), GaussianPosterior(process)
    images = []
    for k, axes in enumerate([(), (0,), (1,)]):
        turned = y.flip(axes)
        noise = lambda i, like, k=k: torch.from_numpy(block_noise((8, 9, 10), 11, k, i + 1))  # noqa: E731
        x = initial_state(process, 40, noise(-1, y))
        steps = ddim(
            lambda x, t, turned=turned: denoiser(x, [t], turned, SIGMA, None),
            x,
            process,
            timesteps(40, 4, "quadratic"),
            noise=noise,
            eta=0.5,
        )
        images.append((turned + SIGMA * list(steps)[-1][0]).flip(axes))
    result = restore(denoiser, y, process, steps=4, samples=3, eta=0.5, seed=11)
    assert torch.allclose(result.first, images[0], atol=1e-6)
    assert torch.allclose(result.mean, torch.stack(images).mean(0), atol=1e-6)
    assert torch.allclose(result.spread, torch.stack(images).std(0), atol=1e-6)


@pytest.mark.parametrize(("samples", "turns"), [(2, [(), (0,)]), (9, ALL_MIRRORS)])
def test_with_samples_the_one_step_mean_is_that_of_the_mirror_images(tiny, process, scan, samples, turns):
    y, sigma = scan(9, 12, 7), 0.1 + 0.1 * scan(9, 12, 7)
    found = restore(tiny(), y, process, sigma, steps=2, samples=samples).one_step
    single = [restore(tiny(), y.flip(axes), process, sigma.flip(axes)).image.flip(axes) for axes in turns]
    assert torch.allclose(found, torch.stack(single).mean(0), atol=1e-6)


def test_a_part_of_several_samples_has_the_values_of_the_whole(tiny, process, scan):
    y, sigma = scan(39, 31, 45), 0.1 + 0.1 * scan(39, 31, 45)
    region = (slice(30, 38), slice(0, 31), slice(3, 9))
    whole = restore(tiny(), y, process, sigma, steps=2, samples=9, tile=16)
    part = restore(tiny(), y, process, sigma, steps=2, samples=9, region=region)
    for name in ("one_step", "mean", "spread", "first"):
        assert torch.allclose(getattr(part, name), getattr(whole, name)[region], rtol=0, atol=1e-5)


@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "dpm++"])
@pytest.mark.parametrize("shape", [(30, 29, 28), (5, 31, 40)])
def test_several_steps_give_the_same_in_any_tiles(tiny, process, scan, sampler, shape):
    y, sigma = scan(*shape), 0.1 + 0.1 * scan(*shape)
    whole = restore(tiny(), y, process, sigma, steps=3, sampler=sampler)
    tiled = restore(tiny(), y, process, sigma, steps=3, sampler=sampler, tile=16)
    assert (whole.record.plan.kind, tiled.record.plan.kind) == ("whole", "tiles")
    assert torch.allclose(tiled.first, whole.first, rtol=0, atol=1e-5)


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("corner", [(0, 0, 0), (17, 11, 30), (30, 20, 37)])
def test_a_region_has_the_values_of_the_whole(tiny, process, scan, steps, corner):
    y, sigma = scan(39, 31, 45), 0.1 + 0.1 * scan(39, 31, 45)
    region = tuple(slice(c, c + 8) for c in corner)
    whole = restore(tiny(), y, process, sigma, steps=steps, eta=0.5, seed=3)
    part = restore(tiny(), y, process, sigma, steps=steps, eta=0.5, seed=3, region=region)
    assert part.image.shape == whole.image[region].shape
    assert torch.allclose(part.image, whole.image[region], rtol=0, atol=1e-5)


def test_a_region_of_one_step_costs_only_its_halo(tiny, process, scan):
    part = restore(tiny(), scan(64, 64, 64), process, region=(slice(30, 34),) * 3)
    assert part.record.plan.bytes == 96 * 16**3  # 4 voxels, 5 around them, aligned to 2


def test_a_region_of_patches_has_the_values_of_the_whole(tiny, process, scan):
    y, region = scan(20, 70, 90), (slice(2, 7), slice(60, 70), slice(0, 90))
    whole = restore(tiny(exact=False), y, process, steps=2, tile=32)
    part = restore(tiny(exact=False), y, process, steps=2, tile=32, region=region)
    assert torch.allclose(part.image, whole.image[region], rtol=0, atol=1e-5)


def test_slices_for_a_2d_network_and_a_single_one(tiny, process, scan):
    y = scan(3, 20, 22)
    volume = restore(tiny(2), y, process, steps=2)
    single = restore(tiny(2), y[0], process, steps=2)
    assert volume.image.shape == (3, 20, 22)
    assert single.image.shape == (20, 22)
    assert torch.allclose(single.image, volume.image[0], rtol=0, atol=1e-5)


def test_arrays_of_numpy_are_taken(tiny, process, scan):
    y = scan(8, 8, 8)
    flipped = restore(tiny(), y.numpy()[::-1].astype(np.float64), process, np.full((8, 8, 8), SIGMA))
    assert torch.allclose(flipped.image, restore(tiny(), y.flip(0), process).image, atol=1e-6)
    assert flipped.image.dtype == torch.float32


class AnImage(GaussianPosterior):
    """An image denoiser that answers 3 y + 0.1 x_t."""

    state = "image"

    def from_state(self, x0, y, sigma):
        return x0

    def answer(self, x_t, t, y):
        return 0.1 * x_t + (0 if y is None else 3 * y)


@pytest.mark.parametrize("guidance", [0, 1, 1.5, 4])
def test_guidance_goes_beyond_the_condition(process, scan, guidance):
    y = scan(6, 6, 6)
    x_T = torch.from_numpy(block_noise((6, 6, 6), 5, 0, 0))
    result = restore(AnImage(process), y, process, guidance=guidance, seed=5)
    with_y, without_y = 0.1 * x_T + 3 * y, 0.1 * x_T + 3 * NO_CONDITION
    assert torch.allclose(result.image, without_y + guidance * (with_y - without_y), atol=1e-5)
    assert result.one_step is None
    assert result.record.passes == (1 if guidance in (0, 1) else 2)


def test_a_network_that_is_not_shown_the_scan(process, scan):
    result = restore(AnImage(process), scan(6, 6, 6), process, conditional=False, seed=5)
    assert torch.allclose(result.image, 0.1 * torch.from_numpy(block_noise((6, 6, 6), 5, 0, 0)))


def test_of_several_images_the_mean_is_shown(process, scan):
    result = restore(AnImage(process), scan(6, 6, 6), process, samples=3)
    assert torch.equal(result.image, result.mean)


def test_a_chain_may_begin_at_a_given_state(process, scan):
    y, denoiser = scan(6, 6, 6), AnImage(process)
    steps = ddim(lambda x, t: denoiser(x, t, y, None, None), 0.9 * y, process, timesteps(12, 4))
    result = restore(denoiser, y, process, steps=4, start=(0.9 * y, 12))
    assert torch.allclose(result.image, list(steps)[-1][0], atol=1e-6)


def test_progress_goes_from_0_to_1_and_never_back(tiny, process, scan):
    told = []
    progress = Progress(sink=lambda event: told.append((event.stage, event.fraction)))
    progress.stage("denoise")
    restore(tiny(), scan(20, 20, 20), process, steps=3, samples=2, tile=10, progress=progress)
    assert {stage for stage, _ in told} == {"denoise"}
    fractions = [fraction for _, fraction in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


def test_cancel_ends_the_job(tiny, process, scan):
    with pytest.raises(Cancelled):
        restore(tiny(), scan(8, 8, 8), process, steps=3, progress=Progress(cancelled=lambda: True))


def test_without_memory_for_the_arrays_it_says_so(tiny, process, scan, monkeypatch):
    def too_little(*_, **__):
        raise MemoryError

    monkeypatch.setattr(sample_room, "block_noise", too_little)
    with pytest.raises(DeviceError, match="cpu has too little memory for the scan and its samples"):
        restore(tiny(), scan(8, 8, 8), process, steps=2)


def test_a_fallback_is_in_the_record(tiny, process, scan):
    cpu = torch.device("cpu")
    places = [Place(cpu, torch.bfloat16, 1000), Place(cpu, torch.float32, 10**9)]
    record = restore(tiny(), scan(32, 32, 32), process, places=places).record
    assert "going on with cpu" in record.fallbacks[0]
    assert (record.plan.device, record.plan.dtype) == ("cpu", "float32")
    assert record.seconds > 0


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("preset", ["fast", "reference-quarter"])
def test_the_presets_run(scan, dims, preset):
    process = make_process("cosine_zero_snr" if preset == "fast" else "linear", 20)
    config = DenoiserConfig(
        unet_config(preset, spatial_dims=dims, channels=(8, 16))
        if preset == "fast"
        else unet_config(preset, spatial_dims=dims, channels=(8, 16), attention_levels=(1,)),
        state="residual" if preset == "fast" else "image",
        prediction="v" if preset == "fast" else "epsilon",
    )
    denoiser = build_denoiser(config, process.signal, process.noise)
    tile = None if preset == "fast" else 16
    result = restore(denoiser, scan(5, 20, 17), process, steps=2, samples=2, tile=tile)
    assert result.record.plan.kind == ("whole" if preset == "fast" else "patches")
    assert result.image.shape == result.spread.shape == (5, 20, 17)
    assert torch.isfinite(result.image).all()
    assert (result.one_step is not None) == (preset == "fast")


def test_named_presets_are_the_methods():
    assert [(p.steps, p.samples) for p in (PRESETS["quick"], PRESETS["natural"], PRESETS["careful"])] == [
        (1, 1),
        (8, 1),
        (4, 8),
    ]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"steps": 0}, "--steps must be 1 to 1000, got 0"),
        ({"samples": 0}, "--samples must be 1 to 1000, got 0"),
        ({"seed": -1}, "--seed must be 0 to 2.63-1, got -1"),
        ({"texture": 1.5}, "--texture must be 0 to 1, got 1.5"),
        ({"eta": -0.1}, "--eta must be 0 to 1"),
        ({"guidance": float("nan")}, "--guidance must be 0 to 100, got nan"),
        ({"sampler": "euler"}, "--sampler must be ddim, ddpm, dpm"),
        ({"steps": 41}, "steps must be 1 to 40, got 41"),
        ({"samples": 2}, "all 2 samples would be the same"),
        ({"samples": 2, "steps": 4, "texture": 0}, "all 2 samples would be the same"),
        ({"guidance": 2}, "--guidance other than 1 needs a model of the image"),
        ({"sigma": 0.0}, "sigma must be above 0"),
        ({"sigma": float("nan")}, "sigma must be above 0"),
        ({"sigma": np.ones((8, 8, 9))}, "the map of sigma has"),
        ({"region": (slice(3, 3),) * 3}, "a region needs one slice"),
        ({"start": (torch.zeros(8, 8, 8), 0)}, "a start needs"),
        ({"threads": 1}, None),
    ],
)
def test_what_does_not_go_is_refused_in_words(tiny, process, scan, settings, words):
    if words is None:
        with pytest.raises(TypeError):
            restore(tiny(), scan(8, 8, 8), process, **settings)
        return
    with pytest.raises(UsageError, match=words):
        restore(tiny(), scan(8, 8, 8), process, **settings)


def test_a_3d_model_says_why_it_takes_no_slice(tiny, process, scan):
    with pytest.raises(InputError, match="3D model takes a volume of 3 dimensions, and got 8×8"):
        restore(tiny(), scan(8, 8), process)


def test_a_model_and_a_process_that_do_not_belong_together(tiny, process, scan):
    with pytest.raises(ModelError, match="trained with 50 timesteps, its process has 40"):
        restore(tiny(steps=50), scan(8, 8, 8), process)
