"""The goal of speed: ×2 of 128×128×64 voxels in one step, the whole command from a cold start."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from DiffusionCore.benchmark.denoise.gates import Verdict
from DiffusionCore.benchmark.rivals.other_work import disturbs, others_now
from DiffusionCore.benchmark.speed.input import clean_head
from DiffusionCore.benchmark.speed.process import run_python
from DiffusionCore.volume import write_volume

SHAPE, QUICK_SHAPE = (64, 128, 128), (8, 16, 16)
MOST_SECONDS = 10.0


@dataclass(frozen=True)
class SpeedRow:
    """Seconds from process start to file written, and of each stage; the most memory; the processors that other work took
    just before, None where nobody tells."""

    shape: tuple[int, int, int]
    seconds: float
    stages: dict[str, float]
    peak_bytes: int | None
    cores: int
    others: float | None

    @property
    def verdict(self) -> Verdict:
        """The gate."""
        measured = f"{self.seconds:.1f} s on {self.cores} cores{', beside other work' * self.disturbed}"
        return Verdict(
            "speed", "", f"×2 of {self.size} in ≤ {MOST_SECONDS:g} s", measured, self.seconds <= MOST_SECONDS
        )

    @property
    def disturbed(self) -> bool:
        """Whether `seconds` is longer than the command needs."""
        return disturbs(self.others)

    @property
    def size(self) -> str:
        return "×".join(map(str, reversed(self.shape)))

    @property
    def in_words(self) -> str:
        """A sentence for the report."""
        stages = ", ".join(f"{name} {seconds:.2f}" for name, seconds in self.stages.items())
        memory = "" if self.peak_bytes is None else f", {self.peak_bytes / 2**30:.1f} GiB of memory at most"
        busy = f" **Other work took {self.others:.1f} processors: the seconds are too long.**" if self.disturbed else ""
        return (
            f"`superres` by the factor 2 of a head of {self.size} voxels, int16 in .nii.gz, in one step, from process start to "
            f"file written on {self.cores} cores: {self.seconds:.1f} s{memory}. By stages, in seconds: {stages}.{busy}"
        )


def measured_speed(model: Path, quick: bool = False) -> SpeedRow:
    """Time the command with `model`, an MR model of ×2 along all axes. Raises what the command raises, `UsageError`
    where nilearn, whose head it is, is not installed."""
    shape = QUICK_SHAPE if quick else SHAPE
    head = clean_head(shape)
    others = others_now()
    with tempfile.TemporaryDirectory(prefix="diffusioncore-speed-") as name:
        source, report = Path(name) / "head.nii.gz", Path(name) / "report.json"
        write_volume(head.with_voxels(np.rint(head.voxels).astype(np.int16)), source)
        what = ["superres", str(source), str(Path(name) / "fine.nii.gz"), "--factor", "2", "--model", str(model)]
        run = run_python(["-m", "DiffusionCore", *what, "--modality", "MR", "--report", str(report), "--quiet"])
        stages = json.loads(report.read_text(encoding="utf-8"))["provenance"]["seconds"]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return SpeedRow(shape, run.seconds, stages, run.peak_bytes, cores, others)
