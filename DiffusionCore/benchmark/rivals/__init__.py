"""Rivals in denoising: each a `Method` of a `NoisyScan`, tuned on validation subjects, its outputs kept by hash.

`RIVALS` and `rival(name)` give the closed list, `model_method` makes one of a trained model, `output_of` runs one,
`tune`, `parameters_for`, `read_tuned` and `write_tuned` choose and keep parameters.
"""

from __future__ import annotations

from DiffusionCore.benchmark.rivals.learned import MACS_A_SECOND, model_method, model_pace
from DiffusionCore.benchmark.rivals.method import Method, NoisyScan
from DiffusionCore.benchmark.rivals.outputs import Output, is_kept, output_key, output_of
from DiffusionCore.benchmark.rivals.registry import RIVALS, rival
from DiffusionCore.benchmark.rivals.tuning import (
    Tuned,
    ValidationPair,
    parameters_for,
    read_tuned,
    tune,
    write_tuned,
)

__all__ = [
    "MACS_A_SECOND",
    "RIVALS",
    "Method",
    "NoisyScan",
    "Output",
    "Tuned",
    "ValidationPair",
    "is_kept",
    "model_method",
    "model_pace",
    "output_key",
    "output_of",
    "parameters_for",
    "read_tuned",
    "rival",
    "tune",
    "write_tuned",
]
