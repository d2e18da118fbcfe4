"""A network run layer by layer over stacks of slices is the network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from DiffusionCore.networks import Queue, UNet, UNetConfig, stream, unet_config
from DiffusionCore.networks.streaming import can_stream


def drawn(config: UNetConfig) -> UNet:
    torch.manual_seed(0)
    network = UNet(config).eval()
    for parameter in network.parameters():
        if parameter.ndim > 1 and not parameter.any():
            nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    return network


@pytest.mark.parametrize("lengths", [(4, 4, 4, 4, 4, 4), (1,) * 24, (24,), (5, 1, 9, 2, 7)])
@pytest.mark.parametrize("blocks", [1, 2])
@torch.no_grad()
def test_whatever_the_stacks(lengths, blocks):
    network = drawn(UNetConfig(channels=(4, 6, 8), blocks=blocks, embedding=8))
    x = torch.randn(1, 2, sum(lengths), 8, 12)
    scalars = torch.tensor([700.0]), torch.tensor([-3.0])
    ends = torch.tensor(lengths).cumsum(0).tolist()
    chunks = [(x[:, :, end - n : end], end == ends[-1]) for n, end in zip(lengths, ends, strict=True)]
    before = x.clone()
    sizes = tuple(x.shape[2:])
    keep = tuple((0, size) for size in sizes)
    streamed = torch.cat([chunk for chunk, _ in stream(network, iter(chunks), *scalars, sizes=sizes, keep=keep)], dim=2)
    assert torch.allclose(streamed, network(x, *scalars), rtol=0, atol=1e-5)
    assert torch.equal(x, before)


@torch.no_grad()
def test_what_waits_does_not_grow_with_the_scan():
    """The first slices leave while later ones are still to come: after about the receptive field, not at the end."""
    network = drawn(UNetConfig(channels=(4, 6, 8), embedding=8))
    given = 0

    def chunks():
        nonlocal given
        for _ in range(100):
            given += 2
            yield torch.zeros(1, 2, 2, 8, 8), given == 200

    left = 0
    sizes, keep = (200, 8, 8), ((0, 200), (0, 8), (0, 8))
    for chunk, _ in stream(network, chunks(), torch.zeros(1), torch.zeros(1), sizes=sizes, keep=keep):
        left += chunk.shape[2]
        assert given - left <= 40
    assert left == 200


@pytest.mark.parametrize(
    "keep", [((70, 73), (0, 16), (0, 16)), ((0, 1), (3, 8), (0, 16)), ((95, 100), (15, 16), (0, 2))]
)
@pytest.mark.parametrize("chunk", [1, 4, 50])
@torch.no_grad()
def test_a_part_takes_only_the_layers_that_it_depends_on(keep, chunk):
    network = drawn(UNetConfig(channels=(4, 6, 8), embedding=8))
    x, scalars = torch.randn(1, 2, 100, 16, 16), (torch.tensor([700.0]), torch.tensor([-3.0]))
    computed = []
    hook = network.tail.register_forward_hook(lambda layer, given, answer: computed.append(answer.shape[2]))
    chunks = ((x[:, :, k : k + chunk], k + chunk >= 100) for k in range(0, 100, chunk))
    part = torch.cat([piece for piece, _ in stream(network, chunks, *scalars, sizes=(100, 16, 16), keep=keep)], dim=2)
    hook.remove()
    assert torch.allclose(part, network(x, *scalars)[(..., *(slice(*window) for window in keep))], rtol=0, atol=1e-5)
    assert sum(computed) <= keep[0][1] - keep[0][0] + 8


def test_slices_are_taken_in_any_numbers_in_their_order():
    queue = Queue()
    for start in (0, 3, 5):
        queue.put(torch.arange(start, start + 3 if start != 3 else 5).reshape(1, 1, -1, 1, 1))
    assert [queue.take(n).flatten().tolist() for n in (1, 4, 3)] == [[0], [1, 2, 3, 4], [5, 6, 7]]


@pytest.mark.parametrize(
    "config",
    [
        UNetConfig(norm="group"),
        UNetConfig(attention_levels=(2,)),
        UNetConfig(swin=True),
        UNetConfig(reversible=True),
        UNetConfig(spatial_dims=2),
        UNetConfig(skip="concatenate"),
        UNetConfig(transposed=True),
        UNetConfig(fold=2),
    ],
)
def test_only_plain_networks_without_statistics_over_space(config):
    assert can_stream(UNet(unet_config("fast")))
    assert not can_stream(UNet(config))
