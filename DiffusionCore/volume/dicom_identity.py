"""Whose a derived series is, and its UIDs: the same input, processing and result give the same UIDs.

A resend is then idempotent: an archive that has the images already recognises them.
"""

from __future__ import annotations

import hashlib

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import UID, generate_uid

from .dicom_attributes import FRAME_OF_REFERENCE, PATIENT, STUDY, copy_attributes
from .dicom_derivation import DerivationRecord
from .dicom_source import DicomSource
from .volume import Volume

# Attributes that must be there, empty if unknown (type 2 of C.7.1.1 and C.7.2.1).
_MAY_BE_EMPTY = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID"),
    *("AccessionNumber", "ReferringPhysicianName", "PositionReferenceIndicator"),
)


def fingerprint(volume: Volume, record: DerivationRecord, source: DicomSource | None, options: str) -> str:
    """A hash (hex) of all that makes the series what it is: source images, processing, grid and voxels."""
    made = hashlib.sha256()
    for frame in source.frames if source is not None else ():
        header = frame.header
        made.update(f"{header.get('SeriesInstanceUID')} {header.get('SOPInstanceUID')} {frame.index}\n".encode())
    made.update(record.canonical().encode())
    made.update(options.encode())
    made.update(f"{volume.shape} {volume.voxels.dtype.str} {volume.modality}".encode())
    made.update(np.ascontiguousarray(volume.ijk_to_ras, dtype="<f8"))
    made.update(voxel_digest(volume).encode())
    return made.hexdigest()


def voxel_digest(volume: Volume) -> str:
    """SHA-256 (hex) of the voxels' bytes, slice by slice."""
    made = hashlib.sha256()
    for plane in volume.voxels:
        made.update(np.ascontiguousarray(plane))
    return made.hexdigest()


def derived_uid(*parts: object) -> UID:
    """The UID that belongs to `parts`: always the same for the same ones."""
    return generate_uid(entropy_srcs=[NAMESPACE, *(f"/{part}" for part in parts)])


NAMESPACE = "DiffusionCore derived series 1"


def inherit_identity(image: Dataset, source: DicomSource) -> None:
    """Patient, study and frame of reference of the source; what it lacks is made from its own UIDs."""
    header = source.header
    for keyword in _MAY_BE_EMPTY:
        setattr(image, keyword, "")
    copy_attributes(header, image, (*PATIENT, *STUDY, *FRAME_OF_REFERENCE))
    removed = image.get("PatientIdentityRemoved") == "YES"
    if removed and not (image.get("DeidentificationMethod") or image.get("DeidentificationMethodCodeSequence")):
        image.DeidentificationMethod = "Not stated by the source"
    series = header.get("SeriesInstanceUID", "")
    if not image.get("StudyInstanceUID"):
        image.StudyInstanceUID = derived_uid("study", series)
    if not image.get("FrameOfReferenceUID"):
        image.FrameOfReferenceUID = derived_uid("frame of reference", series)


def new_identity(image: Dataset, origin: str, synthetic: bool) -> None:
    """A patient and study of nobody, numbered by the hash `origin`, marked as anonymous or as synthetic."""
    for keyword in _MAY_BE_EMPTY:
        setattr(image, keyword, "")
    image.SpecificCharacterSet = "ISO_IR 192"
    number = origin[:12].upper()
    image.PatientName = "SYNTHETIC^PATIENT" if synthetic else "ANONYMOUS^PATIENT"
    image.PatientID = f"{'SYNTH' if synthetic else 'ANON'}-{number}"
    image.StudyID = number
    image.PatientIdentityRemoved = "YES"
    image.DeidentificationMethod = (
        "Synthetic image: shows no person" if synthetic else "The source file held no patient identity"
    )
    image.StudyDescription = "Synthetic images" if synthetic else "Images without a known patient"
    image.StudyInstanceUID = derived_uid("study", origin)
    image.FrameOfReferenceUID = derived_uid("frame of reference", origin)
    if synthetic:
        image.SyntheticData = "YES"
