"""Bytes of scans in and out of plain and gzip-compressed files, by python-isal."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..errors import InputError

# Deflate cannot pack better than 1032 to 1 (zlib's technical details), so that a header that promises more lies.
MOST_COMPRESSION = 1040
_CHUNK = 4 << 20


@contextlib.contextmanager
def open_plain(path: Path) -> Iterator[IO[bytes]]:
    """A readable file. Errors of the file system, and of decompression in the block, become `InputError`."""
    from isal import igzip, isal_zlib

    try:
        with path.open("rb") as file:
            yield file
    except (EOFError, igzip.BadGzipFile, isal_zlib.error) as error:
        raise InputError(
            f"{path.name}: its compressed data are truncated or damaged; fetch or export it again"
        ) from error
    except OSError as error:
        raise InputError(f"{path.name}: cannot be read ({error.strerror or error})") from error


@contextlib.contextmanager
def open_to_read(path: Path) -> Iterator[IO[bytes]]:
    """A readable, seekable stream of what `path` holds, decompressed if its first bytes are gzip's.

    Errors of the file system and of the compression become `InputError`.
    """
    with open_plain(path) as file:
        if is_gzip(file):
            with gzip_part(file) as stream:
                yield stream
        else:
            yield file


@contextlib.contextmanager
def gzip_part(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """The decompressed rest of an open file whose gzip data begin where it stands."""
    from isal import igzip

    with igzip.IGzipFile(fileobj=file) as stream:
        yield stream


@contextlib.contextmanager
def zlib_part(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """The decompressed rest of an open file whose zlib data begin where it stands."""
    yield _Inflated(file)  # type: ignore[misc]


class _Inflated(io.RawIOBase):
    """What a file's zlib data hold, decompressed as it is read, so that data that hold too much take no memory."""

    def __init__(self, file: IO[bytes]) -> None:
        from isal.igzip_lib import DECOMP_ZLIB, IgzipDecompressor

        self._file, self._engine = file, IgzipDecompressor(flag=DECOMP_ZLIB)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._engine.eof:
            packed = self._file.read(_CHUNK) if self._engine.needs_input else b""
            if self._engine.needs_input and not packed:
                raise EOFError
            data = self._engine.decompress(packed, max_length=len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)
        return 0


def skip(stream: IO[bytes], count: int) -> None:
    """Read past `count` bytes of a stream that cannot be sought."""
    while count > 0 and (data := stream.read(min(count, _CHUNK))):
        count -= len(data)


@contextlib.contextmanager
def gzip_to_write(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """Compress what is written onto the end of `file`. No name and time go in: the same scan gives the same bytes."""
    from isal import igzip

    with igzip.IGzipFile(filename="", mode="wb", compresslevel=1, fileobj=file, mtime=0) as stream:
        yield stream


def is_gzip(file: IO[bytes]) -> bool:
    """Whether the file begins as gzip does; leaves it at its beginning."""
    file.seek(0)
    magic = file.read(2)
    file.seek(0)
    return magic == b"\x1f\x8b"


def read_voxels(stream: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any], name: str) -> np.ndarray:
    """Read an array of `shape` (last axis fastest) in `dtype` from `stream`; gives it in the machine's byte order.

    Raises `InputError` if the stream ends before.
    """
    voxels = np.empty(shape, dtype)
    flat = memoryview(voxels.reshape(-1).view(np.uint8))
    position = 0
    while position < len(flat):
        count = stream.readinto(flat[position : position + _CHUNK])  # type: ignore[attr-defined]
        if not count:
            raise InputError(
                f"{name}: truncated: it holds {position} of the {len(flat)} bytes of voxels that its header promises; "
                "fetch or export it again"
            )
        position += count
    if not voxels.dtype.isnative:
        voxels = voxels.byteswap(inplace=True).view(voxels.dtype.newbyteorder("="))
    return voxels


def write_voxels(stream: IO[bytes], voxels: np.ndarray) -> None:
    """Write the voxels, last axis fastest, in the machine's byte order."""
    stream.write(memoryview(np.ascontiguousarray(voxels)).cast("B"))


def check_promise(path: Path, promised: int, compressed: bool) -> None:
    """Raise `InputError` if a file cannot hold the `promised` bytes, before anything is allocated for them."""
    size = path.stat().st_size
    if size * (MOST_COMPRESSION if compressed else 1) < promised:
        raise InputError(
            f"{path.name}: truncated: its header promises {promised} bytes, which the file's {size} bytes "
            "cannot hold; fetch or export it again"
        )
