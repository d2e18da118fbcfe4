"""Checkpoints of a run, read so that a file from a stranger runs nothing, and refused where they are another network's."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError

KEPT = {"state_dict", "global_step", "seconds_trained", "pytorch-lightning_version"}


def read_checkpoint(path: Path, module: torch.nn.Module) -> dict[str, Any]:
    """What is kept in the checkpoint of a training of `module`. Only tensors and plain values are read, never code.

    Raises `InputError` for a file that is no checkpoint of a run, is damaged, or is another network's.
    """
    try:
        kept = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, struct.error, pickle.UnpicklingError) as error:
        raise InputError(f"{path}: not a checkpoint of a training run, or damaged") from error
    if not isinstance(kept, dict) or not kept.keys() >= KEPT:
        raise InputError(f"{path}: not a checkpoint of one of these training runs")
    if difference := misfit(module.state_dict(), kept["state_dict"]):
        raise InputError(f"{path}: a checkpoint of another network, in which {difference}; give its own configuration")
    return kept


def misfit(own: Mapping[str, torch.Tensor], theirs: Mapping[str, torch.Tensor]) -> str | None:
    """The first of `own` tensors that `theirs` can't be put into, in words; None where all can."""
    here, there = ({name: tuple(tensor.shape) for name, tensor in state.items()} for state in (own, theirs))
    for name in sorted(here.keys() | there.keys()):
        if here.get(name) != there.get(name):
            return f"{name} is {there.get(name, 'missing')} and here it is {here.get(name, 'missing')}"
    return None
