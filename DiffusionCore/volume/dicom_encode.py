"""How voxel values become the 16-bit pixels of a DICOM image, and the window they are shown in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.valuerep import format_number_as_ds

from ..errors import OutputError
from .volume import Volume


@dataclass(frozen=True)
class Encoding:
    """value = stored × slope + intercept, with `stored` of type `dtype` (int16 or uint16)."""

    dtype: np.dtype
    slope: float = 1.0
    intercept: float = 0.0

    @property
    def identity(self) -> bool:
        return self.slope == 1.0 and self.intercept == 0.0

    def encode(self, values: np.ndarray) -> np.ndarray:
        """The nearest stored values, clipped to the type."""
        limits = np.iinfo(self.dtype)
        if values.dtype.kind in "iub" and self.identity:
            return np.clip(values, limits.min, limits.max).astype(self.dtype)
        stored = np.rint((values.astype(np.float64) - self.intercept) / self.slope)
        return np.clip(stored, limits.min, limits.max).astype(self.dtype)


def encoding_for(volume: Volume) -> Encoding:
    """CT: whole HU, int16. MR: whole values as they are where 16 bits hold them, else 65536 even steps over the range.

    Raises `OutputError` for values that are not finite.
    """
    low, high = float(volume.voxels.min()), float(volume.voxels.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise OutputError("the volume holds values that are not numbers, which DICOM cannot store; nothing was written")
    if volume.modality == "CT":
        return Encoding(np.dtype("<i2"))
    if _whole(volume.voxels):
        if low >= 0 and high <= np.iinfo(np.uint16).max:
            return Encoding(np.dtype("<u2"))
        if np.iinfo(np.int16).min <= low and high <= np.iinfo(np.int16).max:
            return Encoding(np.dtype("<i2"))
    # What is written are 16 characters of decimals; the steps are those of the number as written.
    slope = float(format_number_as_ds((high - low) / np.iinfo(np.uint16).max)) if high > low else 1.0
    return Encoding(np.dtype("<u2"), slope or 1.0, float(format_number_as_ds(low)))


def put_pixels(
    image: Dataset, values: np.ndarray, encoding: Encoding, *, padding: float | None, photometric: str
) -> None:
    """Fill the Image Pixel module (C.7.6.3) with a slice (J, I).

    padding      a value that means "no data"
    photometric  MONOCHROME2, or MONOCHROME1 where low values are bright
    """
    stored = encoding.encode(values)
    signed = encoding.dtype.kind == "i"
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = photometric
    image.Rows, image.Columns = stored.shape
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit = 15
    image.PixelRepresentation = int(signed)
    _put_integer(image, "SmallestImagePixelValue", int(stored.min()), signed)
    _put_integer(image, "LargestImagePixelValue", int(stored.max()), signed)
    if padding is not None and encoding.identity and np.any(values == padding) and np.any(stored == padding):
        _put_integer(image, "PixelPaddingValue", int(padding), signed)
    image.add_new("PixelData", "OW", np.ascontiguousarray(stored).tobytes())


def put_rescale(image: Dataset, encoding: Encoding, modality: str) -> None:
    """RescaleSlope and RescaleIntercept: always for CT, for MR (whose IOD has none) only where they are needed."""
    if modality == "CT" or not encoding.identity:
        image.RescaleSlope = format_number_as_ds(encoding.slope)
        image.RescaleIntercept = format_number_as_ds(encoding.intercept)
        image.RescaleType = "HU" if modality == "CT" else "US"


def percentile_window(volume: Volume) -> tuple[float, float]:
    """(centre, width) that shows the middle 99 % of the values; every slice counts, of large volumes by a sample."""
    step = max(1, round((volume.voxels.size / 2e6) ** 0.5))
    low, high = np.percentile(volume.voxels[:, ::step, ::step], [0.5, 99.5])
    return float(low + high) / 2, float(high - low)


def put_window(image: Dataset, centre: float, width: float) -> None:
    """WindowCenter and WindowWidth (C.11.2.1.2); widths below 1 need the exact linear function."""
    if width < 1:
        image.VOILUTFunction = "LINEAR_EXACT"
        width = width if width > 0 else 1.0
    image.WindowCenter = format_number_as_ds(centre)
    image.WindowWidth = format_number_as_ds(width)


def _whole(voxels: np.ndarray) -> bool:
    return voxels.dtype.kind in "iub" or all(bool(np.all(plane == np.rint(plane))) for plane in voxels)


def _put_integer(image: Dataset, keyword: str, value: int, signed: bool) -> None:
    image.add_new(keyword, "SS" if signed else "US", value)
