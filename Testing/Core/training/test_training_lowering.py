"""Pairs for super-resolution: the target's grid, noise of the coarse scan, a margin that is cut off, a card that says all."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from DiffusionCore.degradation import axis_lowering, lifted, lowered
from DiffusionCore.models import load_model
from DiffusionCore.models.card import ResolutionSpec
from DiffusionCore.training.config import DegradationConfig
from DiffusionCore.training.config_file import load_config
from DiffusionCore.training.corruption import make_corruption
from DiffusionCore.training.examples import make_source
from DiffusionCore.training.lowering import make_lowering, make_target, without_margin
from DiffusionCore.training.readers import read_scans
from DiffusionCore.training.resolution import ResolutionConfig
from DiffusionCore.training.run import train
from DiffusionCore.training.validation import validation_items

QUIET = make_corruption(DegradationConfig(target="gaussian", sigma=(1e-6, 1e-6)))
CONFIGS = Path(__file__).parents[3] / "configs"


def head(shape: tuple[int, ...] = (24, 26, 28)) -> np.ndarray:
    grid = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    return np.exp(-4 * sum(g**2 for g in grid)).astype(np.float32)


def config(**changes: object) -> ResolutionConfig:
    return ResolutionConfig(**{"kind": "kspace", "other_factors": 0.0, **changes})


def test_the_input_is_the_coarse_target_brought_back_up() -> None:
    x = head()
    noisy = make_lowering(config(), QUIET)(x, 1e-6, np.random.default_rng(0))
    axes = [axis_lowering(n, 2.0, "kspace") for n in x.shape]
    np.testing.assert_allclose(noisy.y, lifted(lowered(x, axes), axes), atol=1e-4)
    assert noisy.sigma.shape == x.shape
    assert noisy.level == pytest.approx(float(np.median(noisy.sigma)), rel=1e-5)


def test_noise_is_that_of_the_coarse_scan() -> None:
    """White in coarse voxels: the fine input made coarse again holds it with the sigma that was asked for."""
    noise = make_corruption(DegradationConfig(target="gaussian"))
    x = np.zeros((32, 32, 32), np.float32)
    noisy = make_lowering(config(), noise)(x, 0.02, np.random.default_rng(1))
    axes = [axis_lowering(32, 2.0, "kspace")] * 3
    assert lowered(noisy.y, axes).std() == pytest.approx(0.02, rel=0.05)


def test_a_first_stage_learns_coarse_targets_from_inputs_as_the_cascade_has_them() -> None:
    """Of a cascade that makes voxels 4 times finer: given is the scan by 4, learnt is the scan by 2, on one grid."""
    made, x = config(kind="spline", target_factor=2), head((32, 32, 48))
    target = make_target(made)(x)
    noisy = make_lowering(made, QUIET)(x, 1e-6, np.random.default_rng(0))
    np.testing.assert_array_equal(target, lowered(x, [axis_lowering(n, 2, "spline") for n in x.shape]))
    given = lowered(x, [axis_lowering(n, 4, "spline") for n in x.shape])
    shown = lifted(given, [axis_lowering(n // 2, 2, "spline") for n in x.shape])
    np.testing.assert_allclose(noisy.y, shown, atol=1e-4)
    assert target.shape == noisy.y.shape == noisy.sigma.shape == (16, 16, 24)


@pytest.mark.parametrize("factor", [1, 2])
def test_a_validation_crop_is_the_target_somewhere_in_its_scan(world: Path, factor: int) -> None:
    made = {"kind": "spline", "margin": [4, 4, 4], "target_factor": factor}
    settings = ["resolution=" + json.dumps(made), "validation.size=[8, 8, 8]", "degradation.target=gaussian"]
    loaded = load_config(world / "tiny.yaml", settings)
    source = make_source(loaded, read_scans(loaded.data, "val"))
    assert source.example(0, 0)["x"].shape == source.example(0, 0)["y"].shape == (1, 8, 8, 8)
    scan, item = source.scans[0], validation_items(loaded, source)[0]
    beyond = np.pad(scan.normalised((slice(None),) * 3), 24, mode="symmetric")
    nearest = np.inf
    for start in itertools.product(range(factor), repeat=3):
        part = beyond[tuple(slice(a, a + (n - a) // 4 * 4) for a, n in zip(start, beyond.shape, strict=True))]
        places = np.lib.stride_tricks.sliding_window_view(make_target(loaded.resolution)(part), (8, 8, 8))
        nearest = min(nearest, np.abs(places - item["x"].numpy()).mean(axis=(-3, -2, -1)).min())
    assert nearest < 1e-3


@pytest.mark.parametrize(
    ("axes", "changed"), [("all", (True, True, True)), ("plane", (False, True, True)), ("slices", (True, False, False))]
)
def test_only_the_axes_named_are_made_coarse(axes: str, changed: tuple[bool, ...]) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(24, 24, 24)).astype(np.float32)
    noisy = make_lowering(config(kind="profile", axes=(axes,)), QUIET)(x, 1e-6, rng)
    spectrum = np.abs(np.fft.fftn(noisy.y)) ** 2
    for axis, coarse in enumerate(changed):
        high = np.take(spectrum, [11, 12, 13], axis=axis).mean()
        low = np.take(spectrum, [0, 1, 23], axis=axis).mean()
        assert (high < 0.05 * low) == coarse


def test_of_a_slice_the_plane_is_all() -> None:
    x = np.random.default_rng(2).normal(size=(24, 24)).astype(np.float32)
    noisy = make_lowering(config(axes=("plane",), margin=(4, 4)), QUIET)(x, 1e-6, np.random.default_rng(0))
    axes = [axis_lowering(24, 2.0, "kspace")] * 2
    np.testing.assert_allclose(noisy.y, lifted(lowered(x, axes), axes), atol=1e-4)


def test_examples_differ_as_configured_and_a_seed_gives_the_same() -> None:
    made = config(kind="profile", factor={"low": 2, "high": 6}, typical=4, other_factors=1.0, axes=("slices",))
    lower = make_lowering(made, QUIET)
    levels = {round(lower(head(), 1e-6, np.random.default_rng(n)).level, 6) for n in range(12)}
    assert len(levels) > 6
    one, again = (lower(head(), 0.01, np.random.default_rng(5)).y for _ in range(2))
    np.testing.assert_array_equal(one, again)


def test_validation_has_the_typical_factor_always() -> None:
    made = config(factor={"low": 1.3, "high": 2.2}, other_factors=1.0)
    lower = make_lowering(made, QUIET, typical=True)
    assert len({lower(head(), 1e-6, np.random.default_rng(n)).level for n in range(4)}) == 1


def test_the_margin_is_cut_off() -> None:
    x = head((20, 20, 20))
    noisy = make_lowering(config(), QUIET)(x, 1e-6, np.random.default_rng(0))
    inner, cut = without_margin(x, noisy, (4, 0, 2))
    assert inner.shape == cut.y.shape == cut.sigma.shape == (12, 20, 16)
    np.testing.assert_array_equal(cut.y, noisy.y[4:-4, :, 2:-2])


def test_what_goes_together_is_checked() -> None:
    with pytest.raises(ValueError, match="shares"):
        config(axes=("all", "plane"))
    with pytest.raises(ValueError, match="target_factor"):
        config(axes=("slices",), target_factor=2)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*superres-*.yaml")) + sorted(CONFIGS.glob("s2-*.yaml")), ids=str)
def test_the_configurations_are_whole(path: Path) -> None:
    loaded = load_config(path)
    assert loaded.resolution is not None
    assert loaded.card.task == "super_resolve"
    assert loaded.augmentation.affine == loaded.augmentation.elastic == 0  # interpolation would teach soft targets


def test_the_stages_of_s2_meet() -> None:
    """What the first is to make is what the second starts from."""
    first, second = (load_config(CONFIGS / f"s2-mr-stage{n}.yaml") for n in (1, 2))
    assert first.resolution.target_factor == second.resolution.typical == second.resolution.factor.high
    assert first.resolution.kind == second.resolution.kind
    assert second.card.spacing_mm.high < first.card.spacing_mm.low
    assert second.resolution.softened > 0 and second.degradation.sigma[1] > first.degradation.sigma[1]
    for stage in (first, second):
        assert stage.network.options["reversible"] and stage.diffusion.schedule == "capped_cosine"
        assert stage.augmentation.resolution == 0  # it would blur the targets otherwise than the pairs do


def test_a_run_ends_with_a_card_that_says_how_its_inputs_were_made(world: Path) -> None:
    content = yaml.safe_load((world / "tiny.yaml").read_text())
    content["name"] = "tiny-superres"
    content["resolution"] = {"kind": "profile", "axes": ["slices"], "typical": 2.0, "margin": [4, 0, 0]}
    content["card"]["task"] = "super_resolve"
    (world / "tiny-superres.yaml").write_text(yaml.safe_dump(content))
    card = load_model(train(world / "tiny-superres.yaml", quiet=True)).card
    assert card.task == "super_resolve"
    assert card.resolution == ResolutionSpec(kind="profile", axes=("slices",))
    assert np.isfinite(card.figures["validation"]["val_psnr"])
