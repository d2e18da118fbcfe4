"""How a result was made: enough to make it again, nothing about the patient."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import __version__
from ..volume import Volume
from .options import MachineOptions

if TYPE_CHECKING:
    from ..inference import Record, SamplingSettings
    from ..models import Card
    from .denoise import Prepared


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


def part_facts(
    shape: Sequence[int], mask: np.ndarray | None, region: Sequence[slice] | None
) -> dict[str, str | list[list[int]]]:
    """Which part of a scan (K, J, I) was asked for; nothing where it was all of it."""
    facts: dict[str, str | list[list[int]]] = {}
    if region is not None:
        facts["region_kji"] = [list(part.indices(size)[:2]) for part, size in zip(region, shape, strict=True)]
    if mask is not None:
        facts["mask_sha256"] = hashlib.sha256(np.ascontiguousarray(mask, dtype=bool)).hexdigest()
    return facts


def model_facts(card: Card) -> dict[str, str]:
    """By which model."""
    return {"name": card.name, "version": card.version, "sha256": card.sha256}


def provenance(
    ready: Prepared,
    part: Mapping[str, Any],
    result: Volume,
    asked: MachineOptions,
    settings: SamplingSettings,
    record: Record | None,
    seconds: dict[str, float],
) -> dict[str, Any]:
    """Hashes, model, settings, noise, machine, versions and seconds by stage, as JSON can hold them; `part_facts` are the
    `part`, and `told` under `sigma` is the noise that the network was told."""
    import torch

    model, noise = ready.model, ready.noise
    return {
        "software": software_facts(),
        "input": {**input_facts(ready.volume), **part},
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
        "sigma": {
            "value": noise.sigma,
            "told": noise.sigma * ready.told,
            "kind": noise.kind,
            "correlated": noise.correlated,
            "reason": noise.reason,
        },
        "plan": None
        if record is None
        else {
            "kind": record.plan.kind,
            "core": list(record.plan.core),
            "device": str(record.plan.device),
            "dtype": str(record.plan.dtype).removeprefix("torch."),
            "network_passes": record.passes,
            "fallbacks": list(record.fallbacks),
            "threads": asked.threads or torch.get_num_threads(),
        },
        "seconds": {stage: round(spent, 3) for stage, spent in seconds.items()},
    }
