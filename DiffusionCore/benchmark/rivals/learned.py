"""Models of `train` as methods: ours and the learned rivals, all through the one function that enhances a scan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from DiffusionCore.benchmark.rivals.method import HU_PER_UNIT, Array, Method, NoisyScan
from DiffusionCore.metrics import NoiseEstimate
from DiffusionCore.models import Card, find_model, read_card
from DiffusionCore.models.registry import CARD
from DiffusionCore.models.weights_file import WEIGHTS
from DiffusionCore.volume.volume import Volume

MACS_A_SECOND = 1.3e11
"""Of a network on two cores with bfloat16, about: for a forecast."""
OVERLAP = 4.0
"""How often a voxel is computed where patches are blended, about."""


def model_method(
    name: str,
    title: str,
    enhance: Callable[..., Any],
    model: str | Path,
    *,
    kind: Literal["learned", "ours"] = "ours",
    passes: int | None = None,
    **options: Any,
) -> Method:
    """A model folder (or an installed model's name) as a `Method`.

    enhance   enhance(volume, sigma=..., model=..., **options) -> a result whose `.volume` is the enhanced volume, as
              `DiffusionCore.tasks.enhance` is; given here because a benchmark knows no tasks
    kind      "ours", or "learned" for a trained rival
    passes    of the network, by default as many as `steps`
    options   its other options, fixed for this method (steps, samples, texture, seed)

    It is for the modality that its card says. Raises `ModelError` if there is no such model.
    """
    folder = find_model(model)
    card = read_card(folder / CARD)
    weights, drawn, code = decided_by(folder)

    def run(scan: NoisyScan) -> Array:
        unit = HU_PER_UNIT if scan.modality == "CT" else 1.0
        volume = Volume(scan.voxels * np.float32(unit), ras_matrix(scan.spacing), scan.modality)
        sigma, correlation = scan.sigma * unit, scan.correlation
        if correlation is None:
            known = {"sigma": sigma}
        else:
            known = {"noise": NoiseEstimate(sigma, "rician", correlated=True, correlation=correlation)}
        result = enhance(volume, model=str(folder), force=True, **known, **options)
        return np.asarray(result.volume.voxels, dtype=np.float32) / np.float32(unit)

    return Method(
        name=name,
        title=title,
        run=run,
        distribution="",
        module="DiffusionCore.inference",  # torch is not on the clock, as other methods' packages are not
        licence="MIT",
        fingerprint=f"{weights} {code} {json.dumps(options, sort_keys=True, default=str)} {drawn}",
        modalities=(card.modality,),
        kind=kind,
        steps=options.get("steps"),
        pace=model_pace(card, passes or options.get("steps", 1)),
        hours=card.recipe.get("hours"),
    )


def decided_by(folder: Path) -> tuple[str, str, str]:
    """What a model's outputs depend on, beside the scan and the options: checksum of its weights, the width of its samples
    as its card has it, checksum of the code that samples.
    """
    weights = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    drawn = " ".join(f"{one.sigma_normalised} {one.width}" for one in read_card(folder / CARD).sample_width)
    return weights, drawn, code_checksum()


def model_pace(card: Card, passes: int) -> float:
    """About how many seconds a model takes for a million voxels on two idle cores."""
    computed = OVERLAP if card.network.state == "image" else 1.0
    return 1e6 * passes * computed * card.network.macs_per_voxel / MACS_A_SECOND


def code_checksum() -> str:
    """SHA-256 of the code that samples, so that kept outputs of older code are not taken for this one's."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for room in ("diffusion", "networks", "inference"):
        for path in sorted((root / room).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def ras_matrix(spacing: tuple[float, float, float]) -> np.ndarray:
    """(4, 4) ijk to RAS of an axis-aligned grid with `spacing` mm along (k, j, i), its first voxel at the origin."""
    return np.diag([*spacing[::-1], 1.0])
