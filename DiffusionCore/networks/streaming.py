"""A U-Net run layer by layer over a moving stack of slices: exact, no voxel computed twice, in little memory.

Every layer is a generator of chunks, consecutive slices (1, C, k, J, I) along the first axis. It pulls from the layer
before it and keeps only the slices that its kernel still needs; the encoder's maps wait until the levels below have
answered. What is alive at once is as long as the receptive field, not as the scan. A chunk comes with a flag that says
whether it is the last, so that a layer can add the zeros behind the end at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import nn
from torch.nn import functional as F

from .blocks import ResidualBlock, Upsample
from .convolution import Convolution3d
from .unet import Level, UNet
from .window import Window, coarser, cut, decoder_windows, finer

Chunks = Iterator[tuple[torch.Tensor, bool]]
Layer = Callable[[torch.Tensor], torch.Tensor]
Film = tuple[torch.Tensor, torch.Tensor]


def can_stream(network: nn.Module) -> bool:
    """Whether `stream` runs this network: a 3D U-Net of plain blocks without statistics over space."""
    if not isinstance(network, UNet):
        return False
    config = network.config
    local = config.norm == "none" and not config.attention_levels and not config.swin
    simple = not config.reversible and not config.transposed and config.skip == "add" and config.fold == 1
    return config.spatial_dims == 3 and local and simple


def stream(network: UNet, chunks: Chunks, *scalars: torch.Tensor, sizes: Sequence[int], keep: Window) -> Chunks:
    """network(x, *scalars, keep=keep), for x of `sizes` that comes in `chunks` (1, C, k, J, I).

    The chunks that leave have lengths of their own. `sizes` are multiples of the network's down-sampling. The chunks given
    are not changed.
    """
    embedding = network.embed(*scalars) if network.embed is not None else None
    held = tuple((0, size) for size in sizes)
    windows = decoder_windows(keep, sizes, len(network.up), network.config.convolutions)
    x = convolved(network.head, chunks)
    waiting = []
    for level, down, window in zip(network.encoder, network.down, windows, strict=True):
        waiting.append(Queue())
        x = downsampled(down, waiting[-1].fed(through(level, x, embedding), Trim(window, held)))
        held = coarser(held)
    x = through(network.middle, x, embedding)
    for up, level, window in zip(reversed(network.up), reversed(network.decoder), reversed(windows), strict=True):
        below = coarser(window)
        x = within(Trim(window, finer(below)), upsampled(up, within(Trim(below, held), x)))
        x, held = through(level, joined(x, waiting.pop()), embedding), window
    x = convolved(network.tail, ((F.silu(chunk, inplace=True), last) for chunk, last in x))
    return within(Trim(keep, held), x)


class Trim:
    """Called with slices (1, C, k, J, I) that come one stack after the other and are all of `held`: those of `window`."""

    def __init__(self, window: Window, held: Window) -> None:
        (self.first, self.stop), *self.across = window
        (self.position, _), *self.held_across = held

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        start, self.position = self.position, self.position + x.shape[2]
        lo = min(max(self.first, start), self.position)
        hi = max(min(self.stop, self.position), lo)
        return cut(x, ((lo, hi), *self.across), ((start, self.position), *self.held_across))

    @property
    def done(self) -> bool:
        """Whether nothing of the window is still to come."""
        return self.position >= self.stop


def within(trim: Trim, chunks: Chunks) -> Chunks:
    """What `trim` leaves of the chunks; those behind it are never computed."""
    for x, _ in chunks:
        part = [trim(x)]
        del x  # a generator that rests keeps its variables alive, and many rest at once
        if part[0].shape[2]:
            yield part.pop(), trim.done
        if trim.done:
            return


class Queue:
    """Slices that wait until a later layer takes them, in numbers of its choice."""

    def __init__(self) -> None:
        self.held: deque[torch.Tensor] = deque()

    def put(self, piece: torch.Tensor) -> None:
        """Slices (1, C, k, J, I) at the end of the queue."""
        if piece.shape[2]:
            self.held.append(piece)

    def fed(self, chunks: Chunks, layer: Layer) -> Chunks:
        """The chunks as they are; of each, `layer(chunk)` goes into the queue too."""
        for x, last in chunks:
            self.put(layer(x))
            yield x, last

    def take(self, count: int) -> torch.Tensor:
        """The next `count` slices, as a tensor of their own."""
        taken = []
        while count:
            piece = self.held.popleft()
            if piece.shape[2] > count:
                self.held.appendleft(piece[:, :, count:])
                piece = piece[:, :, :count]
            taken.append(piece)
            count -= piece.shape[2]
        return torch.cat(taken, dim=2)


def convolved(
    layer: Convolution3d, chunks: Chunks, film: Film | None = None, silu: bool = False, add: Queue | None = None
) -> Chunks:
    """A 3-convolution, and what it takes along; zeros lie before the first slice and behind the last."""
    kept = None
    for x, last in chunks:
        kept = torch.zeros_like(x[:, :, :1]) if kept is None else kept
        x = torch.cat([kept, x, torch.zeros_like(x[:, :, :1])] if last else [kept, x], dim=2)
        kept = x[:, :, -2:].clone()
        if x.shape[2] > 2:
            skip = None if add is None else add.take(x.shape[2] - 2)
            answer = [layer(x, film, silu, skip, padding=(0, 1, 1))]
            del x, skip
            yield answer.pop(), last


def through(level: Level, chunks: Chunks, embedding: torch.Tensor | None) -> Chunks:
    """The residual blocks of a level."""
    for block in level.blocks:
        chunks = residual(block, chunks, embedding)
    return chunks


def residual(block: ResidualBlock, chunks: Chunks, embedding: torch.Tensor | None) -> Chunks:
    """x + conv(act(film(conv(x)))), as `ResidualBlock.forward`."""
    film = None if block.film is None else block.film(embedding).chunk(2, dim=1)
    skip = Queue()
    hidden = convolved(block.conv1, skip.fed(chunks, block.skip), film, silu=True)
    return convolved(block.conv2, hidden, add=skip)


def downsampled(down: Convolution3d, chunks: Chunks) -> Chunks:
    """The 2-convolution of stride 2; an odd slice waits for its neighbour."""
    odd = None
    for x, last in chunks:
        x = x if odd is None else torch.cat([odd, x], dim=2)
        even = x.shape[2] // 2 * 2
        odd = x[:, :, even:].clone() if even < x.shape[2] else None
        if even:
            yield down(x[:, :, :even]), last


def upsampled(up: Upsample, chunks: Chunks) -> Chunks:
    """Twice the size."""
    for x, last in chunks:
        answer = [up(x)]
        del x
        yield answer.pop(), last


def joined(chunks: Chunks, skip: Queue) -> Chunks:
    """The up-sampled maps plus the encoder's."""
    for x, last in chunks:
        yield x.add_(skip.take(x.shape[2])), last
