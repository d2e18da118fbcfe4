"""What a scan's file says about itself before any voxel is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError, UsageError
from .volume import Volume
from .voxel_checks import file_order


@dataclass(frozen=True, eq=False)
class Header:
    """What a file holds.

    shape       (K, J, I)
    spacing     mm along (k, j, i)
    frames      volumes in the file, 1 if it is 3D
    dtype       as stored, before any rescaling
    format      "NIfTI", "NRRD", "MetaImage" or "DICOM"
    ijk_to_ras  (4, 4) mm, as in `Volume`
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    frames: int
    dtype: np.dtype[Any]
    format: str
    ijk_to_ras: np.ndarray


def make_header(
    name: str, shape: tuple[int, int, int], frames: int, dtype: np.dtype[Any], kind: str, matrix: np.ndarray
) -> Header:
    """A `Header` whose grid is one that a `Volume` can have; `InputError`, beginning with `name`, if it is not."""
    try:
        if min(shape) < 1:
            raise InputError(f"an axis has no voxels ({file_order(shape)})")
        grid = Volume(np.broadcast_to(np.uint8(0), shape), matrix)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except (ValueError, OverflowError) as error:  # more voxels than numpy can count
        raise InputError(f"{name}: its header's dimensions ({file_order(shape)}) cannot be; it is damaged") from error
    return Header(grid.shape, grid.spacing, frames, dtype, kind, grid.ijk_to_ras)


def choose_frame(name: str, header: Header, frame: int | None) -> int:
    """Which volume of the file to read, from 0.

    Raises `InputError` if there are several and none was asked for, `UsageError` if there is no such one.
    """
    if frame is None:
        if header.frames > 1:
            sizes = f"{file_order(header.shape)}×{header.frames}"
            raise InputError(f"{name}: 4 dimensions ({sizes}); give one volume, e.g. with --frame 0")
        return 0
    check_frame(name, frame, header.frames)
    return frame


def check_frame(what: str, frame: int, count: int) -> None:
    """Raise `UsageError` unless `what` holds a volume of this number."""
    if not 0 <= frame < count:
        can = f"be 0 to {count - 1}" if count > 1 else "be left out or 0, as there is one volume"
        raise UsageError(f"--frame must {can} for {what}, got {frame}")
