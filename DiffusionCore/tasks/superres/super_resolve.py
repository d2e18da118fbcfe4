"""Super-resolve: more voxels of a scan, with the detail that a residual diffusion model expects in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...metrics import estimate_sigma, evaluate
from ...progress import Progress, takes_progress
from ...volume import Volume
from ...volume.intensity import Normalisation, cast_like, normalisation_for
from ..denoise import check_answer
from ..enhance import refuse_kind, same_grid
from ..options import parse_options
from .cascade import Stage, axis_groups, chosen_models, plan_cascade
from .consistency import Consistency, make_consistent
from .finer_grid import FinerGrid, check_room, finer_grid
from .finer_padding import padding_at, without_padding
from .options import SuperResolveOptions
from .provenance import superres_provenance
from .stage import run_stage, stage_settings, total_lowering
from .suitability import check_resolvable, slice_thickness

if TYPE_CHECKING:
    from ...models import Model


@dataclass(frozen=True, eq=False)
class SuperResolveResult:
    """A super-resolved scan and what is known about it.

    volume        on the finer grid, in the input's physical box, units and voxel type
    interpolated  what the models started from, on the same grid
    uncertainty   standard deviation over the samples in the scan's units, or None for a single one
    consistency   how far the result, made coarse again, is from the scan, before and after the projection
    metrics       figures; against a reference where one was given
    warnings      sentences a person should read
    provenance    how the result was made, ready for JSON
    """

    volume: Volume
    interpolated: Volume
    uncertainty: Volume | None
    consistency: Consistency
    metrics: dict[str, Any]
    warnings: tuple[str, ...]
    provenance: dict[str, Any]


@takes_progress
def super_resolve(
    volume: Volume,
    *,
    reference: Volume | None = None,
    progress: Progress | str | None = None,
    loaded: Sequence[Model] | None = None,
    **options: Any,
) -> SuperResolveResult:
    """Make a scan's voxels finer by one or several conditional diffusion models.

    volume     CT in HU or MR in any units, 3D
    reference  the same scan on the finer grid, for figures that compare with it
    loaded     models loaded before, instead of `model`
    options    those of `SuperResolveOptions`

    Each stage interpolates, and adds what it expects the interpolation to lack; at the end the result is moved by as
    little as makes it agree with the scan (`consistency`). Raises UsageError, InputError, ModelError, DeviceError,
    Refused, Cancelled.
    """
    from ...degradation import lifted

    asked = parse_options(SuperResolveOptions, **options)
    progress.stage("load model")
    if asked.modality and asked.modality != volume.modality:
        volume = replace(volume, modality=asked.modality)
    refuse_kind(volume)
    grid = finer_grid(volume, asked)
    check_room(grid)
    stages = cascade(volume, grid, asked, loaded)
    progress.stage("measure noise")
    noise = estimate_sigma(volume.voxels, volume.modality, volume.spacing)
    thickness, notes = slice_thickness(volume, grid, stages, asked, noise)
    unsuited = check_resolvable(volume, stages, noise, force=asked.force)
    normalisation = normalisation_for(volume, stages[0].model.card.normalisation)
    if reference is not None:
        reference = same_grid(on_grid(volume, grid, np.zeros(grid.shape, np.uint8)), reference, "reference")

    given = normalisation.apply(without_padding(volume))
    lowering = total_lowering(stages, grid, thickness, asked.profile)
    settings = [stage_settings(stage, asked, last=stage is stages[-1]) for stage in stages]
    x, made = given, []
    for number, stage in enumerate(stages, start=1):
        progress.stage("super-resolve" if len(stages) == 1 else f"stage {number} of {len(stages)}")
        made.append(run_stage(stage, x, thickness, settings[number - 1], asked, progress))
        x = made[-1].finer
        check_answer(x, stage.model)
    progress.stage("finish")
    start = made[0].start if len(stages) == 1 else lifted(given, lowering)
    if asked.strength < 1:
        x = start + np.float32(asked.strength) * (x - start)
    finest, found = make_consistent(x, given, lowering, normalisation, noise, volume.modality, asked.consistency)
    after = in_own_units(finest, volume, grid, normalisation)
    before = in_own_units(start, volume, grid, normalisation)
    progress.stage("figures")
    progress.finish()
    records, spread = [each.record for each in made], made[-1].spread
    fallbacks = tuple(sentence for record in records for sentence in record.fallbacks)
    factor = normalisation.scale * asked.strength * (stages[-1].model.card.uncertainty_factor or 1.0)
    return SuperResolveResult(
        volume=after,
        interpolated=before,
        uncertainty=None if spread is None else on_grid(volume, grid, spread * np.float32(factor)),
        consistency=found,
        metrics=figures(before, after, reference, found),
        warnings=(*volume.meta.get("warnings", ()), *grid.notes, *notes, *unsuited, *fallbacks),
        provenance=superres_provenance(
            volume, after, stages, asked, settings, records, thickness, noise, progress.seconds
        ),
    )


def cascade(
    volume: Volume, grid: FinerGrid, asked: SuperResolveOptions, loaded: Sequence[Model] | None
) -> tuple[Stage, ...]:
    """The models that are used, in their order, and what each does."""
    from ...inference import choose_device

    choose_device(asked.device)
    patterns = [pattern for _, pattern in axis_groups(volume.spacing, grid.factors)]
    models = loaded or chosen_models(asked.model, volume.modality, patterns)
    return plan_cascade(models, volume.shape, volume.spacing, grid.factors, asked.stages)


def on_grid(volume: Volume, grid: FinerGrid, voxels: np.ndarray) -> Volume:
    """Voxels on the finer grid, with what is known of the scan."""
    return replace(volume, voxels=voxels, ijk_to_ras=grid.ijk_to_ras)


def in_own_units(x: np.ndarray, volume: Volume, grid: FinerGrid, normalisation: Normalisation) -> Volume:
    """A normalised result in the scan's units and voxel type, with CT's padding where it was."""
    values = normalisation.invert(x)
    if volume.modality == "MR" and volume.voxels.min() >= 0:
        np.maximum(values, 0, out=values)  # an amplitude
    if volume.voxels.dtype == np.float16:
        values = np.clip(values, np.finfo(np.float16).min, np.finfo(np.float16).max)
    values = cast_like(values, volume.voxels.dtype)
    padded = padding_at(volume, grid)
    if padded is not None:
        mask, filling = padded
        values = np.where(mask, filling, values)
    return replace(on_grid(volume, grid, values), meta={**volume.meta, "super_resolved": True})


def figures(before: Volume, after: Volume, reference: Volume | None, found: Consistency) -> dict[str, Any]:
    """Consistency before and after the projection; against a reference where there is one."""
    measured: dict[str, Any] = {"consistency": found.as_dict()}
    if reference is not None:
        measured["reference"] = {
            "before": evaluate(before, reference).as_dict(),
            "after": evaluate(after, reference).as_dict(),
        }
    return measured
