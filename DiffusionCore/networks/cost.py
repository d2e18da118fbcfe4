"""What a pass of a network costs: multiply-accumulates and memory, per voxel of the input."""

from __future__ import annotations

import copy
import math

import torch
from torch import nn

from .swin import WindowAttention

LINEAR = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d, nn.Linear)


def macs_by_layer(network: nn.Module, in_channels: int, spatial_dims: int, size: int, scalars: int) -> dict[str, float]:
    """Multiply-accumulates per input voxel of every linear and attention layer, from a pass over `size`^dims.

    Attention is counted for this size: its share grows with it. A small pass on the CPU takes milliseconds; torch's meta
    device would need none, but importing what it stands on takes more than a second.
    """
    shadow = copy.deepcopy(network).cpu().float()
    counts: dict[str, float] = {}

    def count(name: str):
        def hook(layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
            weight = layer.weight
            if isinstance(layer, nn.Linear):
                macs = output.numel() * weight.shape[1]
            elif isinstance(layer, (nn.ConvTranspose2d, nn.ConvTranspose3d)):
                macs = inputs[0].numel() * math.prod(weight.shape[1:])
            else:
                macs = output.numel() * math.prod(weight.shape[1:])
            counts[name] = counts.get(name, 0.0) + macs / size**spatial_dims

        return hook

    def count_attention(name: str):
        def hook(layer: nn.MultiheadAttention, inputs: tuple[torch.Tensor, ...], output: object) -> None:
            batch, tokens, width = inputs[0].shape
            macs = batch * (4 * tokens * width**2 + 2 * tokens**2 * width)  # projections; Q·K and weights·V
            counts[name] = counts.get(name, 0.0) + macs / size**spatial_dims

        return hook

    def count_windows(name: str):
        def hook(layer: WindowAttention, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
            counts[name] = (
                2 * output.numel() * output.shape[2] / size**spatial_dims
            )  # its linear layers count themselves

        return hook

    for name, layer in shadow.named_modules():
        if isinstance(layer, WindowAttention):
            layer.register_forward_hook(count_windows(name))
        if isinstance(layer, nn.MultiheadAttention):
            layer.register_forward_hook(count_attention(name))
        elif isinstance(layer, LINEAR) and not name.endswith("out_proj"):
            layer.register_forward_hook(count(name))
    with torch.no_grad():
        shadow(torch.zeros(1, in_channels, *[size] * spatial_dims), *[torch.zeros(1)] * scalars)
    return counts


def peak_bytes_per_voxel(channels: tuple[int, ...], skip: str, itemsize: int, spatial_dims: int) -> float:
    """Activations alive at once at the widest moment of a pass without gradients, in bytes per input voxel.

    At full resolution a residual block holds its input, its hidden map, that map's normalised or shifted copy and its
    answer, and the decoder's one also the encoder's map; the preconditioning holds ten single-channel float32 maps.
    """
    maps = 5 if skip == "add" else 7
    return maps * channels[0] * itemsize + 40.0


def peak_bytes_per_column(channels: tuple[int, ...], blocks: int, itemsize: int, reach: int, chunk: int) -> float:
    """The same for a network that is streamed (`networks.streaming`) `chunk` slices at a time, in bytes per voxel of a slice.

    At rest every convolution keeps two slices and every block its queue; the encoder's maps wait for the whole receptive
    field; one layer works on a few chunks at once. Of float32 maps ten are made ready and two wait for the answer.
    """
    halves = len(channels) - 1
    slices = 0.0
    for level, width in enumerate(channels):
        sides, here = (2 if level < halves else 1), chunk / 2**level + 2
        waiting = 2 * (reach / 2**level + here) if level < halves else 0
        slices += width / 4**level * (sides * blocks * (2 * 2 + 2 * here) + waiting)
    slices += 4 * channels[0] * (chunk + 2)
    return slices * itemsize + 4.0 * (10 * (chunk + 8) + 2 * (reach + 2 * chunk))
