"""Patch files: volumes cut once by size and stride into one HDF5 file, which training then reads.

Layout: dataset `patches` (N, *size) float32, normalised; dataset `subjects` (N,)
of strings, whose each patch is; attributes `size`, `stride`, `modality`, `spacing` (mm, K J I), `offset` and `scale`
(normalised = (patch - offset) / scale). A 2D size cuts each slice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from ..errors import InputError, UsageError
from ..volume import Volume
from ..volume.atomic import atomic_file
from ..volume.intensity import normalisation_for
from .readers import tissue_above


@dataclass(frozen=True, eq=False)
class StoredPatches:
    """What a patch file holds."""

    patches: np.ndarray
    subjects: tuple[str, ...]
    size: tuple[int, ...]
    stride: tuple[int, ...]
    modality: str
    spacing: tuple[float, float, float]
    offset: float
    scale: float


def write_patches(
    volumes: Iterable[tuple[str, Volume]],
    path: str | Path,
    size: Sequence[int],
    stride: Sequence[int],
    *,
    foreground: float = 0.05,
    overwrite: bool = False,
) -> Path:
    """Cut every one of `volumes` (subject, Volume) into patches of `size` every `stride` voxels, into one HDF5 file.

    Volumes are asked for one by one, so that there need be room for one only.

    Each volume is normalised first (MR: p99.5, CT: HU / 1000) and kept as float32, so that the file needs no scale per
    subject; a patch is kept if more than `foreground` of its voxels are tissue (MR: over 5 % of the scale; CT: over
    -500 HU). What does not fill a patch at the far end of an axis is covered by one more patch that ends there.
    Raises `UsageError` for a bad size or stride, `InputError` for volumes that are too small or of several modalities.
    """
    import h5py

    size, stride = _checked(size, stride)
    full = size if len(size) == 3 else (1, *size)
    path = Path(path)
    with atomic_file(path, overwrite=overwrite) as temporary, h5py.File(temporary, "w") as file:
        # one chunk a patch, since training reads them one by one and in any order
        stored = file.create_dataset(
            "patches", (0, *size), "float32", maxshape=(None, *size), chunks=(1, *size), compression="lzf"
        )
        subjects, spacings, modality = [], [], ""
        for subject, volume in volumes:
            modality = modality or volume.modality
            if volume.modality != modality:
                raise InputError(f"one patch file holds one modality, got {modality} and {volume.modality}")
            spacings.append(volume.spacing)
            kept = _cut(subject, volume, full, stride, foreground)
            stored.resize(len(stored) + len(kept), axis=0)
            if kept:
                stored[-len(kept) :] = np.stack(kept).reshape(-1, *size)
            subjects += [subject] * len(kept)
        if not spacings:
            raise UsageError("there are no volumes to cut into patches")
        if not subjects:
            raise InputError("no patch has enough tissue; take larger patches or a lower foreground share")
        file.create_dataset("subjects", data=np.array(subjects, dtype=h5py.string_dtype()))
        attributes = {"size": size, "stride": stride, "modality": modality, "offset": 0.0, "scale": 1.0}
        for name, value in attributes.items():
            file.attrs[name] = value
        file.attrs["spacing"] = np.median(spacings, axis=0)
    return path


def read_patches(path: str | Path) -> StoredPatches:
    """The whole of a patch file, in memory. Raises `InputError` if it is missing or not one."""
    import h5py

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such patch file; make it with the preprocess command")
    try:
        with h5py.File(path, "r") as file:
            attributes = file.attrs
            return StoredPatches(
                patches=file["patches"][()],
                subjects=tuple(file["subjects"].asstr()[()]),
                size=tuple(int(n) for n in attributes["size"]),
                stride=tuple(int(n) for n in attributes["stride"]),
                modality=str(attributes["modality"]),
                spacing=tuple(float(mm) for mm in attributes["spacing"]),
                offset=float(attributes["offset"]),
                scale=float(attributes["scale"]),
            )
    except (OSError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a patch file; make it with the preprocess command") from error


def normalisation_of(modality: str) -> str:
    """How patches of a modality are normalised, as `data.normalisation` calls it."""
    return "hu" if modality == "CT" else "p99.5"


def _checked(size: Sequence[int], stride: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    size, stride = tuple(int(n) for n in size), tuple(int(n) for n in stride)
    if len(size) not in (2, 3) or len(size) != len(stride):
        raise UsageError(f"size and stride have 2 or 3 numbers each, got {size} and {stride}")
    if min(size) < 1 or min(stride) < 1:
        raise UsageError(f"size and stride must be positive, got {size} and {stride}")
    return size, stride


def _cut(
    subject: str, volume: Volume, size: tuple[int, ...], stride: tuple[int, ...], foreground: float
) -> list[np.ndarray]:
    normalisation = normalisation_of(volume.modality)
    voxels = normalisation_for(volume, normalisation).apply(volume.voxels)
    if any(n < s for n, s in zip(voxels.shape, size, strict=True)):
        raise InputError(f"{subject}: {'×'.join(map(str, voxels.shape))} voxels are fewer than a patch of {size}")
    stride = stride if len(stride) == 3 else (1, *stride)
    starts = [_starts(n, s, d) for n, s, d in zip(voxels.shape, size, stride, strict=True)]
    patches = (voxels[tuple(slice(a, a + s) for a, s in zip(start, size, strict=True))] for start in product(*starts))
    return [patch for patch in patches if (patch > tissue_above(normalisation)).mean() > foreground]


def _starts(length: int, size: int, stride: int) -> list[int]:
    starts = list(range(0, length - size + 1, stride))
    if starts[-1] + size < length:
        starts.append(length - size)
    return starts
