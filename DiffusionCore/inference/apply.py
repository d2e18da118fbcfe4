"""One pass of a denoiser over a volume: exact, in tiles or a stream of slices, or in blended patches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from torch import Tensor

from .blend import Blend
from .call import Condition, Placed, answer
from .plan import Plan
from .stream import streamed
from .tiles import Box, sizes, slices, tiles, voxels
from .watch import watched

Report = Callable[[float], None]


def apply_exact(
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
    """x0_hat on `box` of the scan into `out`, which holds `domain`, in exact tiles or a stream; returns `out`.

    report(fraction) is called before every layer, of every stack where it is streamed, and may raise to end the pass.
    """
    origin = [lo for lo, _ in domain]
    pieces = list(tiles(decided.axes(box)))
    total, done = sum(voxels(seen) for _, seen in pieces), 0
    for core, seen in pieces:
        part, (k, _) = voxels(seen), core[0]
        calls = -(-sizes(seen)[0] // decided.batch) if decided.kind == "stream" else 1
        shares = [(layer, share / calls) for layer, share in placed.shares]
        with watched(shares, lambda f, done=done, part=part: report((done + f * part) / total)):
            for x0_hat in stacks(placed, decided, condition, state, t, core, seen, origin):
                out[slices(((k, k + len(x0_hat)), *core[1:]), origin)] = x0_hat
                k += len(x0_hat)
        done += part
    report(1.0)
    return out


def stacks(
    placed: Placed,
    decided: Plan,
    condition: Condition,
    state: Tensor | None,
    t: int,
    core: Box,
    seen: Box,
    origin: Sequence[int],
) -> Iterator[Tensor]:
    """x0_hat (k, J, I) of `core` from the input box `seen`: all its slices at once or, streamed, one stack after the other."""
    keep = tuple((lo - start, hi - start) for (lo, hi), (start, _) in zip(core, seen, strict=True))
    if decided.kind == "stream":
        yield from streamed(placed, condition, state, t, seen, origin, keep, decided.batch)
    else:
        yield answer(placed, condition, state, t, [seen], origin, keep)[0]


def apply_blended(
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
    """x0_hat on `box` of the scan into `out`, which holds `domain`, from overlapping patches; as `apply_exact` else."""
    origin = [lo for lo, _ in domain]
    blend = Blend(decided.shape, decided.core)
    patches = blend.patches(box)
    total = out[slices(box, origin)]
    total.zero_()
    for first in range(0, len(patches), decided.batch):
        group = patches[first : first + decided.batch]
        with watched(
            placed.shares, lambda f, first=first, group=group: report((first + f * len(group)) / len(patches))
        ):
            answers = answer(placed, condition, state, t, group, origin)
        for x0_hat, patch in zip(answers, group, strict=True):
            blend.add(total, x0_hat, patch, box)
    report(1.0)
    return out
