"""A piece of the scan answered layer by layer over a moving stack of slices: exact, and nothing computed twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..networks import Queue, Trim, stream
from .call import Condition, Placed, inputs
from .tiles import Box, sizes, whole


def streamed(
    placed: Placed,
    condition: Condition,
    state: Tensor | None,
    t: int,
    seen: Box,
    origin: Sequence[int],
    keep: Box,
    chunk: int,
) -> Iterator[Tensor]:
    """The denoiser's x0_hat (k, J, I) of the part `keep` of the box `seen`, in stacks of consecutive slices."""
    denoiser = placed.denoiser
    first, last = seen[0]
    linear, unit = Queue(), Queue()
    everything = whole(sizes(seen))
    of_linear, of_unit = Trim(keep, everything), Trim(keep, everything)

    def ready(k: int) -> Tensor:
        """The network's channels of slices k..k + chunk; what its answer is put together with waits in the queues."""
        stop = min(k + chunk, last)
        lo, hi = max(k - denoiser.margin, first), min(stop + denoiser.margin, last)
        x_t, time, y, sigma, _ = inputs(placed, condition, state, t, [((lo, hi), *seen[1:])], origin)
        made = denoiser.prepared(x_t, time, y, sigma)
        here = slice(k - lo, stop - lo)
        linear.put(of_linear(made.linear[:, :, here]))
        unit.put(of_unit(made.unit.expand_as(made.linear)[:, :, here]))
        return denoiser.stacked([channel.expand_as(made.linear)[:, :, here] for channel in made.channels])

    chunks = ((ready(k), k + chunk >= last) for k in range(first, last, chunk))
    time, level = (torch.full((1,), value, device=placed.device) for value in (t, condition.level))
    for x, _ in stream(denoiser.network, chunks, *denoiser.scalars(time, level), sizes=sizes(seen), keep=keep):
        count = x.shape[2]
        yield torch.addcmul(linear.take(count), unit.take(count), x.float())[0, 0]
