"""Augmentation: keeps what it must keep, and what is switched off does nothing."""

from __future__ import annotations

import numpy as np
import pytest

from DiffusionCore.training.augmentation import make_augmentation, resample
from DiffusionCore.training.config import AugmentationConfig

OFF = dict.fromkeys(["flip", "rotate90", "affine", "elastic", "gamma", "invert", "bias_field", "resolution"], 0.0)
CUBE = (1.0, 1.0, 1.0)


def augmented(patch: np.ndarray, spacing=CUBE, size=None, seed: int = 0, **on) -> np.ndarray:
    """The augmentation of the middle of `patch`, with only `on` switched on."""
    augmentation = make_augmentation(AugmentationConfig(**{**OFF, **on}), size or patch.shape)

    def cut(asked):
        assert len(asked) == patch.ndim
        return np.pad(patch, [(0, max(0, a - n)) for a, n in zip(asked, patch.shape, strict=True)], mode="symmetric")

    return augmentation(cut, spacing, np.random.default_rng(seed))


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).random(shape, dtype=np.float32)


def test_all_switched_off_changes_nothing():
    assert np.array_equal(augmented(noise(6, 5, 4)), noise(6, 5, 4))


def test_flips_and_quarter_turns_only_move_voxels():
    patch = noise(6, 6, 6)
    seen = {augmented(patch, seed=seed, flip=0.5, rotate90=1.0).tobytes() for seed in range(60)}
    assert len(seen) > 20
    assert all(np.array_equal(np.sort(np.frombuffer(each, np.float32)), np.sort(patch.ravel())) for each in seen)


def test_quarter_turns_stay_in_planes_of_equal_spacing():
    patch = np.broadcast_to(np.arange(6, dtype=np.float32)[:, None, None], (6, 6, 6))
    for seed in range(10):
        assert np.array_equal(augmented(patch, (5.0, 1.0, 1.0), seed=seed, rotate90=1.0), patch)


@pytest.mark.parametrize("on", [{"affine": 1.0}, {"elastic": 1.0}, {"resolution": 1.0}])
@pytest.mark.parametrize("shape", [(8, 8, 8), (4, 8, 8), (12, 10)])
def test_a_constant_stays_constant_under_geometry(on, shape):
    spacing = CUBE[: len(shape)]
    assert np.allclose(augmented(np.full(shape, 0.7, np.float32), spacing, **on), 0.7, atol=1e-5)


@pytest.mark.parametrize(
    "on", [{"affine": 1.0}, {"elastic": 1.0}, {"resolution": 1.0}, {"gamma": 1.0}, {"bias_field": 1.0}]
)
def test_a_transform_that_is_on_changes_the_patch_and_depends_on_the_seed_alone(on):
    patch = noise(8, 8, 8)
    once, again, other = (augmented(patch, seed=seed, **on) for seed in (3, 3, 5))
    assert np.array_equal(once, again)
    assert once.shape == patch.shape
    assert not np.allclose(once, patch)
    assert not np.allclose(once, other)


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.7, 2.3])
def test_resampling_keeps_a_linear_ramp_in_its_place(factor):
    length = 40
    ramp = np.arange(length, dtype=np.float32)[:, None] * np.ones((1, 4), np.float32)
    new = resample(ramp, (12, 4), (factor, 1.0))[:, 0]
    expected = (np.arange(12) - 5.5) * factor + 19.5
    assert np.allclose(new, expected, atol=1e-3)


def test_resampling_to_coarser_voxels_calms_noise():
    coarse = resample(
        np.random.default_rng(0).standard_normal((60, 60, 60), dtype=np.float32), (24, 24, 24), (2.4,) * 3
    )
    assert coarse.std() < 0.5


def test_slices_thicker_than_the_range_keep_their_thickness():
    asked = []
    augmentation = make_augmentation(AugmentationConfig(**{**OFF, "resolution": 1.0}), (8, 8, 8))

    def cut(size):
        asked.append(tuple(size))
        return np.zeros(size, np.float32)

    for seed in range(20):
        augmentation(cut, (4.0, 0.8, 0.8), np.random.default_rng(seed))
    assert all(size[0] == 8 for size in asked)
    assert len({size[1] for size in asked}) > 3


def test_inverting_the_contrast_leaves_the_background_at_zero():
    patch = np.zeros((8, 8, 8), np.float32)
    patch[2:6] = 0.8
    inverted = augmented(patch, invert=1.0)
    assert set(np.unique(inverted.round(4))) == {0.0, np.float32(0.3)}
