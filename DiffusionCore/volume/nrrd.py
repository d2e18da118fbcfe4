"""NRRD files: a text header and raw or gzip data (teem.sourceforge.net/nrrd/format.html).

Read here, exactly and fast: attached 3D scalar images with a named space. Everything else of the format (detached data,
text and bzip2 encodings, 2D, lists of volumes) goes to SimpleITK. NRRD holds any matrix bit for bit, sheared ones too.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .formats import NRRD
from .header import Header, choose_frame, make_header
from .modality import stated_modality
from .streams import check_promise, gzip_part, gzip_to_write, open_to_read, read_voxels, write_voxels
from .volume import Volume
from .voxel_checks import check_finite, check_room

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
_TO_RAS = {
    "left-posterior-superior": (-1.0, -1.0, 1.0),
    "lps": (-1.0, -1.0, 1.0),
    "right-anterior-superior": (1.0, 1.0, 1.0),
    "ras": (1.0, 1.0, 1.0),
    "left-anterior-superior": (-1.0, 1.0, 1.0),
    "las": (-1.0, 1.0, 1.0),
}
_MILLIMETRES = {"m": 1000.0, "cm": 10.0, "um": 1e-3, "µm": 1e-3, "micron": 1e-3, "microns": 1e-3}
_MODALITY_KEY = "DiffusionCore_modality"
_LONGEST_HEADER = 1 << 20


@dataclass(frozen=True, eq=False)
class _Layout:
    header: Header
    offset: int
    compressed: bool
    modality: str | None


def read_nrrd_header(path: Path) -> Header:
    """The header of a .nrrd or .nhdr file. Raises `InputError` if it is not one of a scalar image."""
    layout = _read_layout(path)
    if layout is None:
        from .itk_files import read_itk_header

        return read_itk_header(path, NRRD)
    return layout.header


def read_nrrd(path: Path, frame: int | None = None) -> Volume:
    """Read a 2D, 3D or (with `frame`, a list of volumes) 4D image; `InputError` or `UsageError` as in `read_nifti`."""
    layout = _read_layout(path)
    if layout is None:
        from .itk_files import read_itk

        return read_itk(path, NRRD, frame)
    name, header = path.name, layout.header
    choose_frame(name, header, frame)
    promised = int(np.prod(header.shape, dtype=object)) * header.dtype.itemsize
    check_promise(path, promised + (0 if layout.compressed else layout.offset), layout.compressed)
    check_room(name, header.shape, header.dtype)
    with open_to_read(path) as file:
        file.seek(layout.offset)
        if layout.compressed:
            with gzip_part(file) as stream:
                voxels = read_voxels(stream, header.shape, header.dtype, name)
                stream.read(1)  # reaching the end makes gzip compare its checksum
        else:
            voxels = read_voxels(file, header.shape, header.dtype, name)
    check_finite(name, voxels)
    meta: dict[str, Any] = {"source": NRRD}
    if layout.modality:
        meta["written_modality"] = layout.modality
    return Volume(voxels, header.ijk_to_ras, meta=meta)


def write_nrrd(volume: Volume, path: Path) -> None:
    """Write the voxels, in their own type, and the matrix exactly, in the LPS space that ITK and Slicer use."""
    matrix = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.ijk_to_ras
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


def _read_layout(path: Path) -> _Layout | None:
    """The layout of a file that is read here; None for one that SimpleITK has to read."""
    fields, keys, offset = _fields(path)
    space = _TO_RAS.get(fields.get("space", "").lower())
    dtype = _DTYPE.get(fields.get("type", "").lower())
    encoding = fields.get("encoding", "").lower()
    skips = {fields.get("line skip", "0"), fields.get("byte skip", "0")}
    detached = "data file" in fields or "datafile" in fields
    ours = space and dtype and encoding in ("raw", "gzip", "gz") and skips == {"0"} and not detached
    if not ours or fields.get("dimension") != "3":
        return None
    try:
        sizes = [int(n) for n in fields["sizes"].split()]
        axes = [_numbers(text) for text in re.findall(r"\([^)]*\)", fields["space directions"])]
        origin = _numbers(fields["space origin"]) if "space origin" in fields else [0.0, 0.0, 0.0]
        matrix = np.eye(4)
        matrix[:3, :3] = np.array(axes, np.float64).T
        matrix[:3, 3] = origin
        i, j, k = sizes
    except (KeyError, ValueError) as error:
        raise InputError(f"{path.name}: its NRRD header is damaged; export it again") from error
    units = set(re.findall(r'"([^"]*)"', fields.get("space units", "")))
    scale = _MILLIMETRES.get(units.pop().lower(), 1.0) if len(units) == 1 else 1.0
    matrix[:3] *= np.array(space)[:, None] * scale
    order = {"big": ">", "little": "<"}.get(fields.get("endian", "").lower(), "=")
    header = make_header(path.name, (k, j, i), 1, np.dtype(dtype).newbyteorder(order), NRRD, matrix)
    return _Layout(header, offset, encoding != "raw", keys.get(_MODALITY_KEY))


def _numbers(text: str) -> list[float]:
    return [float(x) for x in text.strip(" ()").split(",")]


def _fields(path: Path) -> tuple[dict[str, str], dict[str, str], int]:
    """The fields ("name: value"), the key/value pairs ("key:=value"), and where the data begin."""
    fields: dict[str, str] = {}
    keys: dict[str, str] = {}
    with open_to_read(path) as file:
        if not file.readline(_LONGEST_HEADER).startswith(b"NRRD000"):
            raise InputError(f"{path.name}: not an NRRD file, although its name says so")
        while file.tell() < _LONGEST_HEADER:
            line = file.readline(_LONGEST_HEADER).decode("utf-8", "replace").rstrip("\r\n")
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
