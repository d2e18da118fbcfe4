"""One stage of super-resolution: interpolate, say how much is missing where, and let the model fill it in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ...progress import Progress
from ..denoise import as_array
from ..enhance import sampling_settings
from .cascade import Stage
from .options import SuperResolveOptions

if TYPE_CHECKING:
    from ...degradation import AxisLowering
    from ...inference import Record, SamplingSettings
    from .finer_grid import FinerGrid

# Where the image itself is diffused, a sample takes many steps; the state of a residual takes those of the preset.
IMAGE_STEPS = 25


@dataclass(frozen=True, eq=False)
class StageResult:
    """What a stage made: `finer` of `start`, the interpolated scan; the samples' `spread`, or None; how it was run."""

    start: np.ndarray
    finer: np.ndarray
    spread: np.ndarray | None
    record: Record


def run_stage(
    stage: Stage,
    y: np.ndarray,
    thickness: dict[int, float],
    settings: SamplingSettings,
    asked: SuperResolveOptions,
    progress: Progress,
) -> StageResult:
    """One stage of a normalised scan y (K, J, I).

    thickness  of the slices along an axis, over their distance, where it is known
    """
    from ...degradation import expected_residual, lifted
    from ...inference import parse_memory, sample_volume, threads

    spec = stage.spec
    axes = stage_lowering(stage, y.shape, thickness, asked.profile)
    start = lifted(y, axes)
    scale, level = expected_residual(start, axes, spec.amplitude, spec.correlation, spec.content)
    back = tuple(np.argsort(stage.order))
    with threads(asked.threads):
        samples = sample_volume(
            stage.model.denoiser,
            np.ascontiguousarray(start.transpose(stage.order)),
            np.ascontiguousarray(scale.transpose(stage.order)),
            stage.model.process,
            settings,
            device=asked.device,
            memory=parse_memory(asked.memory) if asked.memory else None,
            tile=asked.tile,
            fallback=not asked.no_fallback,
            level=level,
            progress=progress,
        )
    finer = np.ascontiguousarray(as_array(samples.image).transpose(back))
    spread = None if samples.spread is None else np.ascontiguousarray(as_array(samples.spread).transpose(back))
    return StageResult(start, finer, spread, samples.record)


def stage_settings(stage: Stage, asked: SuperResolveOptions, *, last: bool) -> SamplingSettings:
    """How a stage is sampled; several samples are drawn only of the last."""
    settings = sampling_settings(asked)
    if stage.model.denoiser.state == "image" and asked.steps is None:
        settings = replace(settings, steps=IMAGE_STEPS, texture=1.0 if asked.texture is None else asked.texture)
    if not last:
        settings = replace(settings, samples=1)
    return settings.for_state(stage.model.denoiser.state)


def stage_lowering(
    stage: Stage, shape: Sequence[int], thickness: dict[int, float], profile: str | None = None
) -> tuple[AxisLowering | None, ...]:
    """How the stage's finer grid would become one of `shape`; of a later stage with the blur that it was trained for."""
    softening = 0.6 * stage.spec.softening if stage.repeats else 0.0
    known = {} if stage.repeats else thickness
    return tuple(
        None if factor == 1 else one_axis(stage, size, factor, known.get(axis), profile, softening)
        for axis, (size, factor) in enumerate(zip(shape, stage.factors, strict=True))
    )


def total_lowering(
    stages: Sequence[Stage], grid: FinerGrid, thickness: dict[int, float], profile: str | None = None
) -> tuple[AxisLowering | None, ...]:
    """How the finest grid becomes the scan's: along each axis by the first stage's way, in one step."""
    from ...degradation.grid import aligned_grid

    axes: list[AxisLowering | None] = []
    for axis, (size, factor) in enumerate(zip(grid.shape, grid.factors, strict=True)):
        stage = next((s for s in stages if s.factors[axis] > 1), None)
        coarse = aligned_grid(size, factor).size
        axes.append(None if stage is None else one_axis(stage, coarse, factor, thickness.get(axis), profile))
    return tuple(axes)


def one_axis(
    stage: Stage, coarse: int, factor: float, thickness: float | None, profile: str | None, softening: float = 0.0
) -> AxisLowering:
    """The way down to `coarse` voxels along an axis, as the stage's model was trained; where slices of known `thickness`
    are along it, with their `profile`."""
    from ...degradation import axis_lowering, fine_size

    spec = stage.spec
    return axis_lowering(
        fine_size(coarse, factor),
        factor,
        spec.kind,
        thickness=1.0 if thickness is None else thickness,
        profile=spec.profiles[0] if thickness is None or profile is None else profile,
        softening=softening,
    )
