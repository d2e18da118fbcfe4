"""Small DICOM series to read in tests: classic, enhanced and legacy multi-frame, at any place in the patient."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
    generate_uid,
)
from pydicom.valuerep import format_number_as_ds

CLASSES = {"CT": CTImageStorage, "MR": MRImageStorage, "PT": PositronEmissionTomographyImageStorage}
ENHANCED = {"CT": EnhancedCTImageStorage, "MR": EnhancedMRImageStorage}


def rotation(*degrees: float) -> np.ndarray:
    """(3, 3) rotation by angles about x, then y, then z."""
    a, b, c = np.radians(degrees)
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return z @ y @ x


def lps_matrix(
    spacing: tuple[float, float, float] = (2.5, 0.75, 0.5),
    origin: tuple[float, float, float] = (-20.0, -30.0, 40.0),
    turn: np.ndarray | None = None,
    tilt: float = 0.0,
) -> np.ndarray:
    """(4, 4) ijk to LPS mm: spacing along (k, j, i); `tilt` degrees shift each slice along j, as a gantry does."""
    matrix = np.eye(4)
    turn = np.eye(3) if turn is None else turn
    matrix[:3, 0] = turn[:, 0] * spacing[2]
    matrix[:3, 1] = turn[:, 1] * spacing[1]
    matrix[:3, 2] = (turn[:, 2] + np.tan(np.radians(tilt)) * turn[:, 1]) * spacing[0]
    matrix[:3, 3] = origin
    return matrix


def ras(matrix: np.ndarray) -> np.ndarray:
    """The same matrix in RAS."""
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ matrix


def decimals(numbers: np.ndarray) -> list[str]:
    return [format_number_as_ds(float(x)) for x in np.ravel(numbers)]


def series(
    folder: Path,
    stored: np.ndarray,
    matrix: np.ndarray,
    modality: str = "CT",
    uid: str = "1",
    number: int = 3,
    change: Callable[[Dataset, int], None] = lambda image, k: None,
) -> list[Path]:
    """Write classic images of `stored` (K, J, I) int16 or uint16; `change(image, k)` may alter each before that.

    Files are named so that their order by name is not their order in space.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for k, plane in enumerate(stored):
        image = header(modality, uid, number)
        image.SOPClassUID = CLASSES[modality]
        image.SOPInstanceUID = generate_uid(entropy_srcs=["test instance", uid, str(k)])
        image.InstanceNumber = str(len(stored) - k)
        put_place(image, matrix, k)
        if modality != "MR":
            image.RescaleSlope, image.RescaleIntercept = "1", "-1024"
        put_pixels(image, plane)
        change(image, k)
        path = folder / f"{(7 * k) % 101:03d}_{number}.dcm"
        save(image, path)
        paths.append(path)
    return paths


def enhanced(
    path: Path, volumes: list[np.ndarray], matrix: np.ndarray, modality: str = "MR", echo_times: tuple[float, ...] = ()
) -> None:
    """Write one enhanced multi-frame file of volumes (K, J, I) at the same place, their frames interleaved."""
    image = header(modality, "enhanced", 5)
    image.SOPClassUID = ENHANCED[modality]
    image.SOPInstanceUID = generate_uid(entropy_srcs=["test enhanced"])
    image.InstanceNumber = "1"
    image.NumberOfFrames = str(sum(map(len, volumes)))
    frames, planes = [], []
    for k in reversed(range(len(volumes[0]))):
        for n, volume in enumerate(volumes):
            place = Dataset()
            put_place(place, matrix, k)
            frame = Dataset()
            frame.PlanePositionSequence = [subset(place, "ImagePositionPatient")]
            content = Dataset()
            content.StackID = "1"
            content.InStackPositionNumber = k + 1
            content.TemporalPositionIndex = n + 1
            content.DimensionIndexValues = [k + 1, n + 1]
            frame.FrameContentSequence = [content]
            if echo_times:
                echo = Dataset()
                echo.EffectiveEchoTime = echo_times[n]
                frame.MREchoSequence = [echo]
            frames.append(frame)
            planes.append(volume[k])
    shared = Dataset()
    shared.PlaneOrientationSequence = [subset(place, "ImageOrientationPatient")]
    shared.PixelMeasuresSequence = [subset(place, "PixelSpacing", "SliceThickness")]
    scale = Dataset()
    scale.RescaleSlope, scale.RescaleIntercept, scale.RescaleType = "2" if modality == "MR" else "1", "0", "US"
    shared.PixelValueTransformationSequence = [scale]
    if modality == "MR":
        timing = Dataset()
        timing.RepetitionTime, timing.FlipAngle = "500", "30"
        shared.MRTimingAndRelatedParametersSequence = [timing]
    image.SharedFunctionalGroupsSequence = [shared]
    image.PerFrameFunctionalGroupsSequence = frames
    put_pixels(image, np.stack(planes))
    save(image, path)


def header(modality: str, uid: str, number: int) -> Dataset:
    """Patient, study and series of an invented person."""
    image = Dataset()
    image.SpecificCharacterSet = "ISO_IR 100"
    image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"] if modality == "CT" else ["ORIGINAL", "PRIMARY", "OTHER"]
    image.Modality = modality
    image.PatientName = "Müller^Test"
    image.PatientID = "T-0001"
    image.PatientBirthDate = "19700101"
    image.PatientSex = "O"
    image.StudyInstanceUID = generate_uid(entropy_srcs=["test study"])
    image.StudyDate, image.StudyTime = "20200102", "101112"
    image.StudyID, image.AccessionNumber, image.ReferringPhysicianName = "S1", "A1", ""
    image.SeriesInstanceUID = generate_uid(entropy_srcs=["test series", uid])
    image.SeriesNumber = str(number)
    image.SeriesDescription = "Head 2.5"
    image.FrameOfReferenceUID = generate_uid(entropy_srcs=["test frame of reference"])
    image.PositionReferenceIndicator = ""
    image.Manufacturer, image.ManufacturerModelName = "Scanner Works", "One"
    image.BodyPartExamined = "HEAD"
    image.PatientPosition = "HFS"
    image.AcquisitionNumber = "1"
    if modality == "CT":
        image.KVP = "120"
        image.ConvolutionKernel = "SOFT"
        image.RescaleType = "HU"
    if modality == "MR":
        image.ScanningSequence, image.SequenceVariant, image.ScanOptions = "GR", "SP", ""
        image.MRAcquisitionType = "3D"
        image.RepetitionTime, image.EchoTime, image.EchoTrainLength = "10", "4", "1"
    if modality == "PT":
        image.Units = "BQML"
    block = image.private_block(0x0029, "TEST PRIVATE", create=True)
    block.add_new(0x10, "LO", "private value")
    return image


def put_place(image: Dataset, matrix: np.ndarray, k: int) -> None:
    lengths = np.linalg.norm(matrix[:3, :2], axis=0)
    image.ImagePositionPatient = decimals(matrix[:3, 3] + k * matrix[:3, 2])
    image.ImageOrientationPatient = decimals((matrix[:3, :2] / lengths).T)
    image.PixelSpacing = decimals(lengths[::-1])
    normal = np.cross(matrix[:3, 0], matrix[:3, 1]) / lengths.prod()
    image.SliceThickness = format_number_as_ds(abs(float(matrix[:3, 2] @ normal)))


def put_pixels(image: Dataset, stored: np.ndarray) -> None:
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.Rows, image.Columns = stored.shape[-2:]
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit = 15
    image.PixelRepresentation = int(stored.dtype.kind == "i")
    image.add_new("PixelData", "OW", np.ascontiguousarray(stored).astype(stored.dtype.newbyteorder("<")).tobytes())


def save(image: Dataset, path: Path) -> None:
    image.file_meta = FileMetaDataset()
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.save_as(path, enforce_file_format=True)


def subset(image: Dataset, *keywords: str) -> Dataset:
    part = Dataset()
    for keyword in keywords:
        part[keyword] = image[keyword]
    return part


def phantom(shape: tuple[int, int, int] = (5, 12, 10), seed: int = 7) -> np.ndarray:
    """(K, J, I) int16 stored values, no two slices, rows or columns alike, so that any flip or swap shows."""
    k, j, i = np.indices(shape)
    noise = np.random.default_rng(seed).integers(0, 5, shape)
    return (900 + 100 * k + 10 * j + i + noise).astype(np.int16)
