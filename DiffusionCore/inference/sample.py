"""From a noisy scan to its clean estimate: the conditional mean in one step, samples in several, mean and spread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ..diffusion import Process, classifier_free, initial_state, named_sampler
from ..errors import DeviceError
from ..progress import Progress, silent
from .allocator import reused_memory
from .call import Condition
from .chain import Chain, make_chain
from .device import repeatable
from .mirror import mirror, mirror_box
from .noise import block_noise
from .request import as_box, as_float, as_sigma, as_volume, typical
from .run import Place, Runner, choose_places, out_of_memory
from .settings import Record, Samples, SamplingSettings
from .tiles import Box, sizes, slices
from .watch import Meter

Denoise = Callable[[Tensor, int], Tensor]


@torch.no_grad()
def sample_volume(
    denoiser: nn.Module,
    y: Tensor | np.ndarray,
    sigma: float | Tensor | np.ndarray,
    process: Process,
    settings: SamplingSettings | None = None,
    *,
    device: str = "auto",
    dtype: str = "auto",
    memory: int | None = None,
    tile: int | Sequence[int] | None = None,
    fallback: bool = True,
    places: Sequence[Place] | None = None,
    region: Sequence[slice] | None = None,
    start: tuple[Tensor, int] | None = None,
    conditional: bool = True,
    level: float | None = None,
    width: float = 1.0,
    progress: Progress | None = None,
) -> Samples:
    """Restore a scan y (K, J, I), normalised, whose noise has standard deviation sigma (a number, or a map like y).

    A 2D denoiser takes y (K, J, I) as K slices, or one slice (J, I). `device`, `dtype`, `memory` (bytes this call may
    add), `tile` and `fallback` (to the CPU) say where and how to compute; or `places` does. `region` (slices): these
    voxels only, with the values they have in the whole result. `start` (x_t (K, J, I), t): begin there instead of with
    noise at T. `conditional` False: the network is not shown y. `level`: the typical sigma, by default its
    median. `width` times the settings' `texture` scales all noise of a sample (`models.Card.sample_width`). `progress`
    hears fractions of its current stage.

    The result depends on the seed, but (to 1e-5 in float32) not on memory, tile, region or threads.
    Raises UsageError, InputError, ModelError, DeviceError, Cancelled.
    """
    began = time.perf_counter()
    settings, progress = (settings or SamplingSettings()).for_state(denoiser.state), progress or silent()
    given = as_float(y)
    volume = as_volume(given, denoiser.spatial_dims)
    shape = tuple(volume.shape)
    noise_level = as_sigma(sigma, shape)
    asked = as_box(region, shape)
    chain = make_chain(denoiser, process, settings, shape, asked, start, conditional)
    runner = Runner(
        denoiser,
        shape,
        places or choose_places(device, dtype, memory, fallback),
        arrays=_arrays(chain, settings.samples, noise_level),
        progress=progress,
        tile=tile,
        region=chain.boxes[0],
    )
    meter = Meter(progress, chain.passes(settings.samples))
    try:
        with repeatable(runner.place.dtype), reused_memory():
            scan = Condition(shape, volume.to(runner.home), noise_level.to(runner.home), level or typical(noise_level))
            means, drawn = Average(), Average(spread=settings.samples > 1)
            for turn, axes in enumerate(chain.mirrors[: settings.samples]):
                there = mirror_box(asked, shape, axes)
                course = make_chain(denoiser, process, settings, shape, there, start, conditional)
                view = scan.mirror(axes)
                seen = view if conditional else view.without_y()
                denoise = chain_denoiser(course, seen, settings.guidance, runner, meter)
                state = None if start is None else mirror(as_float(start[0]), axes)
                numbers = range(turn, settings.samples, len(chain.mirrors))
                images = draw_samples(
                    denoiser, denoise, course, process, settings, view, there, state, width * settings.texture, numbers
                )
                if course.blind:
                    means.add(mirror(next(images), axes))
                for image in images:
                    drawn.add(mirror(image, axes))
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        raise DeviceError(
            f"{runner.home} has too little memory for the scan and its samples; "
            "free some memory, or take a part of the scan"
        ) from error
    shown = means if chain.mean_only else drawn
    one_step, mean, spread, first = (
        None if x is None else (x[0] if given.ndim == 2 else x).to(given.device)
        for x in (means.mean, shown.mean, shown.deviation(), shown.first)
    )
    record = Record(runner.plan, meter.done, time.perf_counter() - began, tuple(runner.fallbacks))
    return Samples(one_step, mean, spread, first, record)


def chain_denoiser(chain: Chain, scan: Condition, guidance: float, runner: Runner, meter: Meter) -> Denoise:
    """denoise(x_t, t) -> x0_hat on the chain's domain, for the samplers. A blind first answer is kept and reused."""
    kept: list[Tensor] = []

    def passes(condition: Condition) -> Denoise:
        def denoise(x_t: Tensor, t: int) -> Tensor:
            blind = chain.blind and t == chain.visited[0]
            if blind and kept:
                return kept[0]
            box = chain.boxes[chain.visited.index(t)]
            make = torch.empty if box == chain.domain else torch.zeros
            out = make(sizes(chain.domain), device=scan.sigma.device)
            state = None if blind else x_t
            runner(condition, state, t, box=box, domain=chain.domain, out=out, report=meter.report)
            meter.next()
            if blind:
                kept.append(out)
            return out

        return denoise

    return classifier_free(passes(scan), passes(scan.with_nothing_in_y()), guidance)


def draw_samples(
    denoiser: nn.Module,
    denoise: Denoise,
    chain: Chain,
    process: Process,
    settings: SamplingSettings,
    scan: Condition,
    asked: Box,
    start: Tensor | None,
    noise_scale: float,
    numbers: Iterable[int],
) -> Iterator[Tensor]:
    """Images of the voxels asked for: where the chain begins blind its one-step mean, then the samples of these numbers."""
    sampler = named_sampler(settings.sampler, settings.eta)
    part = slices(asked, [lo for lo, _ in chain.domain])
    here = slices(asked, (0, 0, 0))
    sigma = scan.sigma[here] if scan.sigma.ndim else scan.sigma

    def image(x0: Tensor) -> Tensor:
        return denoiser.from_state(x0[part], scan.y[here], sigma)

    if chain.blind:
        nothing = torch.zeros((), device=scan.y.device).expand(sizes(chain.domain))
        yield image(denoise(nothing, chain.visited[0]))
    if chain.mean_only:
        return
    for number in numbers:
        noise = positional_noise(chain.domain, settings.seed, number)
        if start is None:
            epsilon = noise(-1, scan.y)
            x = initial_state(process, chain.visited[0], epsilon, noise_scale=noise_scale)
        else:
            x = start[slices(chain.domain, (0, 0, 0))].to(scan.y.device)
        yield image(last(sampler(denoise, x, process, chain.visited, noise=noise, noise_scale=noise_scale)))


class Average:
    """Mean and, with `spread`, standard deviation of volumes that come one after the other and are then its own.

    Updated volume by volume (Welford 1962), so that memory does not grow with their number. `first` is the first of them;
    before it came, `first` and `mean` are None.
    """

    def __init__(self, spread: bool = False) -> None:
        self.first: Tensor | None = None
        self.mean: Tensor | None = None
        self.count = 0
        self.spread = spread
        self.squares: Tensor | None = None

    def add(self, volume: Tensor) -> None:
        """One more volume."""
        self.count += 1
        if self.count == 1:
            self.first = self.mean = volume
            self.squares = torch.zeros_like(volume) if self.spread else None
            return
        change = volume - self.mean
        self.mean = torch.add(self.mean, change, alpha=1 / self.count)
        if self.squares is not None:
            self.squares.addcmul_(change, volume.sub_(self.mean))

    def deviation(self) -> Tensor | None:
        """The standard deviation (n - 1 degrees of freedom); None without `spread`."""
        return None if self.squares is None else (self.squares / (self.count - 1)).sqrt_()


def last(steps: Iterator[tuple[Tensor, Tensor]]) -> Tensor:
    """The state after a sampler's last step; those before it are let go."""
    for state, _ in steps:
        result = state
    return result


def positional_noise(domain: Box, seed: int, sample: int) -> Callable[[int, Tensor], Tensor]:
    """noise(step_index, like) for the samplers, of the voxels of `domain`; step -1 makes the state to begin with."""

    def noise(step_index: int, like: Tensor) -> Tensor:
        drawn = block_noise(sizes(domain), seed, sample, step_index + 1, origin=[lo for lo, _ in domain])
        return torch.from_numpy(drawn).to(like.device)

    return noise


def _arrays(chain: Chain, samples: int, sigma: Tensor) -> int:
    """Volumes beside the network: y, sigma, answer; x_t, older x0_hat, one step, noise; mean, squares and so on; the
    mirror images of y and sigma."""
    known = 1 + (sigma.ndim > 0)
    several = 5 + known if samples > 1 else 0
    return 1 + known + (0 if chain.mean_only else 5) + 2 * chain.guided + several
