"""Scans that lie in installed packages."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from DiffusionCore.errors import InputError

MNI_HEAD = "nilearn/datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
"""The average of 152 heads (ICBM 2009a, T1, 1 mm): next to no noise, and smooth."""


def packaged_scan(file: str) -> Path:
    """Where `file`, a path that begins with its package's name, lies. Raises `InputError` if it is not installed."""
    package = file.split("/")[0]
    found = find_spec(package)
    if found is None or found.origin is None:
        raise InputError(f"{Path(file).name} is part of {package}, which is not installed (pip install {package})")
    return Path(found.origin).parents[1] / file
