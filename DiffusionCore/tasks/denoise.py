"""The denoising itself: what was prepared of a whole scan, and from it the enhanced voxels of all or a part of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ModelError
from ..metrics import NoiseEstimate
from ..progress import Progress
from ..volume import Volume
from ..volume.intensity import Normalisation, cast_like
from ..volume.padding import ct_padding_mask
from .options import EnhanceOptions

if TYPE_CHECKING:
    from ..inference import Record, Samples, SamplingSettings
    from ..models import Card, Model

# Below this, in normalised units, a scan has no noise that a model could have been trained on.
LEAST_SIGMA = 5e-4
ANATOMY = 2.5
"""About how much of a scan's apparent correlation is anatomy; see `told_factor`."""
MOST_TOLD = 1.5
"""The most that a network is told more: beyond it edges suffered."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """What is decided once for a whole scan and holds for every part of it; `warnings` are sentences for a person, those
    in `unlike` about what of the scan the model was not trained on."""

    volume: Volume
    model: Model
    noise: NoiseEstimate
    normalisation: Normalisation
    warnings: tuple[str, ...]
    unlike: tuple[str, ...] = ()

    @property
    def sigma(self) -> float:
        """The noise in normalised units."""
        return self.noise.sigma / self.normalisation.scale

    @property
    def told(self) -> float:
        """The factor by which the noise that the network is told is more than the noise."""
        return told_factor(self.noise, self.model.card)


@dataclass(frozen=True, eq=False)
class Denoised:
    """Enhanced voxels in the scan's type, the samples' spread in its units (None for a single one), the record of how
    the network was run (None if it was not), and all warnings."""

    voxels: np.ndarray
    spread: np.ndarray | None
    record: Record | None
    warnings: tuple[str, ...]


def told_factor(noise: NoiseEstimate, card: Card) -> float:
    """How much more noise a network is told of that learnt on white noise alone, where neighbours share their noise.

    Such noise is hardly less after averaging, so that most of it stays where the network is told its deviation. With lag-one
    autocorrelations rho, P = prod(1 + 2 rho) is about its power at the lowest frequencies in units of white noise's of the
    same deviation, and P^(1/4) in amplitude half-way there; P is divided by what anatomy adds to it. Chosen on validation
    scans: docs/decisions.md, "Correlated noise".
    """
    if not noise.correlated or card.valid.correlated_noise:
        return 1.0
    power = float(np.prod([1 + 2 * max(rho, 0.0) for rho in noise.correlation if rho == rho]))
    return float(np.clip((power / ANATOMY) ** 0.25, 1.0, MOST_TOLD))


def denoise(
    ready: Prepared,
    before: Volume,
    settings: SamplingSettings,
    asked: EnhanceOptions,
    *,
    mask: np.ndarray | None,
    region: Sequence[slice] | None,
    progress: Progress,
) -> Denoised:
    """Denoise `region` of the prepared scan (None: all of it); `before` and `mask` are the scan and its mask there.

    Raises ModelError, DeviceError, Cancelled.
    """
    warnings = ready.warnings
    if ready.sigma < LEAST_SIGMA:
        warnings = (*warnings, "no noise was found; the scan is returned as it is")
    if asked.strength == 0 or ready.sigma < LEAST_SIGMA:
        spread = np.zeros(before.shape, np.float32) if settings.samples > 1 else None
        return Denoised(before.voxels, spread, None, warnings)
    from ..inference import parse_memory, sample_volume, threads

    progress.stage("denoise")
    scale, noise, shape = ready.normalisation.scale, ready.noise, ready.volume.shape
    told = ready.told * ready.sigma
    with threads(asked.threads):
        samples = sample_volume(
            ready.model.denoiser,
            ready.normalisation.apply(ready.volume.voxels),
            told if noise.map is None else noise.sigma_map(shape) * np.float32(ready.told / scale),
            ready.model.process,
            settings,
            device=asked.device,
            memory=parse_memory(asked.memory) if asked.memory else None,
            tile=asked.tile,
            fallback=not asked.no_fallback,
            region=region,
            width=ready.model.card.width_at(told),
            progress=progress,
        )
    progress.stage("finish")
    keep = untouched(before, mask)
    clean = ready.normalisation.invert(as_array(samples.image))
    check_answer(clean, ready.model)
    return Denoised(
        blended(before, clean, asked.strength, keep),
        uncertainty_of(samples, scale * (ready.model.card.uncertainty_factor or 1.0), asked.strength, keep),
        samples.record,
        (*warnings, *samples.record.fallbacks),
    )


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
    """The samples' standard deviation times `scale`, in the scan's units; zero where nothing was changed."""
    if samples.spread is None:
        return None
    spread = as_array(samples.spread) * np.float32(scale * strength)
    return spread if keep is None else np.where(keep, np.float32(0), spread)


def as_array(tensor: Any) -> np.ndarray:
    return np.asarray(tensor.cpu().numpy(), dtype=np.float32)
