"""Readers: the closed list of where training data comes from, each giving scans in a compact type in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from ..errors import InputError, UsageError
from ..metrics.masks import CT_BODY_HU, MR_TISSUE
from ..volume import Volume, read_volume
from ..volume.intensity import normalisation_for
from .config import DataConfig
from .splits import Entry, data_root, load_split

SplitName = Literal["train", "val"]


@dataclass(frozen=True, eq=False)
class Scan:
    """What patches are cut from.

    voxels      (K, J, I) in the file's own compact type; for 2D training K counts independent slices
    offset, scale   normalised = (voxels - offset) / scale
    spacing     mm along (K, J, I)
    tissue      (M, 3) int16 voxel positions in tissue, a sample of them
    background  normalised value outside the scan (MR 0, CT -1)
    noise       the scan's own noise as the split file has it
    labels      what is known of it by name (synthesis): one number, or one for each slice
    """

    name: str
    voxels: np.ndarray
    offset: float
    scale: float
    spacing: tuple[float, float, float]
    tissue: np.ndarray
    background: float = 0.0
    noise: float | None = None
    labels: Mapping[str, np.ndarray] = field(default_factory=dict)

    def normalised(self, region: tuple[slice, ...]) -> np.ndarray:
        """float32 copy of a region."""
        return (self.voxels[region].astype(np.float32) - np.float32(self.offset)) / np.float32(self.scale)


def read_scans(config: DataConfig, split: SplitName) -> list[Scan]:
    """All scans of one split. Raises `InputError` or `UsageError` if they aren't there or can't be read."""
    return _READERS[config.target](config, split)


def _volumes(config: DataConfig, split: SplitName) -> list[Scan]:
    root = data_root(config.root)
    return [_volume(root, entry, config) for entry in load_split(config.split).entries(split)]


def _volume(root: Path, entry: Entry, config: DataConfig) -> Scan:
    path = root / entry.file
    if not path.exists():
        raise InputError(f"{path}: no such scan; is data.root right?")
    volume = read_volume(path)
    voxels, spacing = np.ascontiguousarray(volume.voxels), volume.spacing
    offset, scale = _normalisation(volume, config.normalisation, entry.file)
    if entry.average > 1:
        voxels, spacing = average_slices(voxels, spacing, entry.average)
    return _scan(entry.file, voxels, offset, scale, spacing, config, entry.noise)


def _normalisation(volume: Volume, kind: str, name: str) -> tuple[float, float]:
    if kind == "none":
        return 0.0, 1.0
    try:
        found = normalisation_for(volume, kind)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    return found.offset, found.scale


def tissue_above(normalisation: str) -> float:
    """The normalised value that tissue lies above: 5 % of the scale; CT: -500 HU."""
    return CT_BODY_HU / 1000 if normalisation == "hu" else MR_TISSUE


def average_slices(
    voxels: np.ndarray, spacing: tuple[float, float, float], count: int
) -> tuple[np.ndarray, tuple[float, float, float]]:
    """Thicker slices: every `count` neighbours along the first axis become their mean; a rest at the end is left out."""
    kept = len(voxels) // count * count
    if kept == 0:
        raise InputError(f"a scan of {len(voxels)} slices can't be averaged {count} by {count}")
    mean = voxels[:kept].reshape(-1, count, *voxels.shape[1:]).mean(axis=1, dtype=np.float32)
    compact = np.float16 if np.abs(mean).max() <= np.finfo(np.float16).max else np.float32
    return mean.astype(compact), (spacing[0] * count, *spacing[1:])


def _scan(
    name: str,
    voxels: np.ndarray,
    offset: float,
    scale: float,
    spacing: tuple[float, float, float],
    config: DataConfig,
    noise: float | None = None,
) -> Scan:
    """Find the tissue on every third row and column."""
    step = (1, 3, 3) if min(voxels.shape[1:]) > 24 else (1, 1, 1)
    coarse = voxels[:: step[0], :: step[1], :: step[2]].astype(np.float32)
    tissue = (np.argwhere((coarse - offset) / scale > tissue_above(config.normalisation)) * step).astype(np.int16)
    background = -1.0 if config.normalisation == "hu" else 0.0
    return Scan(name, voxels, offset, scale, spacing, tissue, background, noise)


def _hdf5_patches(config: DataConfig, split: SplitName) -> list[Scan]:
    from .patches import normalisation_of, read_patches

    root = data_root(config.root)
    scans = []
    for entry in load_split(config.split).entries(split):
        stored = read_patches(root / entry.file)
        if config.normalisation != (made := normalisation_of(stored.modality)):
            raise UsageError(f"{entry.file} holds {stored.modality} patches; they need data.normalisation={made}")
        if stored.patches.ndim == 3:
            stacks = {entry.file: stored.patches}
        else:
            stacks = {f"{entry.file}#{n}": patch for n, patch in enumerate(stored.patches)}
        for name, stack in stacks.items():
            scans.append(_scan(name, stack, stored.offset, stored.scale, stored.spacing, config, noise=entry.noise))
    return scans


def _mrnet(config: DataConfig, split: SplitName) -> list[Scan]:
    from .mrnet import read_mrnet

    return [
        replace(_scan(exam.name, exam.voxels, 0.0, exam.scale, (1.0, 1.0, 1.0), config), labels=exam.labels)
        for exam in read_mrnet(data_root(config.root), config.plane, split)
    ]


def _digits(config: DataConfig, split: SplitName) -> list[Scan]:
    """scikit-learn's 1 797 handwritten digits, 8×8 brought to 16×16, 0..1; every tenth validates."""
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits

    images = load_digits().images
    validates = np.arange(len(images)) % 10 == 0
    images = images[validates] if split == "val" else images[~validates]
    doubled = zoom(images / 16, (1, 2, 2), order=1, grid_mode=True, mode="nearest").clip(0, 1).astype(np.float16)
    return [_scan("digits", doubled, 0.0, 1.0, (1.0, 1.0, 1.0), config)]


_READERS: dict[str, Callable[[DataConfig, SplitName], list[Scan]]] = {
    "volumes": _volumes,
    "slices": _volumes,
    "hdf5_patches": _hdf5_patches,
    "digits": _digits,
    "mrnet": _mrnet,
}
