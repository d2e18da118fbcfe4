"""How a super-resolved scan was made, for reports and for derived DICOM series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...metrics import NoiseEstimate
from ...volume import Volume
from ...volume.dicom_derivation import DerivationRecord
from ..provenance import input_facts, software_facts, voxels_hash
from .cascade import Stage
from .options import SuperResolveOptions

if TYPE_CHECKING:
    from ...inference import Record, SamplingSettings


def superres_provenance(
    volume: Volume,
    result: Volume,
    stages: Sequence[Stage],
    asked: SuperResolveOptions,
    settings: Sequence[SamplingSettings],
    records: Sequence[Record],
    thickness: Mapping[int, float],
    noise: NoiseEstimate,
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """Hashes, stages with their models, settings and plans, machine, versions and seconds, as JSON can hold them."""
    return {
        "software": software_facts(),
        "input": input_facts(volume),
        "output": {
            "sha256": voxels_hash(result),
            "dtype": str(result.voxels.dtype),
            "shape_kji": list(result.shape),
            "spacing_kji_mm": [round(s, 6) for s in result.spacing],
        },
        "model": _model(stages[-1]),
        "options": asked.model_dump(),
        "slice_thickness": {"kji"[axis]: round(share, 4) for axis, share in thickness.items()},
        "sigma": {"value": noise.sigma, "kind": noise.kind, "correlated": noise.correlated, "reason": noise.reason},
        "stages": [
            {
                "model": _model(stage),
                "factors_kji": [round(f, 6) for f in stage.factors],
                "steps": chosen.steps,
                "samples": chosen.samples,
                "texture": chosen.texture,
                "sampler": chosen.sampler,
                "seed": chosen.seed,
                "plan": record.plan.in_words(),
                "device": str(record.plan.device),
                "dtype": str(record.plan.dtype),
                "network_passes": record.passes,
            }
            for stage, chosen, record in zip(stages, settings, records, strict=True)
        ],
        "seconds": {stage: round(spent, 3) for stage, spent in seconds.items()},
    }


def superres_record(made: Mapping[str, Any]) -> DerivationRecord:
    """The derivation of a super-resolved scan; `made` is `SuperResolveResult.provenance`, or the same read from JSON."""
    names = " then ".join(f"{s['model']['name']} {s['model']['version']}" for s in made["stages"])
    asked = {name: made["options"][name] for name in ("strength", "seed", "consistency", "preset")}
    spacing = "x".join(f"{s:g}" for s in reversed(made["output"]["spacing_kji_mm"]))
    return DerivationRecord(
        task="super_resolve",
        description="resolution raised by diffusion; detail finer than the source's voxels is estimated",
        model=names,
        version=made["software"]["DiffusionCore"],
        weights_sha256=" then ".join(s["model"]["sha256"] for s in made["stages"]),
        parameters={"spacing_mm": spacing, "steps": made["stages"][-1]["steps"], **asked},
        source_sha256=made["input"]["sha256"],
        suffix="super-resolved",
    )


def _model(stage: Stage) -> dict[str, str]:
    card = stage.model.card
    return {"name": card.name, "version": card.version, "sha256": card.sha256}
