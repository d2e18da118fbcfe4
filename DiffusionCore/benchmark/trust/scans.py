"""A case as the volumes that `enhance` takes, and what it makes of them, kept so that a run goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from DiffusionCore.benchmark.denoise.case_inputs import case_input, seed_of
from DiffusionCore.benchmark.denoise.cases import Case
from DiffusionCore.benchmark.rivals.learned import decided_by, ras_matrix
from DiffusionCore.benchmark.rivals.method import HU_PER_UNIT
from DiffusionCore.benchmark.trust.extent import Shape
from DiffusionCore.degradation import rician
from DiffusionCore.metrics import NoiseEstimate, estimate_sigma
from DiffusionCore.models import find_model, read_card
from DiffusionCore.models.registry import CARD
from DiffusionCore.volume import Volume
from DiffusionCore.volume.atomic import atomic_file

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TrustScan:
    """A noisy crop.

    noisy    as `enhance` takes it: CT in HU, MR in parts of the 99.5th percentile
    clean    (K, J, I) in the same units, None for real noise
    tissue   (K, J, I) bool
    noise    what is known of its noise
    """

    case: Case
    noisy: Volume
    clean: Floats | None
    tissue: npt.NDArray[np.bool_]
    noise: NoiseEstimate

    @property
    def unit(self) -> str:
        return "HU" if self.case.modality == "CT" else "of p99.5"

    def scanned_with(self, added: Floats) -> Volume:
        """The scan as it would have been with `added` in the patient: the same noise in its channels."""
        if self.case.modality == "CT" or self.clean is None:
            return self.noisy.with_voxels(np.asarray(self.noisy.voxels) + added)
        truth = np.maximum(self.clean + added, 0)
        rng = np.random.default_rng(seed_of(self.case))
        return self.noisy.with_voxels(rician(truth, rng, self.noise.sigma).voxels)


def trust_scan(case: Case, root: Path, size: Shape, cache: Path) -> TrustScan:
    """Read the case's scan, crop it to `size`, add its noise. Raises `InputError` if the scan is not there."""
    given = case_input(case, root, size, cache)
    scale = np.float32(HU_PER_UNIT if case.modality == "CT" else 1.0)
    volume = Volume(given.scan.voxels * scale, ras_matrix(given.scan.spacing), case.modality)
    measured = estimate_sigma(volume.voxels, case.modality, volume.spacing)
    noise = measured
    if case.has_truth:  # its level is known, its spectrum is measured as in any scan
        rician_noise = case.modality == "MR"
        noise = NoiseEstimate(
            float(given.scan.sigma * scale),
            "rician" if rician_noise else "gaussian",
            correlated=not rician_noise,
            correlation=measured.correlation,
            spectrum=None if rician_noise else measured.spectrum,
        )
    clean = given.target * scale if case.has_truth else None
    return TrustScan(case, volume, clean, given.tissue, noise)


@dataclass(frozen=True, eq=False)
class Enhanced:
    """What a model made of a volume: float32 (K, J, I) each, in its units; `spread` None for a single sample."""

    voxels: Floats
    spread: Floats | None


@dataclass(frozen=True, eq=False)
class Enhancer:
    """`enhance` with one model, its results kept in `cache` under a hash of all they depend on.

    enhance   as `DiffusionCore.tasks.enhance` is; given because a benchmark knows no tasks
    factor    of the model's card, which is divided out of the spread
    """

    enhance: Callable[..., Any]
    folder: Path
    modality: str
    factor: float
    cache: Path

    def __call__(self, volume: Volume, noise: NoiseEstimate, **options: Any) -> Enhanced:
        key = self._key(volume, noise, options)
        if key.is_file():
            with np.load(key, allow_pickle=False) as kept:
                return Enhanced(volume.voxels + kept["change"].astype(np.float32), kept.get("spread"))
        given = self.enhance(volume, sigma=noise.sigma, model=str(self.folder), force=True, **options)
        scale = noise.sigma
        change = (np.asarray(given.volume.voxels, np.float32) - volume.voxels) / scale
        arrays = {"change": change.astype(np.float16).astype(np.float32) * scale}
        if given.uncertainty is not None:
            arrays["spread"] = np.asarray(given.uncertainty.voxels, np.float32) / np.float32(self.factor)
        self.cache.mkdir(parents=True, exist_ok=True)
        with atomic_file(key, overwrite=True) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, **arrays)
        return Enhanced(volume.voxels + arrays["change"], arrays.get("spread"))

    def _key(self, volume: Volume, noise: NoiseEstimate, options: dict[str, Any]) -> Path:
        described = [*decided_by(self.folder), noise.sigma, volume.spacing, volume.modality, options]
        digest = hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode())
        digest.update(np.ascontiguousarray(volume.voxels).tobytes())
        return self.cache / f"trust-{digest.hexdigest()}.npz"


def enhancer(enhance: Callable[..., Any], model: str | Path, cache: Path) -> Enhancer:
    """The model by name or folder. Raises `ModelError` if there is none."""
    folder = find_model(model)
    card = read_card(folder / CARD)
    return Enhancer(enhance, folder, card.modality, card.uncertainty_factor or 1.0, cache)
