"""Cutting and taking: cores fill the scan once, inputs are aligned and reach far enough, padding mirrors."""

from __future__ import annotations

import pytest
import torch

from DiffusionCore.inference.tiles import depends_on, mirrored, spans, take, tiles


def test_mirrors_repeat_where_the_pad_is_longer_than_the_axis():
    assert mirrored(torch.arange(-4, 11), 3).tolist() == [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1, 2, 2, 1]
    assert mirrored(torch.arange(4), 1).tolist() == [0, 0, 0, 0]


def test_by_hand():
    # 10 voxels, padded to 12; two cores of 8 at most; a halo of 3 becomes 4
    assert spans(10, 8, 3, 4) == [(0, 8, 0, 12), (8, 10, 4, 12)]


@pytest.mark.parametrize("length", [1, 6, 31, 64, 97])
@pytest.mark.parametrize("multiple", [1, 4, 8])
@pytest.mark.parametrize(("core", "halo"), [(16, 0), (16, 5), (24, 40)])
def test_cores_fill_the_axis_once_and_inputs_are_aligned_and_wide_enough(length, multiple, core, halo):
    pieces = spans(length, core, halo, multiple)
    assert [v for p in pieces for v in range(p.lo, p.hi)] == list(range(length))
    padded = -(-length // multiple) * multiple
    for p in pieces:
        assert p.input_lo % multiple == p.input_hi % multiple == 0
        assert 0 <= p.input_lo <= max(p.lo - halo, 0)
        assert min(p.hi + halo, padded) <= p.input_hi <= padded


def test_a_part_of_an_axis_sees_what_the_whole_would():
    assert spans(100, 50, 4, 8, lo=30, hi=40) == [(30, 40, 24, 48)]


def test_every_voxel_of_a_volume_is_in_one_core():
    count = torch.zeros(9, 10, 11, dtype=int)
    for core, _ in tiles([spans(n, 4, 3, 2) for n in count.shape]):
        count[tuple(slice(lo, hi) for lo, hi in core)] += 1
    assert (count == 1).all()


def test_without_padding_nothing_is_copied():
    volume = torch.arange(24.0).reshape(2, 3, 4)
    piece = take(volume, ((0, 2), (1, 3), (0, 4)), volume.shape)
    assert piece.data_ptr() == volume[:, 1:].data_ptr()


def test_padding_mirrors_at_the_far_ends_only():
    volume = torch.arange(6.0).reshape(1, 2, 3)
    piece = take(volume, ((0, 4), (0, 4), (1, 4)), volume.shape)
    assert piece.shape == (4, 4, 3)
    assert piece[3].tolist() == [[1, 2, 2], [4, 5, 5], [4, 5, 5], [1, 2, 2]]


def test_a_part_that_is_held_serves_for_the_whole():
    volume = torch.rand(9, 9, 9)
    held = volume[4:, 2:, 3:]
    box = ((6, 12), (4, 10), (6, 12))
    assert torch.equal(take(held, box, volume.shape, (4, 2, 3)), take(volume, box, volume.shape))


def test_what_a_box_depends_on_includes_mirrored_voxels():
    # 5 voxels padded to 8: voxels 5, 6, 7 mirror 4, 3, 2
    assert depends_on(((4, 5),), (5,), (0,), (8,)) == ((0, 5),)
    assert depends_on(((8, 9),), (9,), (0,), (4,)) == ((6, 9),)
    assert depends_on(((10, 12),), (100,), (5,), (4,)) == ((4, 20),)
