"""Positional noise: standard normal, and a function of seed, sample, step and position alone."""

from __future__ import annotations

import numpy as np
import pytest

from DiffusionCore.errors import UsageError
from DiffusionCore.inference import block_noise


@pytest.mark.parametrize(
    ("shape", "origin", "size"),
    [
        ((70, 65, 40), (0, 0, 0), (70, 65, 40)),
        ((70, 65, 40), (33, 1, 30), (5, 64, 10)),
        ((300, 150), (127, 3), (2, 140)),
    ],
)
def test_any_crop_is_the_crop_of_the_whole(shape, origin, size):
    whole = block_noise(shape, seed=3, sample=1, step=2)
    crop = block_noise(size, seed=3, sample=1, step=2, origin=origin)
    assert crop.dtype == np.float32
    assert np.array_equal(crop, whole[tuple(slice(o, o + n) for o, n in zip(origin, size, strict=True))])


def test_far_from_the_origin_it_is_drawn_without_what_lies_between():
    assert np.isfinite(block_noise((2, 2, 2), 0, 0, 0, origin=(10**9, 10**9, 10**9))).all()


def test_standard_normal_to_the_fourth_moment():
    noise = block_noise((96, 96, 96), seed=0, sample=0, step=0).astype(float)
    n = noise.size
    assert abs(noise.mean()) < 5 / n**0.5
    assert abs(noise.var() - 1) < 5 * (2 / n) ** 0.5
    assert abs((noise**3).mean()) < 5 * (15 / n) ** 0.5
    assert abs((noise**4).mean() - 3) < 5 * (96 / n) ** 0.5


def test_white_within_blocks_and_across_their_borders():
    noise = block_noise((96, 96, 96), seed=9, sample=0, step=0).astype(float)
    for shift in [(1, 0, 0), (0, 1, 0), (0, 0, 1), (32, 0, 0), (0, 32, 0), (0, 0, 32), (1, 1, 1), (32, 32, 32)]:
        first = noise[tuple(slice(None, 96 - s) for s in shift)]
        second = noise[tuple(slice(s, None) for s in shift)]
        assert abs((first * second).mean()) < 5 / first.size**0.5


def test_seeds_samples_steps_and_orders_of_them_are_independent():
    names = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 1, 1), (2**63 - 1, 0, 0), (0, 2**32 - 1, 1)]
    drawn = np.stack([block_noise((40, 40, 40), *name).ravel() for name in names]).astype(float)
    correlation = np.corrcoef(drawn) - np.eye(len(names))
    assert np.abs(correlation).max() < 5 / 40**1.5


def test_the_same_bytes_however_many_threads_draw():
    # 27 blocks are drawn by a pool, one block is not
    whole = block_noise((96, 96, 96), 1, 2, 3)
    for origin in [(0, 0, 0), (32, 64, 0), (64, 64, 64)]:
        block = block_noise((32, 32, 32), 1, 2, 3, origin=origin)
        assert block.tobytes() == whole[tuple(slice(o, o + 32) for o in origin)].tobytes()


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_out_of_range_is_refused_in_words(seed):
    with pytest.raises(UsageError, match="--seed must be 0 to 2"):
        block_noise((4, 4, 4), seed, 0, 0)


def test_other_dimensions_are_refused():
    with pytest.raises(UsageError, match="2 or 3 dimensions"):
        block_noise((4,), 0, 0, 0)
