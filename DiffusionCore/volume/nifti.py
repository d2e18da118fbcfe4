"""NIfTI-1 and -2 files: nibabel knows their headers, python-isal their compression.

Never SimpleITK: given `a.nii.gz` it reads the voxels of a sibling `a.nii`. NIfTI's axes are (i, j, k) with i fastest,
so that its bytes in order are a (K, J, I) array; its world is RAS, in millimetres unless `xyzt_units` says otherwise.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, OutputError
from .formats import NIFTI
from .geometry import SHEAR_TOLERANCE, shear
from .header import Header, choose_frame, make_header
from .modality import stated_modality
from .streams import check_promise, gzip_to_write, is_gzip, open_to_read, read_voxels, write_voxels
from .volume import Volume
from .voxel_checks import check_finite, check_room

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header

_MAGIC = {348: b"n+1", 540: b"n+2"}  # by the size of the header
_MILLIMETRES = {1: 1000.0, 2: 1.0, 3: 1e-3}  # of the unit codes metre, millimetre, micron
_NOT_SCALAR = {
    1004: "matrices",
    1005: "matrices",
    1006: "displacement vectors",
    1007: "vectors",
    1008: "points",
    1009: "triangles",
    1010: "quaternions",
    2003: "RGB colours",
    2004: "RGBA colours",
}
LABEL_INTENT = 1002
# What this package wrote says what it is, so that a crop without air is CT again when it is read.
_WRITTEN_AS = "DiffusionCore modality="


@dataclass(frozen=True, eq=False)
class _Layout:
    header: Header
    offset: int
    slope: float
    inter: float
    intent: int
    modality: str | None


def read_nifti_header(path: Path) -> Header:
    """The header of a .nii or .nii.gz file. Raises `InputError` if it is not one of a scalar image."""
    with open_to_read(path) as stream:
        return _read_layout(stream, path.name).header


def read_nifti(path: Path, frame: int | None = None) -> Volume:
    """Read a 2D, 3D or (with `frame`) 4D image. The voxels keep their type unless the header rescales them: then the
    smallest of int16, int32 and int64 that holds them exactly, else floats.

    `meta` holds `source`, and `intent` (code), `frame`, `frames`, `written_modality` where there are such.
    Raises `InputError` for anything that is no whole, finite, scalar image, `UsageError` for a frame it does not have.
    """
    name = path.name
    with open_to_read(path) as stream:
        layout = _read_layout(stream, name)
        header = layout.header
        chosen = choose_frame(name, header, frame)
        frame_bytes = int(np.prod(header.shape, dtype=object)) * header.dtype.itemsize
        start = layout.offset + chosen * frame_bytes
        with path.open("rb") as file:
            compressed = is_gzip(file)
        check_promise(path, start + frame_bytes, compressed)
        check_room(name, header.shape, header.dtype)
        stream.seek(start)
        voxels = read_voxels(stream, header.shape, header.dtype, name)
        if chosen == header.frames - 1:
            stream.read(1)  # reaching the end makes gzip compare its checksum
    check_finite(name, voxels)
    voxels = rescale(voxels, layout.slope, layout.inter)
    check_finite(name, voxels)
    meta: dict[str, Any] = {"source": NIFTI}
    if layout.intent:
        meta["intent"] = layout.intent
    if header.frames > 1:
        meta |= {"frame": chosen, "frames": header.frames}
    if layout.modality:
        meta["written_modality"] = layout.modality
    return Volume(voxels, header.ijk_to_ras, meta=meta)


def refuse_shear(volume: Volume, path: Path) -> None:
    """Raise `OutputError` if the grid is sheared: a qform cannot hold that, and readers differ in what they take."""
    skew = shear(volume.ijk_to_ras)
    if skew > SHEAR_TOLERANCE:
        raise OutputError(
            f"{path}: the grid is sheared (two axes are {np.degrees(np.arcsin(skew)):.2f}° off a right angle), which "
            "NIfTI cannot hold for every reader; write .nrrd instead, or use --force"
        )


def write_nifti(volume: Volume, path: Path, compressed: bool) -> None:
    """Write the volume's voxels, in their own type, with the header of `header_for`."""
    with path.open("wb") as file, gzip_to_write(file) if compressed else nullcontext(file) as stream:
        write_header(stream, header_for(volume))
        write_voxels(stream, volume.voxels)


def header_for(volume: Volume) -> Nifti1Header:
    """The header of a volume's file, with its matrix as sform and qform (code 1, scanner).

    It holds the matrix in single precision: places come back within about 1e-7 of their distance from the origin.
    Of a sheared grid only the sform is written, so that no reader takes a qform that is wrong.
    """
    import nibabel.nifti1
    import nibabel.nifti2

    small = max(volume.shape) <= np.iinfo(np.int16).max
    header = nibabel.nifti1.Nifti1Header() if small else nibabel.nifti2.Nifti2Header()
    header.set_data_dtype(volume.voxels.dtype)
    header.set_data_shape(volume.shape[::-1])
    header.set_zooms(volume.spacing[::-1])
    header.set_slope_inter(1.0, 0.0)
    header.set_xyzt_units("mm")
    header.set_sform(volume.ijk_to_ras, code=1)
    if shear(volume.ijk_to_ras) <= SHEAR_TOLERANCE:
        header.set_qform(volume.ijk_to_ras, code=1)
    if volume.modality == "LABEL":
        header.set_intent("label")
    stated = stated_modality(volume)
    header["descrip"] = f"{_WRITTEN_AS}{stated}" if stated else "DiffusionCore"
    header["vox_offset"] = int(header["sizeof_hdr"]) + 4
    return header


def write_header(stream: IO[bytes], header: Nifti1Header) -> None:
    """Write a header and, with it, that no extensions follow."""
    stream.write(header.binaryblock + bytes(4))


def rescale(stored: np.ndarray, slope: float, inter: float) -> np.ndarray:
    """stored · slope + inter: integers where that is exact, else float32 (float64 for 32-bit integers and up)."""
    if slope == 1 and inter == 0:
        return stored
    if stored.dtype.kind in "iu" and float(slope).is_integer() and float(inter).is_integer():
        factor, summand = int(slope), int(inter)
        products = [int(stored.min()) * factor, int(stored.max()) * factor]
        extremes = [factor, summand, int(stored.min()), int(stored.max())]
        extremes += products + [product + summand for product in products]
        for dtype in (np.int16, np.int32, np.int64):
            if np.iinfo(dtype).min <= min(extremes) and max(extremes) <= np.iinfo(dtype).max:
                return stored.astype(dtype) * dtype(factor) + dtype(summand)
    wide = stored.dtype.itemsize > (4 if stored.dtype.kind == "f" else 2)
    dtype = np.float64 if wide else np.float32
    values = stored.astype(dtype)
    values *= dtype(slope)
    values += dtype(inter)
    return values


def _read_layout(stream: IO[bytes], name: str) -> _Layout:
    header = parse_header(stream, name)
    dtype = _scalar_dtype(header, name)
    shape, frames = _sizes(header, name)
    matrix = _matrix(header, name)
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or not np.isfinite(slope):  # "not scaled", by the standard
        slope, inter = 1.0, 0.0
    offset = float(header["vox_offset"])
    if not np.isfinite(offset):
        raise InputError(f"{name}: its header does not say where the voxels begin; it is damaged")
    description = bytes(header["descrip"].item()).decode("ascii", "replace")
    modality = description.removeprefix(_WRITTEN_AS) if description.startswith(_WRITTEN_AS) else None
    return _Layout(
        make_header(name, shape, frames, dtype, NIFTI, matrix),
        max(int(offset), int(header["sizeof_hdr"]) + 4),
        slope,
        inter if np.isfinite(inter) else 0.0,
        int(header["intent_code"]),
        modality,
    )


def parse_header(stream: IO[bytes], name: str) -> Nifti1Header:
    """The header that a stream begins with. Raises `InputError`, beginning with `name`, if it is none of a .nii file."""
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    block = stream.read(540)
    sizes = {(int.from_bytes(block[:4], "little"), "<"), (int.from_bytes(block[:4], "big"), ">")}
    size, order = next(((n, order) for n, order in sizes if n in _MAGIC), (0, ""))
    if not size:
        raise InputError(f"{name}: not a NIfTI file, although its name says so")
    if len(block) < size:
        raise InputError(f"{name}: truncated within its header; fetch or export it again")
    header = (Nifti1Header if size == 348 else Nifti2Header)(block[:size], endianness=order, check=False)
    magic = bytes(header["magic"].item())[:3]
    if magic in (b"ni1", b"ni2"):
        raise InputError(f"{name}: a NIfTI pair (.hdr and .img); convert it to one .nii.gz file first")
    if magic != _MAGIC[size]:
        raise InputError(f"{name}: not a NIfTI file (no magic string); an Analyze file must be converted first")
    return header


def _scalar_dtype(header: Nifti1Header, name: str) -> np.dtype[Any]:
    from nibabel.spatialimages import HeaderDataError

    intent = int(header["intent_code"])
    if intent in _NOT_SCALAR:
        raise InputError(f"{name}: holds {_NOT_SCALAR[intent]} (intent {intent}), not one number a voxel")
    try:
        dtype = header.get_data_dtype()
    except (HeaderDataError, KeyError) as error:
        raise InputError(f"{name}: unknown data type (code {int(header['datatype'])}); convert it first") from error
    if dtype.names is not None:
        raise InputError(f"{name}: a colour image ({''.join(dtype.names)}); give one number a voxel, not colours")
    if dtype.kind == "c":
        raise InputError(f"{name}: complex numbers; give its magnitude")
    if dtype.kind not in "iuf":
        raise InputError(f"{name}: data type {dtype.name} is no number a voxel; convert it first")
    return dtype


def _sizes(header: Nifti1Header, name: str) -> tuple[tuple[int, int, int], int]:
    count = int(header["dim"][0])
    sizes = [int(n) for n in header["dim"][1 : count + 1]]
    if not 1 <= count <= 7 or min(sizes) < 1:
        raise InputError(f"{name}: its header's dimensions ({'×'.join(map(str, sizes))}) cannot be; it is damaged")
    while len(sizes) > 1 and sizes[-1] == 1:
        sizes.pop()
    if count < 2 or len(sizes) > 4:
        what = "a field of vectors or more" if len(sizes) > 4 else "a scan has 2 or 3"
        raise InputError(f"{name}: {max(count, len(sizes))} dimensions ({'×'.join(map(str, sizes))}): {what}")
    i, j, k, frames = sizes + [1] * (4 - len(sizes))
    return (k, j, i), frames


def _matrix(header: Nifti1Header, name: str) -> np.ndarray:
    """ijk to RAS, mm, chosen as nibabel does: sform, else qform, else spacing alone."""
    header["pixdim"][0] = -1.0 if header["pixdim"][0] < 0 else 1.0  # files hold 0 too, which the standard takes for 1
    flat = int(header["dim"][0])
    for axis, letter in enumerate("ijk", start=1):
        spacing = float(header["pixdim"][axis])
        if np.isfinite(spacing) and spacing > 0:
            continue
        if axis <= flat and int(header["dim"][axis]) > 1:
            raise InputError(f"{name}: the spacing along {letter} is {spacing:g}; it must be above 0, mend its header")
        header["pixdim"][axis] = 1.0  # a single slice needs no spacing, and many writers give it none
    try:
        matrix = np.array(header.get_best_affine(), np.float64)
    except ValueError as error:  # nibabel: a quaternion longer than 1, a negative zoom
        raise InputError(f"{name}: its qform is no rotation; mend its header") from error
    matrix[:3] *= _MILLIMETRES.get(int(header["xyzt_units"]) & 7, 1.0)
    return matrix
