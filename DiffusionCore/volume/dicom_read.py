"""A DICOM series as a `Volume`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from ..errors import InputError
from .dicom_frames import read_frames
from .dicom_header import number, quiet_pydicom
from .dicom_pixels import read_voxels, rescale_of, same_pixels, value_dtype
from .dicom_scan import ScannedSeries, choose_series, scan_series
from .dicom_sort import Stack, choose_volume, find_stacks, regular_stack
from .dicom_source import DicomSource, source_of
from .formats import DICOM
from .header import Header, make_header
from .volume import Volume
from .voxel_checks import check_finite, check_room

# DICOM's names of modalities that a person knows by another.
_KINDS = {"PT": "PET"}
_HOUNSFIELD = ("HU", "US", "")


def read_dicom(
    path: str | os.PathLike[str],
    *,
    series: int | str | None = None,
    frame: int | None = None,
    if_several: bool = False,
) -> Volume:
    """Read a series from a folder (recursively; files that are not DICOM are ignored) or one image file.

    series      number or UID of the series, needed if the folder holds several
    frame       which volume, from 0, if the series holds several at one place (times, echoes, stacks)
    if_several  only then; where there is one it is taken

    Slices are sorted along their normal; a tilted gantry gives a sheared matrix. The modality is CT (values in HU), MR
    or OTHER. `meta` holds `source`, `modality_reason`, `kind` (for OTHER: "PET", "US", …), `units`, `series` (number),
    `description`, `frame` and `frames` if there are several, `pixel_padding` and `pixel_padding_stored`, `photometric`
    (if MONOCHROME1: values are kept, not inverted), `gantry_tilt` in degrees, `warnings`, and `dicom`, a
    `DicomSource` with each slice's header and position, from which a derived series is made.

    Raises `InputError` for several series (listing them), missing, doubled or unevenly spaced slices, planes without a
    place in the patient, colour images, damaged files and unknown compression.
    """
    path = Path(path).absolute()  # so that "." has a name too
    with quiet_pydicom(), _named(path):
        found = scan_series(path)
        chosen = choose_series(found, None if if_several and len(found) == 1 else series, path.name)
        stack, frames, reason = _stack(chosen, frame, if_several=if_several)
        check_room(path.name, (len(stack.frames), *stack.frames[0].shape), value_dtype(stack.frames))
        voxels = read_voxels(stack.frames)
        check_finite(path.name, voxels)
        modality, meta = describe(stack.frames[0].header)
        meta |= _facts(stack, chosen)
        if frames > 1:
            meta |= {"frame": frame, "frames": frames, "frames_differ_by": reason}
        return Volume(voxels, stack.ijk_to_ras, modality, meta)


def read_dicom_header(path: str | os.PathLike[str], *, series: int | str | None = None) -> Header:
    """Shape, spacing, volumes and largest value type of a series (its first volume's); raises like `read_dicom`.

    Pixels are read only of slices that lie at the same place, to tell copies from different volumes.
    """
    path = Path(path).absolute()  # so that "." has a name too
    with quiet_pydicom(), _named(path):
        chosen = choose_series(scan_series(path), series, path.name)
        stack, frames, _ = _stack(chosen, None, first=True)
        shape = (len(stack.frames), *stack.frames[0].shape)
        return make_header(path.name, shape, frames, value_dtype(stack.frames), DICOM, stack.ijk_to_ras)


def read_dicom_source(
    path: str | os.PathLike[str], *, series: int | str | None = None, frame: int | None = None
) -> DicomSource:
    """The headers of a series without its pixels: what `write_dicom_series` needs to derive from it."""
    path = Path(path).absolute()  # so that "." has a name too
    with quiet_pydicom(), _named(path):
        return source_of(_stack(choose_series(scan_series(path), series, path.name), frame)[0])


def describe(header: Dataset) -> tuple[str, dict[str, Any]]:
    """(modality, meta) that an image's header tells: what it is, why that is believed, its units."""
    tag = str(header.get("Modality") or "")
    rescale_type = str(header.get("RescaleType") or "")
    if tag == "CT" and rescale_type in _HOUNSFIELD:
        meta = {"modality_reason": "DICOM Modality is CT", "units": "HU"}
        if header.get("RescaleIntercept") in (None, ""):
            meta["modality_reason"] += "; without RescaleIntercept, so values may not be HU"
        return "CT", meta
    if tag == "MR":
        return "MR", {"modality_reason": "DICOM Modality is MR"}
    meta = {"modality_reason": f"DICOM Modality is {tag or 'not given'}", "kind": _KINDS.get(tag, tag or "unknown")}
    if tag == "CT":
        meta["modality_reason"] += f", but its values are {rescale_type}, not HU"
    units = str(header.get("Units") or rescale_type)
    return "OTHER", meta | ({"units": units} if units else {})


def _stack(
    chosen: ScannedSeries, frame: int | None, *, first: bool = False, if_several: bool = False
) -> tuple[Stack, int, str]:
    """The regular stack number `frame`, of how many, and what they differ by; the `first` of all for a header."""
    volumes, reason, warnings = find_stacks(read_frames(chosen.files), same_pixels)
    if if_several and len(volumes) == 1:
        frame = None
    planes = volumes[0] if first else choose_volume(volumes, reason, frame)
    stack = regular_stack(planes)
    return Stack(stack.frames, stack.step, (*chosen.warnings, *warnings, *stack.warnings)), len(volumes), reason


def _facts(stack: Stack, chosen: ScannedSeries) -> dict[str, Any]:
    header = stack.frames[0].header
    facts: dict[str, Any] = {
        "source": DICOM,
        "series": chosen.summary.number,
        "description": chosen.summary.description,
        "dicom": source_of(stack),
        "warnings": list(stack.warnings),
    }
    if stack.tilt > 0.01:
        facts["gantry_tilt"] = round(stack.tilt, 3)
    if header.get("PhotometricInterpretation") == "MONOCHROME1":
        facts["photometric"] = "MONOCHROME1"
        facts["warnings"].append("MONOCHROME1: low values are bright; values are kept as they are")
    padding = number(header, "PixelPaddingValue")
    if padding is not None:
        slope, intercept = rescale_of(header)
        facts |= {"pixel_padding_stored": int(padding), "pixel_padding": padding * slope + intercept}
    return facts


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Begin the message of an `InputError` with the scan's name."""
    try:
        yield
    except InputError as error:
        message = str(error)
        if message.startswith(f"{path.name}:"):
            raise
        raise InputError(f"{path.name}: {message}") from error
