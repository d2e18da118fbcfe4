"""Reversible blocks: the plain block's gradients, at a memory that does not grow with the number of blocks."""

from __future__ import annotations

import pytest
import torch

from DiffusionCore.errors import UsageError
from DiffusionCore.networks import UNet, UNetConfig
from DiffusionCore.networks.reversible import ReversibleBlock, ReversibleSequence, run


def sequence(blocks: int, dims: int = 2, channels: int = 8, norm: str = "none") -> ReversibleSequence:
    """With random weights where a new one has zeros, in double precision."""
    torch.manual_seed(0)
    made = ReversibleSequence(dims, channels, blocks, embedding=6, norm=norm).double()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return made


def gradients(answer: torch.Tensor, inputs: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    weight = torch.linspace(-1, 1, answer.numel(), dtype=answer.dtype).reshape(answer.shape)
    return torch.autograd.grad((answer * weight).sum(), inputs)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("norm", ["none", "group"])
def test_the_inverse_gives_back_what_went_in(dims, norm):
    block = sequence(1, dims, norm=norm).blocks[0]
    x, embedding = torch.randn(2, 8, *[4] * dims, dtype=torch.double), torch.randn(2, 6, dtype=torch.double)
    assert torch.allclose(block.inverse(block(x, embedding), embedding), x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("norm", ["none", "group"])
def test_gradients_are_those_of_the_plain_blocks(dims, norm):
    made = sequence(3, dims, norm=norm)
    x = torch.randn(2, 8, *[4] * dims, dtype=torch.double, requires_grad=True)
    embedding = torch.randn(2, 6, dtype=torch.double, requires_grad=True)
    inputs = [x, embedding, *made.parameters()]
    plain, recomputed = run(made.blocks, x, embedding), made(x, embedding)
    assert torch.allclose(plain, recomputed, rtol=0, atol=1e-12)
    for expected, got in zip(gradients(plain, inputs), gradients(recomputed, inputs), strict=True):
        assert torch.allclose(expected, got, rtol=1e-9, atol=1e-10)


def test_without_an_embedding_too():
    made = ReversibleSequence(2, 4, 2, embedding=0, norm="none").double()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    x = torch.randn(1, 4, 6, 6, dtype=torch.double, requires_grad=True)
    inputs = [x, *made.parameters()]
    for expected, got in zip(
        gradients(run(made.blocks, x, None), inputs), gradients(made(x, None), inputs), strict=True
    ):
        assert torch.allclose(expected, got, atol=1e-10)


def kept_bytes(function) -> int:
    """Bytes of the tensors that autograd keeps of a call, each counted once."""
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        answer = function()
    del answer
    return sum(kept.values())


def test_memory_does_not_grow_with_the_number_of_blocks():
    x, embedding = torch.randn(1, 8, 32, 32, dtype=torch.double), torch.randn(1, 6, dtype=torch.double)
    x.requires_grad_()
    few, many = sequence(1), sequence(6)
    map_bytes = x.numel() * 8
    assert kept_bytes(lambda: few(x, embedding)) == kept_bytes(lambda: many(x, embedding)) <= 1.01 * map_bytes
    assert kept_bytes(lambda: run(many.blocks, x, embedding)) > 10 * map_bytes


def test_half_precision_autocast_keeps_the_stream_whole():
    made = sequence(4).float()
    x, embedding = torch.randn(2, 8, 8, 8, requires_grad=True), torch.randn(2, 6, requires_grad=True)
    inputs = [x, embedding, *made.parameters()]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        answer = made(x.bfloat16(), embedding)
        plain = run(made.blocks, x.bfloat16().float(), embedding)
    assert answer.dtype == torch.float32
    for expected, got in zip(gradients(plain, inputs), gradients(answer, inputs), strict=True):
        assert (expected - got).norm() <= 0.02 * expected.norm() + 1e-6


def test_frozen_weights_still_let_the_input_have_its_gradient():
    made = sequence(2).requires_grad_(False)
    x = torch.randn(1, 8, 4, 4, dtype=torch.double, requires_grad=True)
    made(x, torch.randn(1, 6, dtype=torch.double)).sum().backward()
    assert x.grad.abs().sum() > 0


def test_a_new_block_is_the_identity():
    x = torch.randn(1, 8, 4, 4)
    assert torch.equal(ReversibleBlock(2, 8, 0, "none")(x, None), x)


@pytest.mark.parametrize("skip", ["add", "concatenate"])
@pytest.mark.parametrize("dims", [2, 3])
def test_a_network_of_them_by_configuration_trains(dims, skip):
    torch.manual_seed(0)
    config = UNetConfig(
        spatial_dims=dims, in_channels=1, channels=(4, 8), blocks=2, skip=skip, scalars=1, reversible=True
    )
    network = UNet(config)
    x = torch.randn(2, 1, *[8] * dims)
    for _ in range(3):  # the first steps only wake what starts at zero
        loss = (network(x, torch.ones(2)) - x).square().mean()
        network.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter -= 0.1 * parameter.grad
    assert (network(x, torch.ones(2)) - x).square().mean() < loss
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_an_odd_width_is_refused():
    with pytest.raises(UsageError, match="must be even"):
        UNetConfig(channels=(5, 8), reversible=True)
