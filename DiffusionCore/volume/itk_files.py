"""MetaImage files, and the NRRD files that are not read directly, by SimpleITK; MetaImage written.

ITK's world is LPS. Its spacing times direction is the matrix, sheared or not. NIfTI never comes here (see `nifti`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from .formats import suffix_of
from .header import Header, choose_frame, make_header
from .streams import check_promise
from .volume import Volume
from .voxel_checks import check_finite, check_room

if TYPE_CHECKING:
    import SimpleITK

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
_MODALITY = {"CT": "MET_MOD_CT", "MR": "MET_MOD_MR"}
_LONGEST_HEADER = 1 << 16


def read_itk_header(path: Path, kind: str) -> Header:
    """The header of a MetaImage or NRRD file. Raises `InputError` if it is not one of a scalar image."""
    return _header(_open(path), path, kind)


def read_itk(path: Path, kind: str, frame: int | None = None) -> Volume:
    """Read a 2D, 3D or (with `frame`) 4D image; `InputError` or `UsageError` as in `read_nifti`."""
    import SimpleITK as sitk

    reader = _open(path)
    header = _header(reader, path, kind)
    chosen = choose_frame(path.name, header, frame)
    frame_bytes = int(np.prod(header.shape, dtype=object)) * header.dtype.itemsize
    _check_size(path, frame_bytes * header.frames)
    listed = reader.GetNumberOfComponents() > 1  # all its volumes come at once
    check_room(path.name, header.shape, np.dtype((np.void, header.dtype.itemsize * (header.frames if listed else 1))))
    if reader.GetDimension() == 4:
        reader.SetExtractSize([*reader.GetSize()[:3], 0])
        reader.SetExtractIndex([0, 0, 0, chosen])
    try:
        voxels = sitk.GetArrayFromImage(reader.Execute())
    except RuntimeError as error:
        raise InputError(f"{path.name}: its voxels cannot be read; it is truncated or damaged") from error
    if listed:
        voxels = np.ascontiguousarray(voxels[..., chosen])
    check_finite(path.name, voxels)
    meta: dict[str, Any] = {"source": kind}
    if header.frames > 1:
        meta |= {"frame": chosen, "frames": header.frames}
    written = {value: key for key, value in _MODALITY.items()}
    if reader.HasMetaDataKey("Modality") and reader.GetMetaData("Modality") in written:
        meta["written_modality"] = written[reader.GetMetaData("Modality")]
    return Volume(voxels.reshape(header.shape), header.ijk_to_ras, meta=meta)


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


def _open(path: Path) -> SimpleITK.ImageFileReader:
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise InputError(f"{path.name}: its header cannot be read; it is damaged or of another format") from error
    return reader


def _header(reader: SimpleITK.ImageFileReader, path: Path, kind: str) -> Header:
    import SimpleITK as sitk

    name = path.name
    count, components = reader.GetDimension(), reader.GetNumberOfComponents()
    pixel = reader.GetPixelID()
    if "complex" in sitk.GetPixelIDValueAsString(pixel):
        raise InputError(f"{name}: complex numbers; give its magnitude")
    listed = reader.HasMetaDataKey("NRRD_kinds[pixel]") and reader.GetMetaData("NRRD_kinds[pixel]") in ("list", "time")
    if components > 1 and not (count == 3 and listed):
        raise InputError(f"{name}: {components} numbers a voxel (colours or vectors); give an image of one")
    if count not in (2, 3, 4):
        raise InputError(f"{name}: {count} dimensions; a scan has 2 or 3")
    sizes = list(reader.GetSize())
    spacing = np.array([*reader.GetSpacing(), 1.0][:3])
    if not np.all(np.isfinite(spacing) & (spacing > 0)):
        told = "×".join(f"{x:g}" for x in spacing)
        raise InputError(f"{name}: its spacing is {told} mm; it must be above 0, mend its header")
    matrix = np.eye(4)
    directions = np.array(reader.GetDirection()).reshape(count, count)
    dimensions = min(count, 3)
    matrix[:dimensions, :dimensions] = directions[:dimensions, :dimensions]
    matrix[:3, :3] *= spacing
    matrix[:dimensions, 3] = reader.GetOrigin()[:dimensions]
    frames = sizes[3] if count == 4 else components
    i, j, k = [*sizes, 1][:3]
    return make_header(name, (k, j, i), frames, _dtype(pixel), kind, _LPS_TO_RAS @ matrix)


def _dtype(pixel: int) -> np.dtype[Any]:
    import SimpleITK as sitk

    # "vector of 16-bit signed integer", "64-bit float": the names are SimpleITK's documented ones.
    words = sitk.GetPixelIDValueAsString(pixel).removeprefix("vector of ").split()
    kind = {"float": "f", "signed": "i", "unsigned": "u"}[words[1]]
    return np.dtype(f"{kind}{int(words[0].removesuffix('-bit')) // 8}")


def _check_size(path: Path, promised: int) -> None:
    """Refuse a header that promises more than its file can hold: ITK would first allocate what it promises."""
    if suffix_of(path) in (".mhd", ".nhdr"):  # the voxels are in another file
        return
    if suffix_of(path) != ".mha":
        check_promise(path, promised, compressed=True)
        return
    with path.open("rb") as file:
        lines = file.read(_LONGEST_HEADER).split(b"\n")
    text = [line.decode("latin-1").partition("=") for line in lines]
    fields = {key.strip().lower(): value.strip() for key, found, value in text if found}
    compressed = fields.get("compresseddata", "").lower() == "true"
    check_promise(path, promised, compressed)
    packed = fields.get("compresseddatasize", "")
    if compressed and packed.isdigit():
        check_promise(path, int(packed), compressed=False)
