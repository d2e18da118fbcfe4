"""MetaImage files (.mha, .mhd): a text header and raw or zlib data (itk.org/Wiki/ITK/MetaIO/Documentation).

Read and written here rather than by ITK, whose reader overruns its memory on a damaged header. The world is LPS.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from ..errors import InputError
from .formats import METAIMAGE
from .header import Header, make_header
from .stored import LONGEST_HEADER, Stored, detached, read_stored
from .streams import check_promise, open_plain
from .volume import Volume

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_ELEMENT = {
    "int8": "MET_CHAR",
    "uint8": "MET_UCHAR",
    "int16": "MET_SHORT",
    "uint16": "MET_USHORT",
    "int32": "MET_INT",
    "uint32": "MET_UINT",
    "int64": "MET_LONG_LONG",
    "uint64": "MET_ULONG_LONG",
    "float32": "MET_FLOAT",
    "float64": "MET_DOUBLE",
}
_DTYPE = {element: name for name, element in _ELEMENT.items()} | {"MET_LONG": "int32", "MET_ULONG": "uint32"}
_MODALITY = {"CT": "MET_MOD_CT", "MR": "MET_MOD_MR"}
_ALIASES = {
    "Position": "Offset",
    "Origin": "Offset",
    "Rotation": "TransformMatrix",
    "Orientation": "TransformMatrix",
    "ElementByteOrderMSB": "BinaryDataByteOrderMSB",
}


def read_metaimage_header(path: Path) -> Header:
    """The header of a .mha or .mhd file. Raises `InputError` if it is not one of a scalar image."""
    return _layout(path).header


def read_metaimage(path: Path, frame: int | None = None) -> Volume:
    """Read a 2D, 3D or (with `frame`) 4D image; `InputError` or `UsageError` as in `read_nifti`."""
    return read_stored(path.name, _layout(path), frame)


def write_metaimage(volume: Volume, path: Path) -> None:
    """Write the volume's voxels, in their own type, and its matrix in double precision, as one compressed file."""
    from isal import isal_zlib

    matrix = _LPS_TO_RAS @ volume.ijk_to_ras
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    data = isal_zlib.compress(memoryview(np.ascontiguousarray(volume.voxels)).cast("B"), 1)
    fields = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": str(sys.byteorder == "big"),
        "CompressedData": "True",
        "CompressedDataSize": str(len(data)),
        "TransformMatrix": _text((matrix[:3, :3] / spacing).T.ravel()),
        "Offset": _text(matrix[:3, 3]),
        "CenterOfRotation": "0 0 0",
        "ElementSpacing": _text(spacing),
        "DimSize": " ".join(str(n) for n in reversed(volume.shape)),
        "Modality": _MODALITY.get(volume.modality, "MET_MOD_OTHER"),
        "ElementType": _ELEMENT[volume.voxels.dtype.name],
        "ElementDataFile": "LOCAL",
    }
    with path.open("wb") as file:
        file.write("".join(f"{key} = {value}\n" for key, value in fields.items()).encode("ascii"))
        file.write(data)


def _text(numbers: np.ndarray) -> str:
    return " ".join(repr(float(x) + 0.0) for x in numbers)


def _layout(path: Path) -> Stored:
    name = path.name
    fields, end = _fields(path)
    dtype = _DTYPE.get(fields.get("ElementType", ""))
    if fields.get("ObjectType", "Image") != "Image" or "ElementDataFile" not in fields:
        raise InputError(f"{name}: not a MetaImage of a scan, although its name says so")
    if dtype is None:
        raise InputError(f"{name}: its type ({fields.get('ElementType', 'none')}) is no number; convert it first")
    if not _is_true(fields, "BinaryData", True):
        raise InputError(f"{name}: its voxels are written as text, which is not read; save it as binary data")
    try:
        sizes = [int(n) for n in fields["DimSize"].split()]
        if len(sizes) != int(fields["NDims"]):
            raise ValueError
        channels = int(fields.get("ElementNumberOfChannels", 1))
        begin = int(fields.get("HeaderSize", 0))
        packed = int(fields.get("CompressedDataSize", 0))
        spacing = [float(x) for x in fields.get("ElementSpacing", fields.get("ElementSize", "1 1 1 1")).split()]
        matrix = _matrix(fields, len(sizes), spacing)
    except (KeyError, ValueError, IndexError) as error:
        raise InputError(f"{name}: its MetaImage header is damaged; export it again") from error
    if channels != 1:
        raise InputError(f"{name}: {channels} numbers a voxel (colours or vectors); give an image of one")
    if not all(np.isfinite(x) and x > 0 for x in spacing[: min(len(sizes), 3)]):
        told = "×".join(f"{x:g}" for x in spacing[:3])
        raise InputError(f"{name}: its spacing is {told} mm; it must be above 0, mend its header")
    while len(sizes) > 2 and sizes[-1] == 1:
        sizes.pop()
    if not 2 <= len(sizes) <= 4:
        raise InputError(f"{name}: {len(sizes)} dimensions ({'×'.join(map(str, sizes))}); a scan has 2 or 3")
    i, j, k, frames = sizes + [1] * (4 - len(sizes))
    order = ">" if _is_true(fields, "BinaryDataByteOrderMSB", False) else "<"
    header = make_header(name, (k, j, i), frames, np.dtype(dtype).newbyteorder(order), METAIMAGE, matrix)
    local = fields["ElementDataFile"].upper() == "LOCAL"
    file = path if local else detached(path, fields["ElementDataFile"])
    compressed = _is_true(fields, "CompressedData", False)
    offset = end if local else begin
    if compressed:
        check_promise(file, max(offset, 0) + packed, compressed=False)
    written = {text: modality for modality, text in _MODALITY.items()}.get(fields.get("Modality", ""))
    return Stored(header, file, offset, "zlib" if compressed else "raw", modality=written)


def _matrix(fields: dict[str, str], count: int, spacing: list[float]) -> np.ndarray:
    """ijk to RAS, mm. The file's matrix lists the direction of i, then of j, and so on."""
    dimensions = min(count, 3)
    identity = " ".join(str(x) for x in np.eye(count).ravel())
    directions = np.array([float(x) for x in fields.get("TransformMatrix", identity).split()])
    offset = np.array([float(x) for x in fields.get("Offset", " ".join(["0"] * count)).split()])
    if len(offset) != count or len(spacing) < count:
        raise ValueError
    matrix = np.eye(4)
    matrix[:dimensions, :dimensions] = directions.reshape(count, count).T[:dimensions, :dimensions]
    matrix[:3, :dimensions] *= spacing[:dimensions]
    matrix[:dimensions, 3] = offset[:dimensions]
    return _LPS_TO_RAS @ matrix


def _is_true(fields: dict[str, str], key: str, otherwise: bool) -> bool:
    return fields.get(key, str(otherwise))[:1] in "Tt1"


def _fields(path: Path) -> tuple[dict[str, str], int]:
    """The fields ("Key = value"), and where the data begin: after the line of `ElementDataFile`, always the last."""
    fields: dict[str, str] = {}
    with open_plain(path) as file:
        while file.tell() < LONGEST_HEADER and (line := file.readline(LONGEST_HEADER)):
            key, found, value = line.decode("utf-8", "replace").partition("=")
            if found:
                fields[_ALIASES.get(key.strip(), key.strip())] = value.strip()
            if key.strip() == "ElementDataFile":
                break
        return fields, file.tell()
