"""What the study of conditioning runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StudySettings:
    """What is run.

    levels       noise, fractions of the 99.5th percentile     patch        edge of the patches; None: whole slices
    guidances    of the strategies that have guidance          per_subject  patches of each test subject
    steps        of DDIM                                       subjects     at most; None: all
    ddpm_steps   of DDPM, at guidance 1; 0: none               noise        "gaussian" (S3) or "rician"
    batch        patches at a time                             dtype        auto, float32 or bfloat16
    """

    levels: tuple[float, ...] = (0.01, 0.03, 0.05, 0.09, 0.15)
    guidances: tuple[float, ...] = (0.0, 1.0, 1.5, 2.0, 4.0)
    steps: int = 50
    ddpm_steps: int = 1000
    patch: int | None = 64
    per_subject: int = 2
    subjects: int | None = None
    noise: str = "gaussian"
    seed: int = 0
    batch: int = 8
    dtype: str = "auto"


QUICK = StudySettings(levels=(0.05, 0.15), guidances=(0.0, 1.0, 2.0), steps=4, ddpm_steps=8, per_subject=1, subjects=2)
