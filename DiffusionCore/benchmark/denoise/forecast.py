"""How long a run will take: said before the first hour is spent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from DiffusionCore.benchmark.denoise import case_inputs
from DiffusionCore.benchmark.denoise.case_inputs import Shape
from DiffusionCore.benchmark.denoise.cases import CT_CROP, Case
from DiffusionCore.benchmark.rivals import Method, Tuned, is_kept, parameters_for

DOSE_SECONDS = 2.0
"""A slice's projection and back projection, about."""
SCORE_PACE = 1.0
"""Seconds for the figures of a million voxels, about; tuning asks for PSNR alone, which is next to nothing."""


def seconds_left(
    case: Case,
    methods: Sequence[Method],
    root: Path,
    size: Shape | None,
    kept: Path,
    tuned: Sequence[Tuned],
    retime: bool = False,
) -> float:
    """About how long the case will take on two idle cores: only what is not in the folder `kept` counts.

    Raises `InputError` if the scan is not there, so that a run stops at its start and not hours later.
    """
    if not case_inputs.is_kept(case, root, size, kept):
        shape = size or CT_CROP
        return sum(seconds_of(method, shape) for method in methods) + DOSE_SECONDS * shape[0]
    scan = case_inputs.case_input(case, root, size, kept).scan

    def done(method: Method) -> bool:
        parameters = parameters_for(method, case.modality, scan.sigma, tuned)
        return bool(method.missing()) or is_kept(method, scan, parameters, kept, retime=retime)

    return sum(seconds_of(method, scan.voxels.shape, done=done(method)) for method in methods)


def seconds_of(method: Method, shape: Shape, *, done: bool = False) -> float:
    """About how long a method takes for a crop, with its figures; `done`: with those alone."""
    return float(np.prod(shape)) / 1e6 * (SCORE_PACE + (0.0 if done else method.pace))


def tuning_seconds(cases: Sequence[Case], methods: Sequence[Method], sizes: dict[str, Shape]) -> float:
    """About how long a search of all grids takes from its start."""
    total = 0.0
    for case in cases:
        size = sizes[case.modality]
        tried = sum(method.pace * len(list(method.settings(case.modality))) for method in methods)
        total += tried * np.prod(size) / 1e6 + DOSE_SECONDS * size[0] * (case.kind == "low_dose")
    return float(total)
