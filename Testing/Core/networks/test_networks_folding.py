"""Voxels folded into channels and back."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from DiffusionCore.networks import UNet, UNetConfig
from DiffusionCore.networks.folding import fold, unfold
from DiffusionCore.networks.receptive_field import unet_receptive_field


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_in_2d_it_is_pixel_unshuffle(factor):
    x = torch.randn(2, 3, 8, 12)
    assert torch.equal(fold(x, factor), F.pixel_unshuffle(x, factor))
    assert torch.equal(unfold(fold(x, factor), factor), x)


def test_in_3d_it_comes_back():
    x = torch.randn(2, 3, 4, 6, 8)
    folded = fold(x, 2)
    assert folded.shape == (2, 24, 2, 3, 4)
    assert torch.equal(folded[0, :8, 0, 0, 0], x[0, 0, :2, :2, :2].flatten())
    assert torch.equal(unfold(folded, 2), x)


def test_a_folded_network_keeps_the_size_and_its_reach_is_bounded():
    torch.manual_seed(0)
    config = UNetConfig(spatial_dims=2, in_channels=1, channels=(4, 8), embedding=0, fold=2)
    assert config.downsampling == 4
    network = UNet(config).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    size, reach = 128, unet_receptive_field(config)
    x = torch.randn(1, 1, size, size, dtype=torch.double, requires_grad=True)
    network(x)[0, 0, size // 2, size // 2].backward()
    rows = torch.nonzero(x.grad[0, 0].abs().sum(1))[:, 0] - size // 2
    assert max(-int(rows.min()), int(rows.max())) <= reach < size // 2
