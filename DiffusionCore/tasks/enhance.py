"""Enhance: remove noise from a scan by conditional diffusion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, ModelError, Refused
from ..metrics import NoiseEstimate, estimate_sigma, evaluate, evaluate_without_reference
from ..progress import Progress, silent
from ..volume import Volume
from ..volume.geometry import crop
from ..volume.intensity import cast_like, is_constant, normalisation_for
from ..volume.padding import ct_padding_mask
from .options import EnhanceOptions, parse_options
from .provenance import provenance
from .suitability import check_suitable

if TYPE_CHECKING:
    from ..inference import Samples, SamplingSettings
    from ..models import Model

# Below this, in normalised units, a scan has no noise that a model could have been trained on.
LEAST_SIGMA = 5e-4
# Single precision, in which everything is computed, is exact to seven digits between these.
LARGEST_VALUE, SMALLEST_VALUE = 1e30, 1e-30


@dataclass(frozen=True, eq=False)
class EnhanceResult:
    """An enhanced scan and what is known about it.

    volume       in the input's grid, units and voxel type
    uncertainty  standard deviation over the samples in the scan's units, or None for a single one
    noise        what was measured or given of the input's noise
    metrics      figures before and after; against a reference where one was given
    warnings     sentences a person should read
    provenance   how the result was made, ready for JSON
    """

    volume: Volume
    uncertainty: Volume | None
    noise: NoiseEstimate
    metrics: dict[str, Any]
    warnings: tuple[str, ...]
    provenance: dict[str, Any]


def enhance(
    volume: Volume,
    *,
    reference: Volume | None = None,
    mask: np.ndarray | None = None,
    region: Sequence[slice] | None = None,
    progress: Progress | None = None,
    loaded: Model | None = None,
    **options: Any,
) -> EnhanceResult:
    """Remove noise from a scan by conditional diffusion.

    volume     CT in HU or MR in any units, 3D
    reference  the same scan without noise, for figures that compare with it
    mask       (K, J, I) bool: only these voxels are changed
    region     slices along (k, j, i): only this part, cropped, with the values it has in the whole result
    loaded     a model loaded before, instead of `model`
    options    those of `EnhanceOptions`

    Raises UsageError, InputError, ModelError, DeviceError, Refused, Cancelled.
    """
    asked = parse_options(EnhanceOptions, **options)
    progress = progress or silent()
    progress.stage("load model")
    from ..inference import choose_device, parse_memory, sample_volume, threads
    from ..models import best_model, load_model

    choose_device(asked.device)
    if asked.modality and asked.modality != volume.modality:
        volume = replace(volume, modality=asked.modality)
    refuse_kind(volume)
    model = loaded or load_model(asked.model or best_model("enhance", volume.modality, dims=dimensions(volume)))
    refuse_model(model)
    if reference is not None:
        check_same_grid(volume, reference, "reference")
    if mask is not None and mask.shape != volume.shape:
        raise InputError("the mask is not on the scan's grid; resample it first")

    progress.stage("measure noise")
    noise = given_noise(asked.sigma, volume.modality) if asked.sigma else measured_noise(volume)
    normalisation = normalisation_for(volume, model.card.normalisation)
    sigma = noise.sigma / normalisation.scale
    warnings = (
        *volume.meta.get("warnings", ()),
        *check_suitable(volume, noise, sigma, model.card, force=asked.force),
    )

    settings = sampling_settings(asked)
    before, reference, mask = parts(volume, reference, mask, region)
    if sigma < LEAST_SIGMA:
        warnings = (*warnings, "no noise was found; the scan is returned as it is")
    if asked.strength == 0 or sigma < LEAST_SIGMA:
        enhanced, record = before.voxels, None
        spread = np.zeros(before.shape, np.float32) if settings.samples > 1 else None
    else:
        progress.stage("denoise")
        with threads(asked.threads):
            samples = sample_volume(
                model.denoiser,
                normalisation.apply(volume.voxels),
                sigma if noise.map is None else noise.sigma_map(volume.shape) / np.float32(normalisation.scale),
                model.process,
                settings,
                device=asked.device,
                memory=parse_memory(asked.memory) if asked.memory else None,
                tile=asked.tile,
                fallback=not asked.no_fallback,
                region=region,
                progress=progress,
            )
        progress.stage("finish")
        keep = untouched(before, mask)
        clean = normalisation.invert(as_array(samples.image))
        check_answer(clean, model)
        enhanced = blended(before, clean, asked.strength, keep)
        spread = uncertainty_of(samples, normalisation.scale, asked.strength, keep)
        record = samples.record
        warnings = (*warnings, *record.fallbacks)

    after = before.with_voxels(enhanced, enhanced=True)
    progress.stage("figures")
    metrics = figures(before, after, reference, mask, noise if region is None and not asked.sigma else None)
    progress.finish()
    return EnhanceResult(
        volume=after,
        uncertainty=None if spread is None else before.with_voxels(spread),
        noise=noise,
        metrics=metrics,
        warnings=warnings,
        provenance=provenance(volume, after, model, asked, settings, noise, record, progress.seconds),
    )


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


def sampling_settings(asked: EnhanceOptions) -> SamplingSettings:
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


def check_same_grid(volume: Volume, other: Volume, what: str) -> None:
    """Raise `InputError` unless `other` has the scan's voxels at the scan's places, to a hundredth of a millimetre."""
    if other.shape != volume.shape or not np.allclose(other.ijk_to_ras, volume.ijk_to_ras, rtol=0, atol=1e-2):
        raise InputError(f"the {what} is not on the scan's grid; resample it first")


def untouched(volume: Volume, mask: np.ndarray | None) -> np.ndarray | None:
    """(K, J, I) bool of voxels that keep their value: CT's padding and what is outside the mask; None: no voxel."""
    keep = ct_padding_mask(volume.voxels) if volume.modality == "CT" else None
    if mask is not None:
        outside = ~np.asarray(mask, dtype=bool)
        keep = outside if keep is None else keep | outside
    return keep if keep is not None and keep.any() else None


def check_answer(clean: np.ndarray, model: Model) -> None:
    """Raise `ModelError` where the network answered with infinite numbers or NaN."""
    if not (np.isfinite(clean.min()) and np.isfinite(clean.max())):
        raise ModelError(f"the model {model.card.name!r} answered with numbers that are not finite; it is damaged")


def blended(volume: Volume, clean: np.ndarray, strength: float, keep: np.ndarray | None) -> np.ndarray:
    """y + strength (x_hat - y) in the scan's own voxel type, rounded and clipped where that is an integer."""
    y = volume.voxels.astype(np.float32, copy=False)
    if volume.modality == "MR" and volume.voxels.min() >= 0:
        clean = np.maximum(clean, 0)  # an amplitude
    result = clean if strength == 1 else y + np.float32(strength) * (clean - y)
    dtype = volume.voxels.dtype
    if dtype == np.float16:
        result = np.clip(result, np.finfo(dtype).min, np.finfo(dtype).max)
    result = cast_like(result, dtype)
    return result if keep is None else np.where(keep, volume.voxels, result)


def uncertainty_of(samples: Samples, scale: float, strength: float, keep: np.ndarray | None) -> np.ndarray | None:
    """The samples' standard deviation in the scan's units; zero where nothing was changed."""
    if samples.spread is None:
        return None
    spread = as_array(samples.spread) * np.float32(scale * strength)
    return spread if keep is None else np.where(keep, np.float32(0), spread)


def as_array(tensor: Any) -> np.ndarray:
    return np.asarray(tensor.cpu().numpy(), dtype=np.float32)


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
