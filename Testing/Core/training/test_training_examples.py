"""Examples: pure functions of (seed, step, index), with the noise and the timesteps that the configuration asks for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from DiffusionCore.training.config_file import load_config
from DiffusionCore.training.examples import ExampleSource, ExampleStream, make_loader, make_source
from DiffusionCore.training.readers import Scan, read_scans
from DiffusionCore.training.sampling import place_patch, region, scan_weights, symmetric


def source(world, *overrides: str) -> ExampleSource:
    config = load_config(world / "tiny.yaml", overrides)
    return make_source(config, read_scans(config.data, "train"))


def scan_of(voxels: np.ndarray, noise: float | None = None) -> Scan:
    tissue = np.argwhere(voxels > 0).astype(np.int16)
    return Scan("made", voxels, 0.0, 1.0, (1.0, 1.0, 1.0), tissue, noise=noise)


def test_an_example_is_a_pure_function_of_seed_step_and_index(world):
    every = (
        "augmentation.affine=0.5",
        "augmentation.elastic=0.5",
        "augmentation.bias_field=1",
        "degradation.varying=1",
    )
    first, second = source(world, *every), source(world, *every)
    second.example(9, 9)  # what was drawn before does not matter
    for name, value in first.example(4, 1).items():
        assert np.array_equal(value, second.example(4, 1)[name]), name
    for other in (first.example(5, 1), first.example(4, 0), source(world, *every, "seed=4").example(4, 1)):
        assert not np.array_equal(first.example(4, 1)["y"], other["y"])


def test_ranks_share_a_batch_without_overlap(world):
    made = source(world, "trainer.batch_size=3", "trainer.devices=2")
    whole = made.batch(7, range(6))["y"]
    ranks = [next(iter(ExampleStream(made, 7, rank, 2)))["y"] for rank in (0, 1)]
    assert torch.equal(torch.stack(ranks, dim=1).flatten(0, 1), whole)


def test_workers_give_the_steps_in_order_from_wherever_the_run_goes_on(world):
    made = source(world, "data.workers=2")
    batches = iter(make_loader(made, 5, 0, 1))
    for step in range(5, 9):
        assert torch.equal(next(batches)["y"], made.batch(step, range(2))["y"])


def test_half_of_each_batch_is_at_T_and_the_rest_below(world):
    made = source(world, "trainer.batch_size=4")
    t = torch.stack([made.batch(step, range(4))["t"] for step in range(50)])
    assert (t[:, :2] == 50).all()
    assert t[:, 2:].min() >= 1
    assert t[:, 2:].max() <= 49
    assert t[:, 2:].float().mean() == pytest.approx(25, abs=5)


def test_without_a_share_at_T_every_timestep_comes_as_often(world):
    made = source(world, "diffusion.share_at_T=0", "diffusion.steps=4")
    t = torch.cat([made.batch(step, range(2))["t"] for step in range(200)])
    assert torch.bincount(t).tolist()[0] == 0
    assert all(70 <= count <= 130 for count in torch.bincount(t).tolist()[1:])


def test_noise_is_everywhere_and_rician(world):
    made = source(world, "degradation.sigma=[0.1, 0.1]", "data.patch=[16, 16, 16]", "data.foreground=0")
    batch = made.batch(0, range(40))
    air = batch["x"] == 0
    assert float(batch["y"][air].mean()) == pytest.approx(0.1 * np.sqrt(np.pi / 2), rel=0.01)
    assert float(batch["y"][air].std()) == pytest.approx(0.1 * np.sqrt(2 - np.pi / 2), rel=0.02)
    assert float(batch["sigma"].min()) == float(batch["sigma"].max()) == pytest.approx(0.1)


def test_sigma_is_log_uniform_over_its_range(world):
    made = source(world, "degradation.sigma=[0.01, 0.16]")
    sigma = torch.cat([made.batch(step, range(2))["sigma"][:, 0, 0, 0, 0] for step in range(150)])
    assert sigma.min() >= 0.01
    assert sigma.max() <= 0.16
    assert float(sigma.log2().median()) == pytest.approx(np.log2(0.04), abs=0.4)


def test_a_told_sigma_may_be_wrong_while_the_noise_is_not(world):
    made = source(world, "degradation.sigma=[0.1, 0.1]", "degradation.sigma_error=0.2", "degradation.target=gaussian")
    batches = [made.batch(step, range(2)) for step in range(60)]
    told = torch.cat([batch["sigma"][:, 0, 0, 0, 0] for batch in batches])
    noise = torch.cat([batch["y"] - batch["x"] for batch in batches])
    assert float((told / 0.1).log().std()) == pytest.approx(0.2, rel=0.25)
    assert float(noise.std()) == pytest.approx(0.1, rel=0.02)


def test_a_dropped_condition_is_the_middle_of_the_range(world):
    image = ("diffusion.state=image", "diffusion.drop=0.5", "diffusion.schedule=linear", "network.options={}")
    made = source(world, "network.target=reference-quarter", *image)
    dropped = [bool((made.example(step, 0)["y"] == 0.5).all()) for step in range(60)]
    assert 15 < sum(dropped) < 45


def test_patches_lie_on_tissue_as_often_as_asked():
    voxels = np.zeros((40, 40, 40), np.uint8)
    voxels[20:24, 20:24, 20:24] = 1
    scan, rng = scan_of(voxels), np.random.default_rng(0)
    hits = [region(scan, place_patch(scan, (8, 8, 8), rng, 1.0), (8, 8, 8)).any() for _ in range(50)]
    assert all(hits)
    anywhere = [region(scan, place_patch(scan, (8, 8, 8), rng, 0.0), (8, 8, 8)).any() for _ in range(200)]
    assert sum(anywhere) < 50


def test_a_short_scan_is_continued_symmetrically():
    assert symmetric(-2, 9, 3).tolist() == [1, 0, 0, 1, 2, 2, 1, 0, 0]
    scan = scan_of(np.arange(1, 4, dtype=np.uint8).reshape(3, 1, 1) * np.ones((3, 4, 4), np.uint8))
    start = place_patch(scan, (8, 4, 4), np.random.default_rng(0), 1.0)
    assert region(scan, start, (8, 4, 4))[:, 0, 0].tolist() == [2, 1, 1, 2, 3, 3, 2, 1]


def test_clean_scans_are_preferred_as_told():
    scans = [scan_of(np.ones((2, 2, 2)), noise) for noise in (1.0, 2.0)]
    assert scan_weights(scans, 0.0).tolist() == [0.5, 0.5]
    assert scan_weights(scans, 1.0) == pytest.approx([2 / 3, 1 / 3])
    assert scan_weights(scans, 2.0) == pytest.approx([0.8, 0.2])


def test_single_slices_have_their_share_and_are_stacked(world):
    volume, singles = scan_of(np.full((8, 8, 8), 9.0)), [scan_of(np.full((1, 8, 8), float(n))) for n in (1, 2, 3)]
    assert scan_weights([volume, *singles], 0.0, 0.3) == pytest.approx([0.7, 0.1, 0.1, 0.1])
    off = {"flip": 0, "rotate90": 0, "gamma": 0, "invert": 0, "resolution": 0}
    config = load_config(
        world / "tiny.yaml", [f"augmentation.{name}={value}" for name, value in off.items()] + ["data.singles=1"]
    )
    patch = make_source(config, [volume, *singles]).example(0, 0)["x"][0]
    assert set(np.unique(patch)) <= {1.0, 2.0, 3.0}
    assert (patch == patch[:, :1, :1]).all()
    assert len(np.unique(patch)) > 1
