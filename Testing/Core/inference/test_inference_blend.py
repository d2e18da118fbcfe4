"""Gaussian-weighted patches: constants, impulses, odd sizes, borders."""

from __future__ import annotations

import itertools

import pytest
import torch

from DiffusionCore.inference.blend import Blend, starts, window
from DiffusionCore.inference.tiles import take, whole


def blended(volume: torch.Tensor, patch: tuple[int, ...], box=None) -> torch.Tensor:
    """The volume taken apart and put together again."""
    box = box or whole(volume.shape)
    blend, total = Blend(volume.shape, patch), torch.zeros([hi - lo for lo, hi in box])
    for corner in blend.patches(box):
        blend.add(total, take(volume, corner, volume.shape), corner, box)
    return total


def test_the_window_is_a_gaussian_of_an_eighth_of_the_patch():
    weights = window(64)
    assert torch.allclose(weights, weights.flip(0))
    # from the centre's neighbour (0.5 voxel) to one standard deviation further (8.5): exp((0.5² - 8.5²) / (2·8²))
    assert weights[31 + 9] / weights[32] == pytest.approx(2.718281828 ** ((0.5**2 - 8.5**2) / 128), rel=1e-6)
    assert weights.argmax() in (31, 32)


def test_no_weight_is_zero():
    assert (window(4096) > 0).all()


def test_one_voxel_thick_patches_have_weight_one():
    assert window(1).tolist() == [1.0]


@pytest.mark.parametrize("length", [64, 65, 96, 100, 127, 128, 200])
def test_patches_begin_at_the_first_voxel_end_at_the_last_and_are_spread_evenly(length):
    firsts = starts(length, 64)
    gaps = [b - a for a, b in itertools.pairwise(firsts)]
    assert firsts[0] == 0
    assert firsts[-1] + 64 == length
    assert all(0 < gap <= 32 for gap in gaps)
    assert max(gaps, default=0) - min(gaps, default=0) <= 1


@pytest.mark.parametrize("shape", [(64, 64, 64), (65, 40, 97), (3, 64, 130), (1, 1, 1)])
def test_a_constant_stays_constant_to_the_borders(shape):
    assert torch.allclose(blended(torch.full(shape, -7.25), (32, 32, 32)), torch.full(shape, -7.25), atol=1e-5)


@pytest.mark.parametrize("where", [(0, 0, 0), (40, 36, 44), (20, 18, 31), (16, 0, 44)])
def test_an_impulse_stays_where_it_is(where):
    volume = torch.zeros(41, 37, 45)
    volume[where] = -3.5
    assert torch.allclose(blended(volume, (32, 32, 32)), volume, atol=1e-6)


def test_slices_are_patched_one_by_one():
    volume = torch.randn(3, 50, 70)
    assert torch.allclose(blended(volume, (1, 32, 32)), volume, atol=1e-5)


def test_a_part_has_the_values_of_the_whole():
    torch.manual_seed(0)
    volume, box = torch.randn(70, 50, 40), ((30, 45), (0, 20), (39, 40))
    assert torch.equal(blended(volume, (32, 32, 32), box), blended(volume, (32, 32, 32))[30:45, 0:20, 39:40])
