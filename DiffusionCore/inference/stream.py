"""One pass of a denoiser over a volume, layer by layer over a moving stack of slices: exact, and nothing computed twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..networks import Queue, stream
from .apply import Condition, Placed, Report, inputs
from .plan import Plan
from .tiles import Box, slices, tiles, voxels
from .watch import watched


def apply_streamed(
    placed: Placed,
    decided: Plan,
    condition: Condition,
    state: Tensor | None,
    t: int,
    *,
    box: Box,
    domain: Box,
    out: Tensor,
    report: Report,
) -> Tensor:
    """x0_hat on `box` of the scan into `out`, which holds `domain`; returns `out`.

    report(fraction) is called before every layer of every stack and may raise to end the pass.
    """
    origin = [lo for lo, _ in domain]
    pieces = list(tiles(decided.axes(box)))
    total, done = sum(voxels(seen) for _, seen in pieces), 0
    for core, seen in pieces:
        part = voxels(seen)
        stacks = -(-(seen[0][1] - seen[0][0]) // decided.batch)
        shares = [(layer, share / stacks) for layer, share in placed.shares]
        (first, last), here = core[0], [lo for lo, _ in seen]
        with watched(shares, lambda f, done=done, part=part: report((done + f * part) / total)):
            k = seen[0][0]
            for x0_hat in answers(placed, condition, state, t, seen, origin, decided.batch):
                lo, hi = max(k, first), min(k + len(x0_hat), last)
                if lo < hi:
                    rows = (lo, hi), *core[1:]
                    out[slices(rows, origin)] = x0_hat[slices(rows, [k, *here[1:]])]
                k += len(x0_hat)
        done += part
    report(1.0)
    return out


def answers(
    placed: Placed,
    condition: Condition,
    state: Tensor | None,
    t: int,
    seen: Box,
    origin: Sequence[int],
    chunk: int,
) -> Iterator[Tensor]:
    """The denoiser's x0_hat (k, J, I) of the box `seen`, in stacks of consecutive slices."""
    denoiser = placed.denoiser
    first, last = seen[0]
    linear, unit = Queue(), Queue()

    def ready(k: int) -> Tensor:
        """The network's channels of slices k..k + chunk; what its answer is put together with waits in the queues."""
        stop = min(k + chunk, last)
        lo, hi = max(k - denoiser.margin, first), min(stop + denoiser.margin, last)
        x_t, time, y, sigma, _ = inputs(placed, condition, state, t, [((lo, hi), *seen[1:])], origin)
        made = denoiser.prepared(x_t, time, y, sigma)
        here = slice(k - lo, stop - lo)
        linear.put(made.linear[:, :, here])
        unit.put(made.unit.expand_as(made.linear)[:, :, here])
        return denoiser.stacked([channel.expand_as(made.linear)[:, :, here] for channel in made.channels])

    chunks = ((ready(k), k + chunk >= last) for k in range(first, last, chunk))
    time, level = (torch.full((1,), value, device=placed.device) for value in (t, condition.level))
    for x, _ in stream(denoiser.network, chunks, *denoiser.scalars(time, level)):
        count = x.shape[2]
        yield torch.addcmul(linear.take(count), unit.take(count), x.float())[0, 0]
