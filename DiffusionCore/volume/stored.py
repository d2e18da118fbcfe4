"""Voxels that a text header (NRRD, MetaImage) says where and how to find: raw or compressed, in its file or another."""

from __future__ import annotations

import bz2
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..errors import InputError
from .header import Header, choose_frame
from .streams import check_promise, gzip_part, open_plain, read_voxels, skip, zlib_part
from .volume import Volume
from .voxel_checks import check_finite, check_room

LONGEST_HEADER = 1 << 20


@dataclass(frozen=True, eq=False)
class Stored:
    """Where the voxels are.

    file         the scan's own or a detached one
    offset       of the first byte of them in it; negative: they are its end
    encoding     "raw", "gzip", "zlib" or "bzip2"
    interleaved  of several volumes, the values of one voxel lie together
    modality     what a file that this package wrote says, else None
    """

    header: Header
    file: Path
    offset: int
    encoding: str
    interleaved: bool = False
    modality: str | None = None


def read_stored(name: str, stored: Stored, frame: int | None) -> Volume:
    """The volume, one `frame` of it if there are several. Raises `InputError` and `UsageError` as `read_volume`."""
    header = stored.header
    chosen = choose_frame(name, header, frame)
    frame_bytes = int(np.prod(header.shape, dtype=object)) * header.dtype.itemsize
    frames_read = header.frames if stored.interleaved else 1
    start = 0 if stored.interleaved else chosen * frame_bytes
    raw, packed = stored.encoding == "raw", stored.encoding == "bzip2"
    offset = stored.offset
    if offset < 0:
        offset = stored.file.stat().st_size - header.frames * frame_bytes
    if not packed:  # bzip2 knows no bound
        check_promise(stored.file, max(offset, 0) * raw + start + frames_read * frame_bytes, compressed=not raw)
    room = np.dtype((np.void, header.dtype.itemsize * frames_read))
    check_room(name, header.shape, room)
    shape = (*header.shape, frames_read) if stored.interleaved else header.shape
    with open_plain(stored.file) as file:
        file.seek(max(offset, 0))
        voxels = _decoded(file, stored.encoding, start, shape, header.dtype, name)
    if stored.interleaved:
        voxels = np.ascontiguousarray(voxels[..., chosen])
    check_finite(name, voxels)
    meta: dict[str, Any] = {"source": header.format}
    if header.frames > 1:
        meta |= {"frame": chosen, "frames": header.frames}
    if stored.modality:
        meta["written_modality"] = stored.modality
    return Volume(voxels, header.ijk_to_ras, meta=meta)


def detached(path: Path, named: str) -> Path:
    """The file that a header at `path` names for its voxels: beside it or below, so that a scan from elsewhere cannot
    have any file of this machine read. Raises `InputError` if there is none, or several.
    """
    if "%" in named or named.upper().split()[:1] == ["LIST"]:
        raise InputError(f"{path.name}: its voxels are in several files, which is not read; save it as one file first")
    file = path.parent / named
    if not named or Path(named).is_absolute() or ".." in Path(named).parts:
        raise InputError(
            f"{path.name}: its voxels are not in a file beside it; put them there, and name it in the header"
        )
    if not file.is_file():
        raise InputError(f"{path.name}: its voxels are in {Path(named).name}, which is not there; put it beside it")
    return file


def _decoded(
    file: IO[bytes], encoding: str, start: int, shape: tuple[int, ...], dtype: np.dtype[Any], name: str
) -> np.ndarray:
    if encoding == "raw":
        file.seek(start, 1)
        return read_voxels(file, shape, dtype, name)
    part = {"gzip": gzip_part, "zlib": zlib_part, "bzip2": bz2.BZ2File}[encoding]
    with part(file) as stream:
        skip(stream, start)
        voxels = read_voxels(stream, shape, dtype, name)
        stream.read(1)  # reaching the end compares the checksum
        return voxels
