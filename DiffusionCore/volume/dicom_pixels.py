"""Pixel values of DICOM images: decoded, rescaled, as one array."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels import get_decoder, pixel_array
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)

from ..errors import InputError
from .dicom_frames import Frame
from .dicom_header import number, whole
from .dicom_scan import frame_count

_PIXEL_MODULE = (
    *("SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
)


def rescale_of(header: Dataset) -> tuple[float, float]:
    """(slope, intercept) from stored values to the image's units; (1, 0) where the header has none."""
    told = []
    for keyword, unscaled in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0)):
        value = unscaled if header.get(keyword) in (None, "") else number(header, keyword)
        if value is None or (value == 0.0 and keyword == "RescaleSlope"):
            raise InputError(f"an image's {keyword} is zero or no number, so that its values cannot be told")
        told.append(value)
    return told[0], told[1]


def value_dtype(frames: Sequence[Frame]) -> np.dtype:
    """The type that `read_voxels` gives at most: int16, int32 or int64 if all values are whole, else float32.

    Whole values are those of integer slopes and intercepts, each the same or different from slice to slice as long as
    the slope is one. Different slopes (PET) give float32.
    """
    scales = {rescale_of(frame.header) for frame in frames}
    slopes = {slope for slope, _ in scales}
    integers = all(slope.is_integer() and intercept.is_integer() for slope, intercept in scales)
    if len(slopes) > 1 or not integers or any("BitsStored" not in f.header for f in frames):
        return np.dtype(np.float32)
    low, high = 0.0, 0.0
    for frame in frames:
        bits, signed = whole(frame.header, "BitsStored", 16), whole(frame.header, "PixelRepresentation", 0)
        least, most = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        slope, intercept = rescale_of(frame.header)
        ends = (slope * least + intercept, slope * most + intercept)
        low, high = min(low, *ends), max(high, *ends)
    return _smallest_integer(low, high)


def read_voxels(frames: Sequence[Frame]) -> np.ndarray:
    """The values of the planes, (K, J, I), rescaled slice by slice with each slice's own slope and intercept.

    Whole values come as the smallest of int16, int32 and int64 that holds them, others as float32. Values of
    MONOCHROME1 images are kept as they are, not inverted. Raises `InputError` for damaged or undecodable pixels.
    """
    dtype = value_dtype(frames)
    voxels = np.empty((len(frames), *frames[0].shape), dtype)
    places: dict[Path, list[int]] = {}
    for k, frame in enumerate(frames):
        places.setdefault(frame.path, []).append(k)
    for path, slices in places.items():
        for k, stored in zip(slices, _stored(path, [frames[k].index for k in slices]), strict=True):
            if stored.shape != voxels.shape[1:]:
                raise InputError(f"{path.name}: {stored.shape} pixels, but the header says {voxels.shape[1:]}")
            slope, intercept = rescale_of(frames[k].header)
            if stored.dtype.kind == "f" and voxels.dtype.kind != "f":
                voxels = voxels.astype(np.float32)
            if voxels.dtype.kind == "f":
                voxels[k] = stored * slope + intercept
            else:
                values = np.multiply(stored, int(slope), dtype=np.int64) + int(intercept)
                # Compressed data may hold more bits than the header promises.
                wider = np.promote_types(voxels.dtype, _smallest_integer(values.min(), values.max()))
                voxels = voxels.astype(wider, copy=False)
                voxels[k] = values
    if voxels.dtype.kind == "i":
        voxels = voxels.astype(_smallest_integer(float(voxels.min()), float(voxels.max())), copy=False)
    return voxels


def same_pixels(first: Frame, second: Frame) -> bool:
    """Whether two planes hold the same values (not merely the same place)."""
    if first.shape != second.shape or rescale_of(first.header) != rescale_of(second.header):
        return False
    one, other = (next(_stored(frame.path, [frame.index])) for frame in (first, second))
    return bool(np.array_equal(one, other))


def _stored(path: Path, indices: Sequence[int]) -> Iterator[np.ndarray]:
    """The stored values of some frames of a file, (J, I) each, in the order asked."""
    try:
        image = pydicom.dcmread(path, force=True)
        syntax = image.file_meta.get("TransferSyntaxUID") or _native_syntax(image)
        image.file_meta.TransferSyntaxUID = UID(syntax)
        for n in indices:
            yield _plane(image, n, path.name)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # whatever damaged pixel data makes the decoders stumble over
        raise InputError(f"{path.name}: the pixel data is truncated or damaged; fetch the image again") from error


def _plane(image: Dataset, n: int, name: str) -> np.ndarray:
    """One decoded frame: by pydicom's decoders, else by those of ITK, which know more of the JPEG family."""
    syntax = image.file_meta.TransferSyntaxUID
    if not syntax.is_compressed or syntax == DeflatedExplicitVRLittleEndian:
        return pixel_array(image, index=n, raw=True)
    try:
        if get_decoder(syntax).is_available:
            return pixel_array(image, index=n, raw=True)
    except (NotImplementedError, RuntimeError):
        pass  # a syntax that pydicom, or the decoder it found, does not know: ITK is asked
    try:
        return _decode_with_itk(image, n)
    except (ImportError, RuntimeError) as error:
        raise InputError(
            f"{name}: no decoder here for {syntax.name}, or the data is damaged; install pylibjpeg with its plugins, "
            "or convert the series to an uncompressed one"
        ) from error


def _decode_with_itk(image: Dataset, n: int) -> np.ndarray:
    """Decode a frame by SimpleITK. It gets the pixel module alone, so that it neither rescales nor reorients."""
    import SimpleITK

    bare = Dataset()
    for keyword in _PIXEL_MODULE:
        bare[keyword] = image[keyword]
    bare.SOPClassUID = SecondaryCaptureImageStorage
    bare.SOPInstanceUID = "2.25.1"
    bare.PixelData = encapsulate([get_frame(image.PixelData, n, number_of_frames=frame_count(image))])
    bare["PixelData"].VR = "OB"
    bare.file_meta = FileMetaDataset()
    bare.file_meta.TransferSyntaxUID = image.file_meta.TransferSyntaxUID
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frame.dcm"
        bare.save_as(path, enforce_file_format=True)
        decoded = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path), imageIO="GDCMImageIO"))
    return decoded.reshape(decoded.shape[-2:])


def _native_syntax(image: Dataset) -> UID:
    """The transfer syntax of a file without file meta information: that in which its header was read."""
    implicit, little = image.original_encoding
    if not little:
        return ExplicitVRBigEndian
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian


def _smallest_integer(low: float, high: float) -> np.dtype:
    for dtype in (np.int16, np.int32):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return np.dtype(dtype)
    return np.dtype(np.int64)
