"""NRRD files: a text header and raw or compressed data, attached or beside it (teem.sourceforge.net/nrrd/format.html).

Read and written here rather than by a library: the matrix keeps every bit, sheared or not, and half a second of imports
is saved. A space that is not anatomical, or none, is taken for LPS, as ITK and Slicer do.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np

from ..errors import InputError
from .formats import NRRD
from .header import Header, make_header
from .modality import stated_modality
from .stored import LONGEST_HEADER, Stored, detached, read_stored
from .streams import gzip_to_write, open_plain, write_voxels
from .volume import Volume

_TYPES = {
    "int8": "signed char, int8, int8_t",
    "uint8": "uchar, unsigned char, uint8, uint8_t",
    "int16": "short, short int, signed short, signed short int, int16, int16_t",
    "uint16": "ushort, unsigned short, unsigned short int, uint16, uint16_t",
    "int32": "int, signed int, int32, int32_t",
    "uint32": "uint, unsigned int, uint32, uint32_t",
    "int64": "longlong, long long, long long int, signed long long, signed long long int, int64, int64_t",
    "uint64": "ulonglong, unsigned long long, unsigned long long int, uint64, uint64_t",
    "float32": "float",
    "float64": "double",
}
_DTYPE = {alias: name for name, aliases in _TYPES.items() for alias in aliases.split(", ")}
_ENCODING = {"raw": "raw", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2"}
_LPS = (-1.0, -1.0, 1.0)
_TO_RAS = {
    "right-anterior-superior": (1.0, 1.0, 1.0),
    "ras": (1.0, 1.0, 1.0),
    "left-anterior-superior": (-1.0, 1.0, 1.0),
    "las": (-1.0, 1.0, 1.0),
}
_IN_SPACE = ("domain", "space")
_SEVERAL_VOLUMES = ("list", "time", "none", "???", "")
_MILLIMETRES = {"m": 1000.0, "cm": 10.0, "um": 1e-3, "µm": 1e-3, "micron": 1e-3, "microns": 1e-3}
_MODALITY_KEY = "DiffusionCore_modality"


def read_nrrd_header(path: Path) -> Header:
    """The header of a .nrrd or .nhdr file. Raises `InputError` if it is not one of a scalar image."""
    return _layout(path).header


def read_nrrd(path: Path, frame: int | None = None) -> Volume:
    """Read a 2D, 3D or (with `frame`) 4D image; `InputError` or `UsageError` as in `read_nifti`."""
    return read_stored(path.name, _layout(path), frame)


def write_nrrd(volume: Volume, path: Path) -> None:
    """Write the voxels, in their own type, and the matrix exactly, in the LPS space that ITK and Slicer use."""
    matrix = np.diag([*_LPS, 1.0]) @ volume.ijk_to_ras
    lines = [
        "NRRD0005",
        "# teem.sourceforge.net/nrrd/format.html",
        f"type: {volume.voxels.dtype.name.replace('float32', 'float').replace('float64', 'double')}",
        "dimension: 3",
        "space: left-posterior-superior",
        "sizes: " + " ".join(str(n) for n in reversed(volume.shape)),
        "space directions: " + " ".join(_vector(matrix[:3, axis]) for axis in range(3)),
        "kinds: domain domain domain",
        f"endian: {sys.byteorder}",
        "encoding: gzip",
        "space origin: " + _vector(matrix[:3, 3]),
    ]
    if stated := stated_modality(volume):
        lines.append(f"{_MODALITY_KEY}:={stated}")
    with path.open("wb") as file:
        file.write(("\n".join(lines) + "\n\n").encode("ascii"))
        with gzip_to_write(file) as stream:
            write_voxels(stream, volume.voxels)


def _vector(numbers: np.ndarray) -> str:
    # repr() of a float is the shortest text that gives the same float back; -0.0 is written as 0.0.
    return "(" + ",".join(repr(float(x) + 0.0) for x in numbers) + ")"


def _layout(path: Path) -> Stored:
    name = path.name
    fields, keys, offset = _fields(path)
    encoding, dtype = _ENCODING.get(fields.get("encoding", "").lower()), _DTYPE.get(fields.get("type", "").lower())
    if encoding is None:
        told = fields.get("encoding", "no")
        raise InputError(f"{name}: {told} encoding is not read; save it with raw or gzip encoding")
    if dtype is None:
        raise InputError(f"{name}: its type ({fields.get('type', 'none')}) is no number; convert it first")
    try:
        sizes = [int(n) for n in fields["sizes"].split()]
        if len(sizes) != int(fields["dimension"]):
            raise ValueError
        directions, kinds = _axes(fields, len(sizes), name)
        matrix = _matrix(fields, [axis for axis in directions if axis is not None])
        lines_skipped, bytes_skipped = int(fields.get("line skip", 0)), int(fields.get("byte skip", 0))
    except (KeyError, ValueError, IndexError) as error:
        raise InputError(f"{name}: its NRRD header is damaged or of an unknown kind; export it again") from error
    shape, frames, interleaved = _shape(name, sizes, directions, kinds)
    order = {"big": ">", "little": "<"}.get(fields.get("endian", "").lower(), "=")
    header = make_header(name, shape, frames, np.dtype(dtype).newbyteorder(order), NRRD, matrix)
    beside = fields.get("data file", fields.get("datafile"))
    file = detached(path, beside) if beside else path
    if lines_skipped or bytes_skipped:
        if encoding != "raw":
            raise InputError(f"{name}: skipped bytes before compressed data are not read; save it again")
        offset = _skipped(file, 0 if beside else offset, lines_skipped, bytes_skipped)
    elif beside:
        offset = 0
    return Stored(header, file, offset, encoding, interleaved, keys.get(_MODALITY_KEY))


def _axes(fields: dict[str, str], count: int, name: str) -> tuple[list[np.ndarray | None], list[str]]:
    """Of each axis its vector in the file's space, None if it is not in space, and its kind."""
    kinds = [kind.lower() for kind in fields.get("kinds", "").split()] or [""] * count
    if len(kinds) != count:
        raise ValueError
    directions: list[np.ndarray | None]
    if "space directions" in fields:
        texts = re.findall(r"none|\([^)]*\)", fields["space directions"])
        directions = [None if text == "none" else _numbers(text) for text in texts]
    else:
        steps = [float(x) for x in fields.get("spacings", " ".join(["1"] * count)).split()]
        in_space = [kind in _IN_SPACE or (kind == "" and count <= 3) for kind in kinds]
        if not all(np.isfinite(step) and step > 0 for step, inside in zip(steps, in_space, strict=True) if inside):
            told = "×".join(f"{step:g}" for step in steps)
            raise InputError(f"{name}: its spacing is {told} mm; it must be above 0, mend its header")
        unit = iter(np.eye(max(sum(in_space), 3)))
        directions = [next(unit)[:3] * step if inside else None for inside, step in zip(in_space, steps, strict=True)]
    if len(directions) != count or not 2 <= sum(axis is not None for axis in directions) <= 3:
        raise ValueError
    return directions, kinds


def _matrix(fields: dict[str, str], axes: list[np.ndarray]) -> np.ndarray:
    """ijk to RAS, mm, of two or three axes' vectors in the file's space."""
    columns = np.zeros((3, 3))
    for n, axis in enumerate(axes):
        columns[: len(axis), n] = axis
    if len(axes) == 2:  # one slice: any thickness does
        normal = np.cross(columns[:, 0], columns[:, 1])
        columns[:, 2] = normal / (np.linalg.norm(normal) or 1.0)
    origin = _numbers(fields["space origin"]) if "space origin" in fields else np.zeros(3)
    matrix = np.eye(4)
    matrix[:3, :3] = columns
    matrix[: len(origin), 3] = origin
    units = set(re.findall(r'"([^"]*)"', fields.get("space units", "")))
    scale = _MILLIMETRES.get(units.pop().lower(), 1.0) if len(units) == 1 else 1.0
    matrix[:3] *= np.array(_TO_RAS.get(fields.get("space", "").lower(), _LPS))[:, None] * scale
    return matrix


def _shape(
    name: str, sizes: list[int], directions: list[np.ndarray | None], kinds: list[str]
) -> tuple[tuple[int, int, int], int, bool]:
    """(K, J, I), the number of volumes, and whether they are interleaved."""
    inside = [size for size, axis in zip(sizes, directions, strict=True) if axis is not None]
    others = [n for n, axis in enumerate(directions) if axis is None and sizes[n] != 1]
    i, j, k = [*inside, 1][:3]
    if not others:
        return (k, j, i), 1, False
    if len(others) > 1 or others[0] not in (0, len(sizes) - 1):
        raise InputError(f"{name}: {len(sizes)} dimensions ({'×'.join(map(str, sizes))}); a scan has 2 or 3")
    other = others[0]
    if kinds[other] not in _SEVERAL_VOLUMES:
        raise InputError(f"{name}: {sizes[other]} numbers a voxel ({kinds[other]}); give an image of one")
    return (k, j, i), sizes[other], other == 0


def _skipped(file: Path, offset: int, lines: int, count: int) -> int:
    with open_plain(file) as stream:
        stream.seek(offset)
        for _ in range(min(max(lines, 0), LONGEST_HEADER)):
            stream.readline(LONGEST_HEADER)
        return stream.tell() + count if count >= 0 else -1


def _numbers(text: str) -> np.ndarray:
    return np.array([float(x) for x in text.strip(" ()").split(",")][:3])


def _fields(path: Path) -> tuple[dict[str, str], dict[str, str], int]:
    """The fields ("name: value"), the key/value pairs ("key:=value"), and where the data begin."""
    fields: dict[str, str] = {}
    keys: dict[str, str] = {}
    with open_plain(path) as file:
        if not file.readline(LONGEST_HEADER).startswith(b"NRRD000"):
            raise InputError(f"{path.name}: not an NRRD file, although its name says so")
        while file.tell() < LONGEST_HEADER:
            line = file.readline(LONGEST_HEADER).decode("utf-8", "replace").rstrip("\r\n")
            if line == "":
                break
            key, found, value = line.partition(":=")
            name, colon, content = line.partition(": ")
            if line.startswith("#"):
                continue
            if found and (not colon or len(key) < len(name)):
                keys[key] = value
            elif colon:
                fields[name.strip().lower()] = content.strip()
        return fields, keys, file.tell()
