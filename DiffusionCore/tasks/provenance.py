"""How a result was made: enough to make it again, nothing about the patient."""

from __future__ import annotations

import hashlib
import platform
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import __version__
from ..metrics import NoiseEstimate
from ..volume import Volume
from .options import Options

if TYPE_CHECKING:
    from ..inference import Record, SamplingSettings
    from ..models import Card, Model


def voxels_hash(volume: Volume) -> str:
    """SHA-256 of the voxels and of their place."""
    digest = hashlib.sha256(np.ascontiguousarray(volume.voxels))
    digest.update(np.ascontiguousarray(volume.ijk_to_ras))
    return digest.hexdigest()


def software_facts() -> dict[str, str]:
    """What computed."""
    import torch

    return {
        "DiffusionCore": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def input_facts(volume: Volume) -> dict[str, Any]:
    """What it was computed from: nothing about the patient."""
    return {
        "sha256": voxels_hash(volume),
        "shape_kji": list(volume.shape),
        "spacing_kji_mm": [round(s, 6) for s in volume.spacing],
        "modality": volume.modality,
        "modality_reason": volume.meta.get("modality_reason", ""),
    }


def model_facts(card: Card) -> dict[str, str]:
    """By which model."""
    return {"name": card.name, "version": card.version, "sha256": card.sha256}


def provenance(
    volume: Volume,
    result: Volume,
    model: Model,
    asked: Options,
    settings: SamplingSettings,
    noise: NoiseEstimate,
    record: Record | None,
    seconds: dict[str, float],
) -> dict[str, Any]:
    """Hashes, model, settings, noise, machine, versions and seconds by stage, as JSON can hold them."""
    import torch

    return {
        "software": software_facts(),
        "input": input_facts(volume),
        "output": {"sha256": voxels_hash(result), "dtype": str(result.voxels.dtype)},
        "model": model_facts(model.card),
        "options": asked.model_dump(),
        "sampling": {
            "steps": settings.steps,
            "samples": settings.samples,
            "texture": settings.texture,
            "sampler": settings.sampler,
            "eta": settings.eta,
            "guidance": settings.guidance,
            "seed": settings.seed,
            "widths": [one.model_dump() for one in model.card.sample_width],
        },
        "sigma": {"value": noise.sigma, "kind": noise.kind, "correlated": noise.correlated, "reason": noise.reason},
        "plan": None
        if record is None
        else {
            "kind": record.plan.kind,
            "core": list(record.plan.core),
            "device": str(record.plan.device),
            "dtype": str(record.plan.dtype).removeprefix("torch."),
            "network_passes": record.passes,
            "fallbacks": list(record.fallbacks),
            "threads": torch.get_num_threads(),
        },
        "seconds": {stage: round(spent, 3) for stage, spent in seconds.items()},
    }
