"""4D images: volumes of one grid, written one after the other, so that only one of them is in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from ..errors import OutputError, UsageError
from .atomic import atomic_file
from .formats import NIFTI, input_format, output_format, suffix_of
from .nifti import header_for, parse_header, refuse_shear, write_header
from .streams import gzip_to_write, open_to_read, write_voxels
from .volume import Volume
from .voxel_checks import storable

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header

_SECONDS = {8: 1.0, 16: 1e-3, 24: 1e-6}  # of NIfTI's codes for second, millisecond, microsecond
_TIME_BITS = 0x38


def write_frames(
    volumes: Iterator[Volume],
    path: str | os.PathLike[str],
    count: int,
    *,
    seconds_apart: float | None = None,
    overwrite: bool = False,
    force: bool = False,
) -> Path:
    """Write `count` volumes of one grid as a 4D .nii or .nii.gz file, each as soon as it comes; the file appears whole.

    seconds_apart  time from one volume to the next, if known
    force          write a sheared grid, which some readers will then misplace

    The first volume decides on the grid and the voxel type; a later one of another integer type must fit into it.
    Raises `UsageError` for another format, `OutputError` if it cannot be written or the volumes do not go together, and
    whatever `volumes` raises; then nothing was written.
    """
    path = Path(path)
    if output_format(path) != NIFTI:
        raise UsageError(f"{path.name}: several volumes in one file can only be written as .nii.gz or .nii")
    with atomic_file(path, overwrite) as temporary:
        first = next(volumes)
        if not force:
            refuse_shear(first, path)
        first = first.with_voxels(storable(first.voxels))
        compressed = suffix_of(path) == ".nii.gz"
        with temporary.open("wb") as file, gzip_to_write(file) if compressed else nullcontext(file) as stream:
            write_header(stream, _header(first, count, seconds_apart))
            _write(stream, first, volumes, path, count)
    return path


def read_seconds_apart(path: str | os.PathLike[str]) -> float | None:
    """The time from one volume to the next of a 4D NIfTI file; None where its header, or another format, is silent."""
    if input_format(Path(path)) != NIFTI:
        return None
    with open_to_read(Path(path)) as stream:
        header = parse_header(stream, Path(path).name)
    unit, step = _SECONDS.get(int(header["xyzt_units"]) & _TIME_BITS), float(header["pixdim"][4])
    return step * unit if unit and np.isfinite(step) and step > 0 else None


def _header(first: Volume, count: int, seconds_apart: float | None) -> Nifti1Header:
    """The first volume's header with the fourth dimension added."""
    header = header_for(first)
    header.set_data_shape((*first.shape[::-1], count))
    if seconds_apart:
        header["pixdim"][4] = seconds_apart
        header.set_xyzt_units("mm", "sec")
    return header


def _write(stream: IO[bytes], first: Volume, rest: Iterator[Volume], path: Path, count: int) -> None:
    write_voxels(stream, first.voxels)
    written = 1
    for volume in rest:
        write_voxels(stream, _fitted(volume, first, path, written))
        written += 1
    if written != count:
        raise OutputError(f"{path}: {written} volumes came where {count} were promised; nothing was written")


def _fitted(volume: Volume, first: Volume, path: Path, number: int) -> np.ndarray:
    """The volume's voxels in the first one's type. Raises `OutputError` if they or its grid do not go with it."""
    if volume.shape != first.shape or not np.allclose(volume.ijk_to_ras, first.ijk_to_ras, atol=1e-3):
        raise OutputError(
            f"{path}: volume {number} is on another grid than volume 0, so that one file cannot hold both; write them "
            "one by one with --frame"
        )
    voxels, dtype = volume.voxels, first.voxels.dtype
    if not np.can_cast(voxels.dtype, dtype):
        limits = np.iinfo(dtype) if dtype.kind in "iu" and voxels.dtype.kind in "iu" else None
        if limits is None or voxels.min() < limits.min or voxels.max() > limits.max:
            raise OutputError(
                f"{path}: the {voxels.dtype.name} values of volume {number} do not fit into the {dtype.name} of volume "
                "0; write them one by one with --frame"
            )
    return voxels.astype(dtype, copy=False)
