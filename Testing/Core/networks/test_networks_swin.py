"""Swin blocks: windows, shifts, relative positions and masks, checked by counting and by what can reach what."""

from __future__ import annotations

import pytest
import torch

from DiffusionCore.errors import UsageError
from DiffusionCore.networks import UNet, UNetConfig, receptive_field
from DiffusionCore.networks.swin import SwinBlock, relative_positions, swin_pair, whole, window_mask, windowed


def awake(block: torch.nn.Module) -> torch.nn.Module:
    """With random weights where a new block has zeros."""
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return block


def reached(block: torch.nn.Module, shape: tuple[int, ...], place: tuple[int, ...]) -> set[tuple[int, ...]]:
    """The positions of the input that the output at `place` depends on."""
    x = torch.randn(1, 4, *shape, requires_grad=True)
    block(x)[(0, slice(None), *place)].sum().backward()
    return {tuple(map(int, where)) for where in torch.nonzero(x.grad[0].abs().sum(0))}


@pytest.mark.parametrize("sizes", [(4, 6), (2, 4, 6)])
def test_windows_can_be_put_together_again(sizes):
    h = torch.randn(3, *sizes, 5)
    window = (2,) * len(sizes)
    cut = windowed(h, window)
    assert cut.shape == (3, torch.tensor(sizes).prod() // 2 ** len(sizes), 2 ** len(sizes), 5)
    assert torch.equal(whole(cut, sizes, window), h)


def test_the_first_window_holds_the_corner():
    h = torch.arange(16.0).reshape(1, 4, 4, 1)
    assert windowed(h, (2, 2))[0, 0, :, 0].tolist() == [0, 1, 4, 5]


def test_relative_positions_depend_on_the_step_alone():
    index = relative_positions((2, 2), (2, 2))
    assert index.diagonal().unique().tolist() == [4]  # no step: the middle of a table of 3 × 3
    assert index[0, 3] == 0 and index[3, 0] == 8
    assert index[0, 1] == index[2, 3] == 3
    assert len(index.unique()) == 9


def test_a_smaller_window_uses_the_same_steps_of_the_table():
    large, small = relative_positions((3, 3), (3, 3)), relative_positions((2, 2), (3, 3))
    assert small[0, 1] == large[0, 1] and small[0, 2] == large[0, 3]


def test_without_shift_nothing_leaves_its_window():
    block = awake(SwinBlock(2, 4, 2, 2, shifted=False))
    assert reached(block, (4, 4), (0, 0)) == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_with_shift_the_windows_lie_across_and_the_ends_do_not_meet():
    block = awake(SwinBlock(2, 4, 2, 2, shifted=True))
    assert reached(block, (4, 4), (1, 1)) == {(1, 1), (1, 2), (2, 1), (2, 2)}
    assert reached(block, (4, 4), (0, 0)) == {(0, 0)}
    assert reached(block, (4, 4), (0, 1)) == {(0, 1), (0, 2)}


def test_in_three_dimensions_too():
    block = awake(SwinBlock(3, 4, 2, 2, shifted=True))
    assert reached(block, (4, 4, 4), (1, 1, 0)) == {(k, j, 0) for k in (1, 2) for j in (1, 2)}


def test_a_pair_of_blocks_joins_neighbouring_windows():
    pair = awake(swin_pair(2, 4, 2, 2))
    assert reached(pair, (4, 4), (1, 1)) == {(j, i) for j in range(4) for i in range(4)}


def test_an_axis_within_one_window_is_not_shifted():
    block = awake(SwinBlock(2, 4, 2, 8, shifted=True))
    assert len(reached(block, (4, 4), (0, 0))) == 16


@pytest.mark.parametrize("shifted", [False, True])
def test_padding_is_seen_by_nothing(shifted):
    """5 × 5 in windows of 2: the last position sees only those of its window that are there."""
    block = awake(SwinBlock(2, 4, 2, 2, shifted=shifted))
    expected = {(3, 3), (3, 4), (4, 3), (4, 4)} if shifted else {(4, 4)}
    assert reached(block, (5, 5), (4, 4)) == expected


def test_the_mask_of_four_positions_in_windows_of_two():
    mask = window_mask((4,), (2,), (1,))
    assert mask[0].all()
    assert mask[1].tolist() == [[True, False], [False, True]]


def test_a_new_block_is_the_identity():
    x = torch.randn(2, 4, 5, 6)
    assert torch.equal(swin_pair(2, 4, 2, 4)(x), x)


@pytest.mark.parametrize("dims", [2, 3])
def test_a_bottleneck_by_configuration(dims):
    torch.manual_seed(0)
    config = UNetConfig(
        spatial_dims=dims, in_channels=1, channels=(4, 8), embedding=8, scalars=1, swin=True, swin_window=2
    )
    network = awake(UNet(config)).eval()
    plain = UNet(UNetConfig(spatial_dims=dims, in_channels=1, channels=(4, 8), embedding=8, scalars=1))
    added = sum(p.numel() for p in network.parameters()) - sum(p.numel() for p in plain.parameters())
    attention = 4 * 8 * 8 + 4 * 8 + 3**dims * 4
    assert added == 2 * (attention + 2 * 4 * 8 * 8 + 4 * 8 + 8 + 2 * 2 * 8)
    assert network(torch.randn(1, 1, *[12] * dims), torch.zeros(1)).shape == (1, 1, *[12] * dims)
    assert receptive_field(network) is None


def test_a_width_that_heads_do_not_divide_is_refused():
    with pytest.raises(UsageError, match="multiple of the heads"):
        UNetConfig(channels=(4, 6), swin=True)
