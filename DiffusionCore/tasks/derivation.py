"""What a derived DICOM series says about how it was made, from a result's provenance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..volume.dicom_derivation import DerivationRecord


def enhance_record(made: Mapping[str, Any]) -> DerivationRecord:
    """The derivation of an enhanced scan; `made` is `EnhanceResult.provenance`, or the same read back from JSON."""
    asked = {name: made["options"][name] for name in ("strength", "seed")}
    return DerivationRecord(
        task="enhance",
        description="noise reduced by diffusion",
        model=f"{made['model']['name']} {made['model']['version']}",
        version=made["software"]["DiffusionCore"],
        weights_sha256=made["model"]["sha256"],
        parameters={"sigma": round(made["sigma"]["value"], 4), **made["sampling"], **asked},
        source_sha256=made["input"]["sha256"],
        suffix="enhanced",
    )
