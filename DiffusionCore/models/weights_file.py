"""Weights on disk: safetensors in half precision, with their checksum."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ModelError

if TYPE_CHECKING:
    import torch

WEIGHTS = "weights.safetensors"


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def save_weights(state: dict[str, torch.Tensor], path: Path) -> str:
    """Write floating-point tensors in half precision; returns the file's SHA-256."""
    import torch
    from safetensors.torch import save

    halves = {
        name: (tensor.detach().to(torch.float16) if tensor.is_floating_point() else tensor.detach()).contiguous().cpu()
        for name, tensor in state.items()
    }
    path.write_bytes(save(halves))  # not by save_file, whose files only their owner can read
    return sha256(path)


def load_weights(path: Path, expected_sha256: str, model: str) -> dict[str, torch.Tensor]:
    """Tensors in float32. Raises `ModelError` if the file is missing, is not the one on the card, or is no safetensors.

    The checksum is compared first, so that nothing of a file that was tampered with is parsed; other formats, pickles
    above all, are never opened.
    """
    if not path.is_file():
        raise ModelError(f"{path.name} of {model!r} is missing; add the model again")
    if expected_sha256 and sha256(path) != expected_sha256:
        raise ModelError(f"{path.name} of {model!r} doesn't match its card (sha256); add the model again")
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return {name: tensor.float() for name, tensor in load_file(str(path)).items()}
    except SafetensorError:
        raise ModelError(f"{path.name} of {model!r} is not a safetensors file; other formats are not opened") from None
