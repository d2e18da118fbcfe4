"""PSNR, SSIM and MAE of the study's patches by subject; kept on disk, so that a run goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from DiffusionCore.benchmark.conditioning.slices import Array, StudySlices
from DiffusionCore.metrics import mae, psnr, ssim
from DiffusionCore.metrics.bootstrap import FEWEST_SUBJECTS, Interval, over_subjects
from DiffusionCore.metrics.masks import MR_TISSUE
from DiffusionCore.volume.atomic import atomic_file

FIGURES = ("psnr", "ssim", "mae")


@dataclass(frozen=True)
class Scores:
    """For each subject, over the tissue of all its patches: PSNR (dB) and SSIM at data range 1, MAE (normalised)."""

    psnr: tuple[float, ...]
    ssim: tuple[float, ...]
    mae: tuple[float, ...]

    def interval(self, figure: str) -> Interval:
        """Mean over subjects with its 95 % bootstrap interval; of under six subjects the interval is their range."""
        values = getattr(self, figure)
        if len(values) >= FEWEST_SUBJECTS:
            return over_subjects(values)
        label = f"range of {len(values)} subjects"
        return Interval(float(np.mean(values)), min(values), max(values), 0.95, label)

    def mean(self, figure: str) -> float:
        return float(np.mean(getattr(self, figure)))


def score(images: Array, study: StudySlices) -> Scores:
    """Score patches (N, P, P) against the clean ones."""
    clean = study.cut(study.clean)
    images = np.asarray(images, np.float32)
    found: dict[str, list[float]] = {name: [] for name in FIGURES}
    for subject in study.subjects:
        part = study.of(subject)
        x, reference = images[part], clean[part]
        tissue = reference > MR_TISSUE
        found["psnr"].append(psnr(x, reference, 1.0, tissue))
        found["ssim"].append(ssim(x, reference, 1.0, tissue, dimensions=2))
        found["mae"].append(mae(x, reference, tissue))
    return Scores(**{name: tuple(values) for name, values in found.items()})


@dataclass(frozen=True)
class Result:
    """One method at one noise level.

    method    its name in the tables
    level     of the added noise, fraction of the 99.5th percentile
    scores    of the result; `one_step` those of the first estimate of a chain that started at the scan
    first     the chain's first timestep, 0 for other methods
    passes    of the network
    seconds   for all patches, on the machine that ran it
    """

    method: str
    level: float
    scores: Scores
    one_step: Scores | None = None
    strategy: str = ""
    guidance: float | None = None
    sampler: str = ""
    first: int = 0
    passes: int = 0
    seconds: float = 0.0


def kept_result(folder: Path, described: Mapping[str, Any], make: Callable[[], Result]) -> Result:
    """The result that `described` stands for, from `folder` if it is there, else made now and kept there as JSON."""
    text = json.dumps(described, sort_keys=True, default=str)
    path = folder / f"conditioning-{hashlib.sha256(text.encode()).hexdigest()}.json"
    if path.is_file():
        return _from_json(json.loads(path.read_text(encoding="utf-8"))["result"])
    result = make()
    with atomic_file(path, overwrite=True) as temporary:
        content = {"described": json.loads(text), "result": asdict(result)}
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return result


def _from_json(fields: dict[str, Any]) -> Result:
    def scores(values: dict[str, list[float]] | None) -> Scores | None:
        return None if values is None else Scores(**{name: tuple(v) for name, v in values.items()})

    return Result(**{**fields, "scores": scores(fields["scores"]), "one_step": scores(fields["one_step"])})


def fingerprint(*arrays: np.ndarray) -> str:
    """SHA-256 of some arrays, for `described`."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape}{array.dtype}".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
