"""How far a voxel of the input reaches into the output."""

from __future__ import annotations

from torch import nn

from .dncnn import DnCNN
from .unet import UNet, UNetConfig


def receptive_field(network: nn.Module) -> int | None:
    """Half-width in voxels of the network's receptive field, or None where it is the whole input (norm, attention)."""
    if isinstance(network, DnCNN):
        return len(network.convolutions)
    if isinstance(network, UNet):
        return unet_receptive_field(network.config)
    return None


def unet_receptive_field(config: UNetConfig) -> int | None:
    """A 3-convolution at level l adds 2^l; each halving adds up to 2^l more, since a pair of voxels is merged whichever
    side of it a voxel is on. An upper bound within that alignment.
    """
    if config.norm == "group" or config.attention_levels or config.swin:
        return None
    last = len(config.channels) - 1
    convolutions = config.convolutions
    reach = 2  # head and tail
    for level in range(last):
        reach += 2 * convolutions * 2**level + 2**level
    reach += convolutions * 2**last
    return reach if config.fold == 1 else config.fold * (reach + 1)
