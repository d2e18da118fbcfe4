"""Which timesteps a sampler visits, and which voxels each pass must answer for."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ..diffusion import Process, timesteps
from ..errors import ModelError, UsageError
from .mirror import Axes, mirror_images
from .settings import SamplingSettings
from .tiles import Box, depends_on, whole


@dataclass(frozen=True)
class Chain:
    """The course of one sample.

    visited    timesteps, descending
    boxes      for each of them the voxels whose x0_hat matters: the region asked for, and before the last pass all that
               it will depend on
    domain     the voxels the state is kept for
    blind      the first pass is fed zeros for the state, so that it gives the conditional mean whatever the seed
    mean_only  the conditional mean is all that is asked for
    guided     each step takes a second, unconditional pass
    mirrors    the mirror images of the scan that samples are drawn from in turn
    """

    visited: tuple[int, ...]
    boxes: tuple[Box, ...]
    domain: Box
    blind: bool
    mean_only: bool
    guided: bool
    mirrors: tuple[Axes, ...]

    def passes(self, samples: int) -> int:
        """Passes of the network for all samples; those of one mirror image share a blind first pass."""
        if self.mean_only:
            return 1
        shared = max(samples - len(self.mirrors), 0) * self.blind
        return (samples * len(self.visited) - shared) * (1 + self.guided)


def make_chain(
    denoiser: nn.Module,
    process: Process,
    settings: SamplingSettings,
    shape: tuple[int, ...],
    region: Box,
    start: tuple[Tensor, int] | None,
    conditional: bool,
) -> Chain:
    """Plan one sample's course. Raises `UsageError` for settings, `ModelError` for parts, that do not go together."""
    if denoiser.num_train_timesteps != process.steps:
        raise ModelError(
            f"the model was trained with {denoiser.num_train_timesteps} timesteps, its process has {process.steps}"
        )
    residual = denoiser.state == "residual"
    if settings.guidance != 1 and (residual or not conditional):
        raise UsageError(
            "--guidance other than 1 needs a model of the image that was trained with and without the scan"
        )
    first = process.steps if start is None else start[1]
    if start is not None and (not 1 <= first <= process.steps or tuple(start[0].shape) != tuple(shape)):
        raise UsageError(f"a start needs a state of the scan's shape and a timestep 1 to {process.steps}, got {first}")
    visited = timesteps(first, settings.steps, "quadratic" if residual else "trailing")
    blind = residual and first == process.steps
    mean_only = blind and (settings.steps == 1 or settings.texture == 0)
    fresh = settings.texture > 0 and (settings.sampler == "ddpm" or (settings.sampler == "ddim" and settings.eta > 0))
    varied = not mean_only and (fresh or (start is None and settings.texture > 0))
    if settings.samples > 1 and not varied:
        raise UsageError(
            f"all {settings.samples} samples would be the same with these settings; "
            "take --samples 1, or several --steps and --texture above 0"
        )
    if mean_only:
        visited = visited[:1]
    boxes = [region]
    for _ in visited[1:]:
        boxes.append(_needed(denoiser, boxes[-1], shape))
    domain = boxes[-1] if blind else _needed(denoiser, boxes[-1], shape)
    guided = settings.guidance not in (0, 1)
    mirrors = tuple(mirror_images(denoiser.spatial_dims)) if blind else ((),)
    return Chain(visited, tuple(reversed(boxes)), domain, blind, mean_only, guided, mirrors)


def network_passes(denoiser: nn.Module, process: Process, settings: SamplingSettings, shape: tuple[int, ...]) -> int:
    """How often the network will run over a whole scan of `shape`. Raises as `make_chain`."""
    chosen = settings.for_state(denoiser.state)
    return make_chain(denoiser, process, chosen, shape, whole(shape), None, True).passes(chosen.samples)


def _needed(denoiser: nn.Module, box: Box, shape: tuple[int, ...]) -> Box:
    """What one pass over `box` depends on; for a network without a bounded reach, everything."""
    if not denoiser.exact_in_tiles:
        return whole(shape)
    flat, step, reach = denoiser.spatial_dims == 2, denoiser.downsampling, denoiser.receptive_field
    return depends_on(box, shape, (0 if flat else reach, reach, reach), (1 if flat else step, step, step))
