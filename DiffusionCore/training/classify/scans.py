"""Scans of a class in folders, NIfTI or DICOM: found, and read as the network sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...volume import Volume, read_volume
from ...volume.intensity import is_constant, normalisation_for
from ...volume.regrid import resized_in_lps
from .class_split import ClassEntry, load_class_split
from .config import ClassifyData

ENDINGS = (".nii", ".nii.gz", ".nrrd", ".mha", ".mhd")
MOSMED = {0: ("CT-0",), 1: ("CT-1", "CT-2", "CT-3", "CT-4")}
"""MosMedData (Morozov et al. 2020): CT-0 is normal lungs, CT-1 to CT-4 COVID-19 of growing extent."""


def find_scans(data: ClassifyData, root: Path) -> list[ClassEntry]:
    """Every scan in the classes' folders under `root`.

    A file in a class's folder is a subject of its own, named like the file. A folder there is a subject: its NIfTI, NRRD
    and MetaImage files are its scans, or, if it has none, it and each folder in it that holds files is a DICOM series.
    Raises `InputError` for a folder that is missing or empty.
    """
    entries = []
    for label, folders in class_folders(data).items():
        found = []
        for name in folders:
            folder = root / name
            if not folder.is_dir():
                raise InputError(f"{folder}: no such folder for class {label!r}")
            found += [
                ClassEntry(file=scan.relative_to(root).as_posix(), subject=subject, label=label)
                for subject, scan in _scans_of(folder)
            ]
        if not found:
            raise InputError(f"class {label!r} has no scans in {', '.join(str(root / name) for name in folders)}")
        entries += found
    return entries


def class_folders(data: ClassifyData) -> Mapping[str, Sequence[str]]:
    """The folders of each class, relative to the root."""
    if data.target == "mosmed":
        return {data.classes[n]: tuple(f"studies/{name}" for name in names) for n, names in MOSMED.items()}
    return {label: data.groups.get(label, (label,)) for label in data.classes}


def _scans_of(folder: Path) -> list[tuple[str, Path]]:
    found = []
    for item in sorted(folder.iterdir()):
        if item.name.startswith("."):
            continue
        if item.is_dir():
            inside = [file for file in item.rglob("*") if file.is_file() and not file.name.startswith(".")]
            files = sorted(file for file in inside if file.name.lower().endswith(ENDINGS))
            found += [(item.name, scan) for scan in files or sorted({file.parent for file in inside})]
        elif ending := next((ending for ending in ENDINGS if item.name.lower().endswith(ending)), None):
            found.append((item.name[: -len(ending)], item))
    return found


def read_split_scans(data: ClassifyData, root: Path, split: str, smallest: Sequence[int] = (1, 1, 1)) -> tuple:
    """The fields of `Cases` of one split: every scan resized to `data.size`.

    Raises `InputError` for one that can't be read, or has fewer voxels than `smallest` (a region's size) along an axis.
    """
    entries = load_class_split(data.split, data.classes).entries(split)
    images = np.empty((len(entries), *data.size), bool if data.input == "labelmap" else np.float16)
    spacings = []
    for n, entry in enumerate(entries):
        path = root / entry.file
        if not path.exists():
            raise InputError(f"{path}: no such scan; is data.root right?")
        scan = read_volume(path)
        if any(has < least for has, least in zip(sorted(scan.shape), sorted(smallest), strict=True)):
            has, least = ("×".join(map(str, size)) for size in (scan.shape, smallest))
            raise InputError(f"{entry.file}: {has} voxels are fewer than one region of {least} has; leave it out")
        image = network_view(scan, data, entry.file)
        images[n] = image.voxels > 0.5 if data.input == "labelmap" else image.voxels
        spacings.append(image.spacing)
    labels = np.array([data.classes.index(entry.label) for entry in entries], np.int64)
    spacing = tuple(np.median(spacings, axis=0).tolist()) if spacings else (1.0, 1.0, 1.0)
    return images, labels, tuple(e.subject for e in entries), tuple(e.file for e in entries), spacing


def network_view(volume: Volume, data: ClassifyData, name: str) -> Volume:
    """The whole scan, normalised, its axes i, j, k to the patient's left, back and head, resized linearly to `data.size`.

    Raises `InputError` for a constant scan, and for one without signal.
    """
    if is_constant(volume.voxels):
        raise InputError(f"{name}: every voxel has the same value; there is nothing to learn from")
    if data.input == "labelmap":
        values = (volume.voxels > 0).astype(np.float32)
    elif data.normalisation == "unit":
        values = volume.voxels.astype(np.float32)
    else:
        try:
            values = normalisation_for(volume, data.normalisation).apply(volume.voxels)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
    return resized_in_lps(replace(volume, voxels=values), data.size)
