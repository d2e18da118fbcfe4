"""DICOM files by pydicom, without its tongue: headers that may be odd or damaged are read, checked attribute by
attribute and asked for numbers; files are written.
"""

from __future__ import annotations

import io
import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pydicom
from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset, FileDataset

from ..errors import InputError

# A volume cannot be made, or would hold wrong values, if one of these is there but cannot be understood. Others are
# then taken as missing.
_MUST_BE_SOUND = {
    *("SOPClassUID", "SeriesInstanceUID", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "BitsAllocated"),
    *("PhotometricInterpretation", "BitsStored", "HighBit", "PixelRepresentation", "RescaleSlope", "RescaleIntercept"),
    *("ModalityLUTSequence", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "PlanePositionSequence"),
    *("PlaneOrientationSequence", "PixelMeasuresSequence", "PixelValueTransformationSequence"),
}


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Silence pydicom's warnings and log: they quote attribute values, which may be a patient's."""
    logger = logging.getLogger("pydicom")
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


def read_header(path: Path, keywords: Sequence[str]) -> FileDataset | None:
    """The attributes `keywords` of a DICOM file, without its pixels; None if the file is not DICOM.

    Files without the 128-byte preamble (older archives) are accepted if they begin with a DICOM element and name a
    series. Attributes that cannot be understood are left out. Raises `InputError` if the file is DICOM but damaged
    where it matters.
    """
    try:
        with path.open("rb") as file:
            start = file.read(132)
    except OSError as error:
        raise InputError(f"{path.name}: cannot be read ({error.strerror})") from error
    standard = start[128:] == b"DICM"
    if not standard and start[:2] not in (b"\x08\x00", b"\x02\x00"):
        return None
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(keywords), force=not standard)
        _settle(header, path.name)
        _settle(header.file_meta, path.name)
    except Exception as error:  # whatever a damaged file makes the parser stumble over
        if not standard:
            return None
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path.name}: damaged DICOM file; the header cannot be read") from error
    return header if standard or ("SOPClassUID" in header and "SeriesInstanceUID" in header) else None


def save_file(image: Dataset, path: Path) -> None:
    """Write a whole DICOM file. Through memory: where the disk is full pydicom itself raises a traceback as a message."""
    content = io.BytesIO()
    image.save_as(content, enforce_file_format=True)
    path.write_bytes(content.getbuffer())


def number(header: Dataset, keyword: str) -> float | None:
    """The attribute as a finite number; None if it is missing, empty or anything else."""
    try:
        value = float(header.get(keyword))
    except (TypeError, ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def whole(header: Dataset, keyword: str, otherwise: int) -> int:
    """The attribute as a whole number; `otherwise` if it is missing, empty or anything else."""
    value = number(header, keyword)
    return int(value) if value is not None and value.is_integer() else otherwise


def _settle(header: Dataset, name: str) -> None:
    """Have pydicom understand every element now, sequences and all, where its exceptions can be told from ours."""
    for tag in list(header.keys()):
        keyword = keyword_for_tag(tag)
        try:
            element = header[tag]
            items = list(element.value or ()) if element.VR == "SQ" else []
        except Exception as error:  # pydicom raises what its converters happen to raise
            if keyword in _MUST_BE_SOUND:
                raise InputError(f"{name}: damaged DICOM file; {keyword} cannot be understood") from error
            del header[tag]
            continue
        for item in items:
            _settle(item, name)
