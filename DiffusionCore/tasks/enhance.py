"""Enhance: remove noise from a scan by conditional diffusion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, ModelError, Refused
from ..metrics import NoiseEstimate, Trust, estimate_sigma, evaluate, evaluate_without_reference, trust
from ..progress import Progress, takes_progress
from ..volume import Volume
from ..volume.geometry import crop, in_order_of
from ..volume.intensity import is_constant, normalisation_for
from .denoise import Prepared, denoise
from .options import EnhanceOptions, SamplingOptions, parse_options
from .provenance import part_facts, provenance
from .suitability import check_suitable

if TYPE_CHECKING:
    from ..inference import SamplingSettings
    from ..models import Model

# Single precision, in which everything is computed, is exact to seven digits between these.
LARGEST_VALUE, SMALLEST_VALUE = 1e30, 1e-30


@dataclass(frozen=True, eq=False)
class EnhanceResult:
    """An enhanced scan and what is known about it.

    volume       in the input's grid, units and voxel type
    uncertainty  standard deviation over the samples in the scan's units, times the factor on the model's card where it
                 has one, so that 1.645 of it cover nine tenths of the voxels; None for a single sample
    noise        what was measured or given of the input's noise
    metrics      figures before and after; against a reference where one was given
    warnings     sentences a person should read
    provenance   how the result was made, ready for JSON
    trust        what speaks for and against it: residual structure, bias, uncertainty, range; None unless asked for
    """

    volume: Volume
    uncertainty: Volume | None
    noise: NoiseEstimate
    metrics: dict[str, Any]
    warnings: tuple[str, ...]
    provenance: dict[str, Any]
    trust: Trust | None = None


@takes_progress
def enhance(
    volume: Volume,
    *,
    reference: Volume | None = None,
    mask: np.ndarray | None = None,
    region: Sequence[slice] | None = None,
    progress: Progress | str | None = None,
    loaded: Model | None = None,
    noise: NoiseEstimate | None = None,
    ready: Prepared | None = None,
    **options: Any,
) -> EnhanceResult:
    """Remove noise from a scan by conditional diffusion.

    volume     CT in HU or MR in any units, 3D
    reference  the same scan without noise, for figures that compare with it
    mask       (K, J, I) bool: only these voxels are changed
    region     slices along (k, j, i): only this part, cropped, with the values it has in the whole result
    progress   "bar" for a bar on stderr, a `Progress`, or None for silence; so in every task
    loaded     a model loaded before, instead of `model`
    noise      the scan's noise, measured before
    ready      what `prepare` found before for this scan and these options
    options    those of `EnhanceOptions`

    Raises UsageError, InputError, ModelError, DeviceError, Refused, Cancelled.
    """
    asked = parse_options(EnhanceOptions, **options)
    if reference is not None:
        reference = same_grid(volume, reference, "reference")
    if mask is not None and mask.shape != volume.shape:
        raise InputError("the mask is not on the scan's grid; resample it first")
    ready = ready or prepare(volume, asked, loaded=loaded, noise=noise, progress=progress)
    part = part_facts(volume.shape, mask, region)
    before, reference, mask = parts(ready.volume, reference, mask, region)
    settings = sampling_settings(asked).for_state(ready.model.denoiser.state)
    found = denoise(ready, before, settings, asked, mask=mask, region=region, progress=progress)

    after = before.with_voxels(found.voxels, enhanced=True)
    progress.stage("figures")
    measured = ready.noise if region is None and not asked.sigma else None
    metrics = figures(before, after, reference, mask, measured)
    judgement = None
    if asked.trust:
        progress.stage("trust")
        judgement = judged(ready, before, after, region, uncertainty=found.spread, strength=asked.strength, mask=mask)
    progress.finish()
    return EnhanceResult(
        volume=after,
        uncertainty=None if found.spread is None else before.with_voxels(found.spread),
        noise=ready.noise,
        metrics=metrics,
        warnings=found.warnings,
        provenance=provenance(ready, part, after, asked, settings, found.record, progress.seconds),
        trust=judgement,
    )


def judged(ready: Prepared, before: Volume, after: Volume, region: Sequence[slice] | None, **facts: Any) -> Trust:
    """`trust` in the part that was enhanced, with the noise where it varies."""
    sigma = None
    if ready.noise.map is not None:
        whole = ready.noise.sigma_map(ready.volume.shape)
        sigma = whole if region is None else whole[tuple(region)]
    calibrated = ready.model.card.uncertainty_factor is not None
    return trust(before, after, ready.noise, sigma=sigma, calibrated=calibrated, out_of_range=ready.unlike, **facts)


def prepare(
    volume: Volume,
    asked: EnhanceOptions,
    *,
    loaded: Model | None = None,
    noise: NoiseEstimate | None = None,
    progress: Progress,
) -> Prepared:
    """The model for a scan, the scan's noise, and whether they go together: the same for every part of it.

    loaded, noise  a model loaded and the scan's noise measured before

    Raises InputError, ModelError, DeviceError, Refused, Cancelled.
    """
    progress.stage("load model")
    from ..inference import choose_device
    from ..models import best_model, load_model

    choose_device(asked.device)
    if asked.modality and asked.modality != volume.modality:
        volume = replace(volume, modality=asked.modality)
    refuse_kind(volume)
    model = loaded or load_model(asked.model or best_model("enhance", volume.modality, dims=dimensions(volume)))
    refuse_model(model)
    progress.stage("measure noise")
    noise = given_noise(asked.sigma, volume.modality) if asked.sigma else noise or measured_noise(volume)
    normalisation = normalisation_for(volume, model.card.normalisation)
    sigma = noise.sigma / normalisation.scale
    unlike = check_suitable(volume, noise, sigma, model.card, force=asked.force)
    return Prepared(volume, model, noise, normalisation, (*volume.meta.get("warnings", ()), *unlike), unlike)


def parts(
    volume: Volume, reference: Volume | None, mask: np.ndarray | None, region: Sequence[slice] | None
) -> tuple[Volume, Volume | None, np.ndarray | None]:
    """Scan, reference and mask within the region."""
    if region is None:
        return volume, reference, mask
    return (
        crop(volume, region),
        None if reference is None else crop(reference, region),
        None if mask is None else mask[tuple(region)],
    )


def sampling_settings(asked: SamplingOptions) -> SamplingSettings:
    """The preset's settings with what was given besides. Texture takes a sample, and a sample takes several steps."""
    from ..inference import PRESETS

    given = {name: getattr(asked, name) for name in ("steps", "samples", "texture") if getattr(asked, name) is not None}
    if asked.texture and asked.steps is None and asked.preset == "quick":
        given["steps"] = PRESETS["natural"].steps
    return replace(
        PRESETS[asked.preset],
        **given,
        sampler=asked.sampler,
        eta=asked.eta,
        guidance=asked.guidance,
        seed=asked.seed,
    )


def dimensions(volume: Volume) -> int:
    """2 for a single slice, else 3."""
    return 2 if min(volume.shape) == 1 else 3


def refuse_kind(volume: Volume) -> None:
    """Refuse, in words, what no model here can be right for."""
    if is_constant(volume.voxels):
        raise InputError("every voxel of the scan has the same value; there is nothing to enhance")
    kind = volume.meta.get("kind")
    if kind and kind not in ("CT", "MR") and volume.modality == "OTHER":
        raise Refused(f"this is a {kind} image; only CT and MR scans can be enhanced")
    if volume.modality == "LABEL":
        raise Refused("this is a label map, not a scan; give the scan it was drawn on")
    if volume.modality == "OTHER":
        reason = volume.meta.get("modality_reason", "nothing says")
        raise Refused(
            f"it could not be told whether this is CT or MR ({reason}); say so with --modality CT or --modality MR"
        )
    largest = max(abs(float(volume.voxels.min())), abs(float(volume.voxels.max())))
    if not np.isfinite(largest):
        raise InputError("the scan holds voxels that are NaN or infinite; mend them, or mask them by a number")
    if not SMALLEST_VALUE < largest < LARGEST_VALUE:
        raise InputError(f"the scan's largest value is {largest:.3g}, which single precision cannot hold; rescale it")


def refuse_model(model: Model) -> None:
    """Raise `ModelError` for a model that is for another task."""
    if model.card.task != "enhance" or model.card.input != "volume":
        raise ModelError(f"the model {model.card.name!r} is not one that enhances scans; `models list` shows which are")


def measured_noise(volume: Volume) -> NoiseEstimate:
    """The noise as the scan itself shows it."""
    return estimate_sigma(volume.voxels, volume.modality, volume.spacing)


def given_noise(sigma: float, modality: str) -> NoiseEstimate:
    """The user's own figure in the form of a measurement."""
    return NoiseEstimate(
        sigma=float(sigma), kind="rician" if modality == "MR" else "gaussian", reliable=True, reason="given by the user"
    )


def same_grid(volume: Volume, other: Volume, what: str) -> Volume:
    """`other` with its voxels in the scan's order. Raises `InputError` unless they lie at the scan's places, to a hundredth
    of a millimetre."""
    other = in_order_of(other, volume)
    if other.shape != volume.shape or not np.allclose(other.ijk_to_ras, volume.ijk_to_ras, rtol=0, atol=1e-2):
        raise InputError(f"the {what} is not on the scan's grid; resample it first")
    return other


def figures(
    before: Volume,
    after: Volume,
    reference: Volume | None,
    mask: np.ndarray | None,
    measured: NoiseEstimate | None,
) -> dict[str, Any]:
    """Figures before and after. Without a reference only those that need none: against the noisy input, doing nothing
    would win. `measured`: the noise before, where it is known of this very scan.
    """
    found: dict[str, Any] = {"without_reference": evaluate_without_reference(before, after, measured).as_dict()}
    if reference is not None:
        found["reference"] = {
            "before": evaluate(before, reference, mask=mask).as_dict(),
            "after": evaluate(after, reference, mask=mask).as_dict(),
        }
    return found
