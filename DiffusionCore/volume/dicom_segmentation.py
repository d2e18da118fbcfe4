"""Maps on a DICOM series' own grid as a DICOM segmentation (SEG), by highdicom: probabilities or boxes, by segment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from ..errors import OutputError, UsageError
from .atomic import atomic_folder
from .dicom_attributes import duplicate
from .dicom_derivation import NAME, NOT_FOR_DIAGNOSTIC_USE, DerivationRecord, plain_text
from .dicom_header import quiet_pydicom, save_file, whole
from .dicom_identity import derived_uid, fingerprint, inherit_identity
from .dicom_source import DicomSource
from .volume import Volume

_CATEGORY = ("309825002", "SCT", "Spatial and Relational Concept")  # PS3.16 CID 7150
_TYPE = ("111099", "DCM", "Selected region")
_FAMILY = ("123110", "DCM", "Artificial Intelligence")  # CID 7162
_SERIES_NUMBER_OFFSET = 2000


@dataclass(frozen=True, eq=False)
class SegmentMap:
    """One segment: its label, and (K, J, I) bool, or float 0 to 1 for a map."""

    label: str
    voxels: np.ndarray


def check_segmentation(volume: Volume) -> None:
    """Raise `UsageError` where no SEG could be written for results on this volume; nothing is touched."""
    if volume.meta.get("dicom") is None:
        raise UsageError("a DICOM segmentation refers to DICOM images, and this scan is none; leave --segmentation out")
    if find_spec("highdicom") is None:
        raise UsageError("DICOM segmentations need highdicom: pip install 'DiffusionCore[seg]'")


def write_segmentations(
    folder: Path,
    volume: Volume,
    results: dict[str, Sequence[SegmentMap]],
    record: DerivationRecord,
    *,
    overwrite: bool = False,
) -> Path:
    """Write `NAME.dcm` for each of `results` into the new `folder`; gives the folder.

    volume   read from DICOM; the maps are on its grid. Patient, study and frame of reference are its images'
    results  segments of one kind each: bool ones make a binary segmentation, floats a fractional one (probability).
             Slices in which no segment has anything are left out

    Raises `UsageError` as `check_segmentation` does, `OutputError` if a map is not on the grid, has nothing in it, or
    the folder cannot be written.
    """
    check_segmentation(volume)
    source: DicomSource = volume.meta["dicom"]
    if source.shape != volume.shape:
        raise OutputError("the volume is no longer on the grid of its DICOM images; no segmentation can refer to them")
    with quiet_pydicom(), atomic_folder(folder, overwrite=overwrite) as temporary:
        for number, (name, segments) in enumerate(results.items()):
            made = _segmentation(volume, source, name, segments, record, number)
            save_file(made, temporary / f"{name}.dcm")
    return folder


def _segmentation(
    volume: Volume,
    source: DicomSource,
    name: str,
    segments: Sequence[SegmentMap],
    record: DerivationRecord,
    number: int,
) -> Dataset:
    from highdicom import PixelMeasuresSequence, PlaneOrientationSequence, PlanePositionSequence
    from highdicom.seg import Segmentation

    if not segments or any(segment.voxels.shape != volume.shape for segment in segments):
        raise OutputError(f"the {name} is not on the grid of the scan's DICOM images; nothing was written")
    binary = all(segment.voxels.dtype.kind == "b" for segment in segments)
    filled = np.flatnonzero([any(segment.voxels[k].any() for segment in segments) for k in range(volume.shape[0])])
    if not filled.size:
        raise OutputError(f"the {name} is empty; there is nothing to write as a DICOM segmentation")
    planes = slice(int(filled[0]), int(filled[-1]) + 1)
    pixels = np.stack([segment.voxels[planes] for segment in segments], axis=-1)
    pixels = pixels.astype(np.uint8) if binary else np.clip(pixels, 0, 1).astype(np.float32)
    frames = source.frames[planes]
    mark = fingerprint(volume, record, source, f"{name} {number}")
    first = frames[0]
    step = abs(float(np.diff(source.positions[:2] @ first.normal)[0])) if len(source.frames) > 1 else 1.0
    made = Segmentation(
        source_images=_images(source, planes),
        pixel_array=pixels,
        segmentation_type="BINARY" if binary else "FRACTIONAL",
        segment_descriptions=[_description(n, segment.label, record) for n, segment in enumerate(segments, start=1)],
        series_instance_uid=derived_uid("segmentation series", mark),
        series_number=min(whole(source.header, "SeriesNumber", 0) + _SERIES_NUMBER_OFFSET + number, 2**31 - 1),
        sop_instance_uid=derived_uid("segmentation", mark),
        instance_number=1,
        manufacturer=NAME,
        manufacturer_model_name=plain_text(record.model or NAME, 64),
        software_versions=plain_text(record.version or "0", 64),
        device_serial_number=plain_text(record.weights_sha256[:64] or "0", 64),
        content_description=plain_text(NOT_FOR_DIAGNOSTIC_USE, 64),
        content_label="SALIENCY" if not binary else "REGIONS",
        series_description=plain_text(f"{name}: {record.description}", 64),
        pixel_measures=PixelMeasuresSequence(
            pixel_spacing=first.spacing, slice_thickness=step, spacing_between_slices=step
        ),
        plane_orientation=PlaneOrientationSequence("PATIENT", [float(x) for x in first.orientation.ravel()]),
        plane_positions=[PlanePositionSequence("PATIENT", [float(x) for x in f.position]) for f in frames],
    )
    made.ImageComments = NOT_FOR_DIAGNOSTIC_USE
    return made


def _images(source: DicomSource, planes: slice) -> list[Dataset]:
    """The source images as highdicom takes them: a header a plane, or the one header of a multi-frame file."""
    chosen: list[Dataset] = []
    for frame in source.frames[planes]:
        if frame.multiframe:
            if not chosen:
                chosen.append(pydicom.dcmread(frame.path, stop_before_pixels=True))
            continue
        chosen.append(duplicate(frame.header))
    for image in chosen:
        inherit_identity(image, source)  # highdicom takes what is there, and fails at what is not
    return chosen


def _description(number: int, label: str, record: DerivationRecord) -> Any:
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.seg import SegmentDescription
    from highdicom.sr import CodedConcept

    return SegmentDescription(
        segment_number=number,
        segment_label=plain_text(label, 64),
        segmented_property_category=CodedConcept(*_CATEGORY),
        segmented_property_type=CodedConcept(*_TYPE),
        algorithm_type="AUTOMATIC",
        algorithm_identification=AlgorithmIdentificationSequence(
            name=plain_text(record.model or NAME, 64),
            family=CodedConcept(*_FAMILY),
            version=plain_text(record.version or "0", 64),
        ),
    )
