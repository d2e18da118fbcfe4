"""Label diffusion: timesteps per grid point, sampling that matches training, answers that depend on nothing else."""

from __future__ import annotations

import itertools

import pytest
import torch

from DiffusionCore.classification import LabelDiffusion, preset, staggered, training_timesteps
from DiffusionCore.classification.label_sampling import denoise_labels, label_probabilities
from DiffusionCore.classification.timestep_maps import sampling_timesteps
from DiffusionCore.diffusion import make_process
from DiffusionCore.errors import UsageError


@pytest.fixture(scope="module")
def small() -> LabelDiffusion:
    """Untrained, but with a denoiser that answers something."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = LabelDiffusion(preset("small", grid=(16, 16, 16), region=(4, 4, 4))).eval()
        torch.nn.init.normal_(network.denoiser.tail[-1].weight, std=0.2)
        for block in network.denoiser.encoder:
            torch.nn.init.normal_(block.conv2.weight, std=0.1)
    return network.requires_grad_(False)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_with_spread_0_all_points_share_one_timestep():
    t = staggered(500, torch.tensor([0.0, 0.3, 1.0]), torch.rand(3, 1, 4, 4, 4), 0.0)
    assert t.amin(dim=(1, 2, 3, 4)).tolist() == t.amax(dim=(1, 2, 3, 4)).tolist() == [500, 350, 0]


def test_with_spread_points_leave_at_their_own_time_and_all_arrive():
    lag = torch.linspace(0, 1, 64).reshape(1, 1, 4, 4, 4)
    maps = [staggered(500, torch.tensor([at]), lag, 1.0).flatten() for at in (0.0, 0.5, 1.0)]
    assert (maps[0] == 500).all() and (maps[2] == 0).all()
    assert maps[1][0] == 500 and maps[1][-1] == 0
    assert (maps[1][:-1] >= maps[1][1:]).all()


def test_sampling_goes_from_T_to_0_and_never_back():
    maps = sampling_timesteps(500, 7, 4, 1.0, generator())
    assert len(maps) == 8
    assert (maps[0] == 500).all() and (maps[-1] == 0).all()
    assert all((later <= earlier).all() for earlier, later in itertools.pairwise(maps))


def test_training_sees_the_maps_that_sampling_visits():
    """Of maps visited by shared and by per-point sampling, every mean and spread of t occurs in training as well; of
    independent timesteps, hardly any does: their mean is always about T / 2."""

    def facts(maps: torch.Tensor) -> torch.Tensor:
        flat = maps.float().flatten(1) / 500
        return torch.stack([flat.mean(1), flat.std(1)], dim=1)

    trained = facts(training_timesteps("staggered", 500, 4000, 4, generator(1), spread=1.0))
    for spread in (0.0, 1.0):
        visited = facts(torch.cat(sampling_timesteps(500, 20, 4, spread, generator(2))[:-1]))
        assert torch.cdist(visited, trained).amin(dim=1).max() < 0.05
    alone = facts(training_timesteps("independent", 500, 4000, 4, generator(1), at_T=0.0))
    visited = facts(torch.cat(sampling_timesteps(500, 20, 4, 0.0, generator(2))[:-1]))
    assert torch.cdist(visited, alone).amin(dim=1).min() > 0.1


@pytest.mark.parametrize("kind", ["shared", "staggered", "independent"])
def test_training_timesteps_lie_in_1_to_T_and_a_share_of_examples_starts_at_T(kind):
    t = training_timesteps(kind, 50, 2000, 2, generator(), at_T=0.25)
    assert t.min() >= 1 and t.max() == 50
    assert (t == 50).all(dim=4).all(dim=3).all(dim=2).float().mean() == pytest.approx(0.25, abs=0.05)


def test_unknown_kinds_and_steps_are_refused():
    with pytest.raises(UsageError, match="timesteps"):
        training_timesteps("random", 50, 1, 2, generator())
    with pytest.raises(UsageError, match="1 to 50"):
        sampling_timesteps(50, 51, 2, 0.0, generator())


@pytest.mark.parametrize("spread", [0.0, 1.0])
@pytest.mark.parametrize("steps", [1, 5, 50])
def test_with_a_perfect_denoiser_every_point_arrives_at_the_label(spread, steps):
    process = make_process("linear", 50, beta_start=2e-3, beta_end=0.4)
    label = torch.tensor([1.0, -1.0]).reshape(1, 2, 1, 1, 1).expand(1, 2, 4, 4, 4)
    maps = sampling_timesteps(50, steps, 4, spread, generator())
    found = denoise_labels(lambda y, t: label, torch.randn(1, 2, 4, 4, 4), process, maps)
    assert torch.allclose(found, label, atol=1e-5)


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_sampling_a_gaussian_with_its_optimal_denoiser_gives_that_gaussian(spread):
    """x0 ~ N(0.3, 0.5²) at every point: E[x0 | x_t] = m + (a v / (a² v + s²)) (x_t - a m); DDIM then maps N(0, 1) onto it."""
    process = make_process("linear", 500, beta_start=2e-4, beta_end=0.04)
    mean, variance = 0.3, 0.25

    def optimal(y: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        a, s = process.at(t, y)
        return mean + a * variance / (a**2 * variance + s**2) * (y - a * mean)

    start = torch.randn((100, 1, 4, 4, 4), generator=generator(3))
    found = denoise_labels(optimal, start, process, sampling_timesteps(500, 100, 4, spread, generator()))
    assert found.mean() == pytest.approx(mean, abs=0.02)
    assert found.std() == pytest.approx(variance**0.5, abs=0.03)


def test_probabilities_are_the_grids_mean():
    labels = torch.full((1, 2, 2, 2, 2), -1.0)
    labels[0, 1].flatten()[:6] = 1.0
    labels[0, 0].flatten()[6:] = 1.0
    assert torch.allclose(label_probabilities(labels), torch.tensor([[0.25, 0.75]]))


def test_samples_are_probabilities_and_repeat_with_their_seed(small):
    guidance = small.encode(torch.rand((3, 1, 16, 16, 16), generator=generator()))
    drawn = small.sample(guidance, samples=4, steps=3, seed=5)
    assert drawn.shape == (4, 3, 2)
    assert torch.allclose(drawn.sum(dim=-1), torch.ones(4, 3))
    assert torch.equal(drawn, small.sample(guidance, samples=4, steps=3, seed=5))
    assert not torch.equal(drawn, small.sample(guidance, samples=4, steps=3, seed=6))


def test_more_samples_begin_with_the_same_ones(small):
    guidance = small.encode(torch.rand((1, 1, 16, 16, 16), generator=generator()))
    few, many = (small.sample(guidance, samples=n, steps=3) for n in (2, 5))
    assert torch.allclose(few, many[:2], atol=1e-5)


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_an_images_answer_does_not_depend_on_its_batch(small, spread):
    x = torch.rand((4, 1, 16, 16, 16), generator=generator())
    together = small.sample(small.encode(x), samples=2, steps=3, spread=spread)
    alone = small.sample(small.encode(x[2:3]), samples=2, steps=3, spread=spread)
    assert torch.allclose(together[:, 2:3], alone, atol=1e-5)


def test_sampling_starts_from_standard_normal_noise(small):
    """The process ends with hardly any signal: what training sees at T is N(0, 1) to 1 %, as sampling starts."""
    for name in ("small", "s4"):
        config = preset(name)
        process = make_process(config.schedule, config.steps, **config.schedule_options)
        a, s = process.pair(config.steps)
        assert a < 0.01 and s == pytest.approx(1.0, abs=1e-4)


def test_the_denoiser_hears_every_points_own_timestep(small):
    guidance = small.encode(torch.rand((1, 1, 16, 16, 16), generator=generator()))
    y, t = torch.randn((1, 2, 4, 4, 4), generator=generator()), torch.full((1, 1, 4, 4, 4), 400)
    other = t.clone()
    other[..., 0, 0, 0] = 10
    change = (small.predict(y, t, guidance) - small.predict(y, other, guidance)).abs().sum(dim=1)[0]
    assert change[0, 0, 0] > 0
    assert change[:2, :2, :2].mean() > 3 * change[2:, 2:, 2:].mean()


def test_no_samples_is_refused(small):
    guidance = small.encode(torch.rand(1, 1, 16, 16, 16))
    with pytest.raises(UsageError, match="samples"):
        small.sample(guidance, samples=0)
