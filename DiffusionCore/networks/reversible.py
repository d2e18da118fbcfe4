"""Reversible residual blocks: what went in is computed back from what came out, so that nothing in between is kept."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from .blocks import normalisation
from .convolution import convolution, modulated


class ResidualFunction(nn.Module):
    """conv(silu(film(norm(conv(x))))), the last convolution starting at zero: what a reversible block adds.

    forward(x (N, channels, *S), embedding (N, width) or None) -> like x.
    """

    def __init__(self, spatial_dims: int, channels: int, embedding: int, norm: str) -> None:
        super().__init__()
        self.conv1 = convolution(spatial_dims, channels, channels)
        self.norm = normalisation(norm, channels)
        self.film = nn.Linear(embedding, 2 * channels) if embedding else None
        self.conv2 = convolution(spatial_dims, channels, channels)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)
        if self.film is not None:
            nn.init.zeros_(self.film.weight)
            nn.init.zeros_(self.film.bias)

    def forward(self, x: torch.Tensor, embedding: torch.Tensor | None) -> torch.Tensor:
        h = self.norm(self.conv1(x))
        if self.film is not None:
            h = modulated(h, self.film(embedding).chunk(2, dim=1))
        return self.conv2(F.silu(h))


class ReversibleBlock(nn.Module):
    """y_1 = x_1 + f(x_2), y_2 = x_2 + g(y_1) on the two halves of the channels (Gomez et al. 2017, eq. 6).

    forward and inverse take (N, channels, *S) with an even number of channels, and the embedding that f and g see.
    """

    def __init__(self, spatial_dims: int, channels: int, embedding: int, norm: str) -> None:
        super().__init__()
        self.f = ResidualFunction(spatial_dims, channels // 2, embedding, norm)
        self.g = ResidualFunction(spatial_dims, channels // 2, embedding, norm)

    def forward(self, x: torch.Tensor, embedding: torch.Tensor | None) -> torch.Tensor:
        x1, x2 = x.chunk(2, dim=1)
        y1 = x1 + self.f(x2, embedding)
        return torch.cat([y1, x2 + self.g(y1, embedding)], dim=1)

    def inverse(self, y: torch.Tensor, embedding: torch.Tensor | None) -> torch.Tensor:
        y1, y2 = y.chunk(2, dim=1)
        x2 = y2 - self.g(y1, embedding)
        return torch.cat([y1 - self.f(x2, embedding), x2], dim=1)


class ReversibleSequence(nn.Module):
    """Reversible blocks one after another; for the gradients only the last one's output is kept.

    forward(x (N, channels, *S), embedding) -> like x. Memory does not grow with the number of blocks, time grows by one
    more forward pass in the backward one. Maps are kept in float32 under autocast: adding and taking away again in half
    precision would not give back what was there.
    """

    def __init__(self, spatial_dims: int, channels: int, blocks: int, embedding: int, norm: str) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ReversibleBlock(spatial_dims, channels, embedding, norm) for _ in range(blocks))

    def forward(self, x: torch.Tensor, embedding: torch.Tensor | None) -> torch.Tensor:
        if not torch.is_grad_enabled() or not all(p.requires_grad for p in self.parameters()):
            return run(self.blocks, x, embedding)
        if torch.is_autocast_enabled(x.device.type):
            x = x.float()
        return Recomputed.apply(self.blocks, x, embedding, *self.parameters())


def run(blocks: nn.ModuleList, x: torch.Tensor, embedding: torch.Tensor | None) -> torch.Tensor:
    """The blocks one after another."""
    for block in blocks:
        x = block(x, embedding)
    return x


class Recomputed(torch.autograd.Function):
    """Reversible blocks whose inputs are computed back in the backward pass (Gomez et al. 2017, algorithm 1)."""

    @staticmethod
    def forward(
        ctx: Any, blocks: nn.ModuleList, x: torch.Tensor, embedding: torch.Tensor | None, *parameters: torch.Tensor
    ) -> torch.Tensor:
        kind = x.device.type
        ctx.blocks, ctx.embeds = blocks, embedding is not None
        ctx.autocast = {
            "device_type": kind,
            "enabled": torch.is_autocast_enabled(kind),
            "dtype": torch.get_autocast_dtype(kind),
        }
        y = run(blocks, x, embedding)
        ctx.save_for_backward(y, *([] if embedding is None else [embedding]))
        return y

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        y, *kept = ctx.saved_tensors
        embedding = kept[0].detach().requires_grad_() if kept else None
        of_embedding = None if embedding is None else torch.zeros_like(embedding)
        of_parameters: list[tuple[torch.Tensor | None, ...]] = []
        y1, y2 = y.detach().chunk(2, dim=1)
        grad1, grad2 = grad.chunk(2, dim=1)

        def step(function: nn.Module, x: torch.Tensor, of_answer: torch.Tensor) -> tuple[torch.Tensor, ...]:
            """The function's answer at x, and the gradients of x, the embedding and the parameters."""
            x = x.detach().requires_grad_()
            with torch.enable_grad(), torch.autocast(**ctx.autocast):
                answer = function(x, embedding)
            inputs = [x, *([] if embedding is None else [embedding]), *function.parameters()]
            found = torch.autograd.grad(answer, inputs, of_answer.to(answer.dtype))
            return (answer.detach(), *found)

        for block in reversed(ctx.blocks):
            answer, of_y1, *rest_g = step(block.g, y1, grad2)
            grad1, y2 = grad1 + of_y1, y2 - answer
            answer, of_x2, *rest_f = step(block.f, y2, grad1)
            grad2, y1 = grad2 + of_x2, y1 - answer
            if of_embedding is not None:
                of_embedding = of_embedding + rest_g.pop(0) + rest_f.pop(0)
            of_parameters.append((*rest_f, *rest_g))
        in_order = [gradient for block in reversed(of_parameters) for gradient in block]
        return None, torch.cat([grad1, grad2], dim=1), of_embedding, *in_order
