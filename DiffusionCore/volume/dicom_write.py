"""A `Volume` as a derived DICOM series: classic single-frame CT or MR images that say where they come from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage
from pydicom.valuerep import format_number_as_ds

from ..errors import OutputError, UsageError
from .atomic import atomic_folder
from .dicom_attributes import ACQUISITION, LOSSY, SERIES, WINDOW, copy_attributes, duplicate
from .dicom_derivation import (
    DerivationRecord,
    describe_derivation,
    name_scanner,
    plain_text,
    record_of,
    source_references,
)
from .dicom_encode import Encoding, encoding_for, percentile_window, put_pixels, put_rescale, put_window
from .dicom_frames import Frame
from .dicom_header import quiet_pydicom, save_file, whole
from .dicom_identity import derived_uid, fingerprint, inherit_identity, new_identity, voxel_digest
from .dicom_source import DicomSource, Match, match_slices, plane_geometry
from .volume import Volume

_CLASSES = {"CT": CTImageStorage, "MR": MRImageStorage}
# Attributes that must be there, empty if unknown (type 2 of C.7.3.1, C.8.2.1, C.8.3.1).
_MAY_BE_EMPTY = {
    "CT": ("PatientPosition", "AcquisitionNumber", "KVP"),
    "MR": ("PatientPosition", "ScanOptions", "MRAcquisitionType", "RepetitionTime", "EchoTime", "EchoTrainLength"),
}
_IN_PLANE_SHEAR = 1e-4


def write_dicom_series(
    volume: Volume,
    folder: str | os.PathLike[str],
    *,
    derivation: DerivationRecord | None = None,
    source: DicomSource | None = None,
    synthetic: bool = False,
    overwrite: bool = False,
    series_number_offset: int = 1000,
    keep_private: bool = False,
    when: datetime | None = None,
) -> Path:
    """Write `volume` (CT or MR) into a new folder as one derived series, a file per slice; gives the folder.

    derivation  what was done; without it `volume.meta["derivation"]` (a record, or a sentence with `model_sha256`
                beside it), else that values were rewritten
    source      the DICOM images it comes from; without it those that `volume` was read from. Patient, study, frame of
                reference and acquisition are theirs. Without either (NIfTI) patient and study are new and anonymous
    synthetic   the volume shows no person: it never inherits an identity, and SyntheticData is YES
    keep_private  copy private attributes from the source files (single-frame ones); by default they are dropped
    when        the time of processing; by default no time is written, so that the same input gives the same bytes

    Each slice keeps the place of its own in the patient, on the source's grid to the last digit of the source's header.
    Voxels become 16-bit: CT whole HU, MR whole values or, if they are none, 65536 steps with a rescale slope.
    UIDs are made from source, derivation, grid and voxels: the same result written twice is the same series.

    Raises `OutputError` if the volume is not CT or MR, its rows and columns are not perpendicular, it holds NaN, or the
    folder cannot be written; `UsageError` if a synthetic volume is given a source.
    """
    if synthetic and source is not None:
        raise UsageError("a synthetic volume shows no person: it cannot take the identity of a DICOM source")
    if volume.modality not in _CLASSES:
        raise OutputError(
            f"DICOM series are written for CT and MR, and this volume is {volume.modality}; write .nrrd or .nii.gz"
        )
    refuse_skewed_planes(volume)
    record = derivation or record_of(volume.meta)
    origin = None if synthetic else source or volume.meta.get("dicom")
    with quiet_pydicom():
        encoding = encoding_for(volume)
        mark = fingerprint(volume, record, origin, f"{synthetic} {series_number_offset} {keep_private} {when}")
        matches = match_slices(origin, volume.shape, volume.ijk_to_ras) if origin is not None else None
        common = _common(volume, record, origin, mark, synthetic, series_number_offset, encoding, when)
        numbers = _instance_numbers(matches, volume.shape[0])
        with atomic_folder(folder, overwrite=overwrite) as temporary:
            for k in range(volume.shape[0]):
                image = duplicate(common)
                image.SOPInstanceUID = derived_uid("instance", mark, k)
                image.InstanceNumber = str(numbers[k])
                match = matches[k] if matches is not None else None
                _place(image, volume, k, match, origin)
                if match is not None:
                    _acquisition(image, match, volume.modality)
                    image.SourceImageSequence = source_references([match.frame], match.same_grid)
                    if keep_private and not match.frame.multiframe:
                        _copy_private(match.frame, image)
                elif origin is not None:
                    _acquisition(image, Match(origin.frames[0], False), volume.modality)
                    image.SourceImageSequence = source_references(origin.frames, False)
                _complete(image, volume.modality)
                put_pixels(
                    image,
                    volume.voxels[k],
                    encoding,
                    padding=volume.meta.get("pixel_padding"),
                    photometric=volume.meta.get("photometric", "MONOCHROME2"),
                )
                _save(image, temporary / f"{k + 1:05d}.dcm")
    return Path(folder)


def refuse_skewed_planes(volume: Volume) -> None:
    """Raise `OutputError` if no DICOM image could hold a slice: rows and columns not perpendicular, or too long."""
    axes = plane_geometry(volume.ijk_to_ras, 0)[1]
    if abs(axes[0] @ axes[1]) > _IN_PLANE_SHEAR or max(volume.shape[1:]) > np.iinfo(np.uint16).max:
        raise OutputError("rows and columns are not perpendicular, or too long, for DICOM; write .nrrd instead")


def _common(
    volume: Volume,
    record: DerivationRecord,
    origin: DicomSource | None,
    mark: str,
    synthetic: bool,
    offset: int,
    encoding: Encoding,
    when: datetime | None,
) -> Dataset:
    """What all slices say alike."""
    image = Dataset()
    image.SOPClassUID = _CLASSES[volume.modality]
    image.Modality = volume.modality
    image.SeriesInstanceUID = derived_uid("series", mark)
    describe_derivation(image, record, synthetic, when)
    described, number = "", 0
    if origin is not None:
        inherit_identity(image, origin)
        name_scanner(image, origin.header)
        described = str(origin.header.get("SeriesDescription") or "")
        number = whole(origin.header, "SeriesNumber", 0)
    else:
        new_identity(image, record.source_sha256 or voxel_digest(volume), synthetic)
    suffix = plain_text(record.suffix, 32)
    image.SeriesDescription = f"{described[: 63 - len(suffix)]} {suffix}".strip()
    image.SeriesNumber = str(min(number + offset, 2**31 - 1))
    image.BurnedInAnnotation = "NO"
    image.ImageType = ["DERIVED", "SECONDARY", "AXIAL" if volume.modality == "CT" else "OTHER"]
    put_rescale(image, encoding, volume.modality)
    put_window(image, *percentile_window(volume))
    if when is not None:
        for kind in ("InstanceCreation", "Series", "Content"):
            setattr(image, f"{kind}Date", when.strftime("%Y%m%d"))
            setattr(image, f"{kind}Time", when.strftime("%H%M%S"))
    return image


def _place(image: Dataset, volume: Volume, k: int, match: Match | None, origin: DicomSource | None) -> None:
    """Image Plane (C.7.6.2): the source's own numbers on its grid, computed from the matrix elsewhere."""
    place, axes, spacing = plane_geometry(volume.ijk_to_ras, k)
    step = abs(float(volume.ijk_to_ras[:3, 2] @ (np.cross(*axes) * [-1, -1, 1])))
    if match is not None and match.same_grid:
        copy_attributes(match.frame.header, image, ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"))
        place = match.frame.position
    else:
        image.ImagePositionPatient = _decimals(place)
        image.ImageOrientationPatient = _decimals(axes.ravel())
        image.PixelSpacing = _decimals(spacing)
    image.SliceLocation = format_number_as_ds(float(place @ np.cross(*axes)))
    image.SpacingBetweenSlices = image.SliceThickness = format_number_as_ds(step)
    if match is not None and origin is not None and _same_thickness(step, origin):
        copy_attributes(match.frame.header, image, ("SliceThickness",))


def _same_thickness(step: float, origin: DicomSource) -> bool:
    own = abs(float(np.diff(origin.positions[:2] @ origin.frames[0].normal)[0])) if len(origin.frames) > 1 else step
    return abs(step - own) <= 0.01 * own


def _acquisition(image: Dataset, match: Match, modality: str) -> None:
    """What a slice takes from the source image at its place."""
    header = match.frame.header
    copy_attributes(header, image, SERIES)
    copy_attributes(header, image, [k for k in (*LOSSY, "BurnedInAnnotation") if _filled(header, k)])
    if header.get("Modality") == modality:
        copy_attributes(header, image, ACQUISITION[modality])
        image.ImageType = ["DERIVED", "SECONDARY", *_flavour(header, modality)]
        if _filled(header, "WindowCenter") and _filled(header, "WindowWidth"):
            image.pop("VOILUTFunction", None)
            copy_attributes(header, image, WINDOW)
    if not match.same_grid and "ReconstructionDiameter" in image:
        del image.ReconstructionDiameter


def _filled(header: Dataset, keyword: str) -> bool:
    return header.get(keyword) not in (None, "")


def _flavour(header: Dataset, modality: str) -> list[str]:
    """Image Type from value 3 on (C.8.2.1.1.1, C.8.3.1.1.1)."""
    values = [str(v) for v in header.get("ImageType") or ()][2:]
    if modality == "CT":
        return ["AXIAL", *values[1:]]
    return values or ["OTHER"]


def _complete(image: Dataset, modality: str) -> None:
    for keyword in _MAY_BE_EMPTY[modality]:
        if keyword not in image:
            setattr(image, keyword, "")
    if "BodyPartExamined" not in image and "ImageLaterality" not in image and "Laterality" not in image:
        image.Laterality = ""  # type 2C: the body part might be a paired one
    if modality == "MR":
        # Type 1 with no term for "unknown": Research Mode is the one that claims nothing about the sequence.
        for keyword, unknown in (("ScanningSequence", "RM"), ("SequenceVariant", "NONE")):
            if not image.get(keyword):
                setattr(image, keyword, unknown)


def _instance_numbers(matches: Sequence[Match] | None, count: int) -> list[int]:
    """The source's where every slice has a different one (viewers scroll by it), else 1, 2, …"""
    known = {0 if m.frame.multiframe else whole(m.frame.header, "InstanceNumber", 0): m for m in matches or ()}
    return list(known) if len(known) == count and 0 not in known else list(range(1, count + 1))


def _copy_private(frame: Frame, image: Dataset) -> None:
    for element in pydicom.dcmread(frame.path, stop_before_pixels=True, force=True):
        if element.tag.is_private:
            image[element.tag] = element


def _decimals(numbers: Sequence[float] | np.ndarray) -> list[str]:
    return [format_number_as_ds(float(x)) for x in numbers]


def _save(image: Dataset, path: Path) -> None:
    image.file_meta = FileMetaDataset()
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    save_file(image, path)
