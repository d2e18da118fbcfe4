"""One image plane of a DICOM series, whatever object it came in: classic, enhanced or legacy multi-frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless
from pydicom.valuerep import format_number_as_ds

from ..errors import InputError
from .dicom_attributes import duplicate, header_tags
from .dicom_header import number, read_header, whole
from .dicom_scan import frame_count

# Functional group -> {its attribute: the attribute of a classic image that says the same}
# (PS3.3 C.7.6.16.2, C.8.13.5, C.8.15.3).
_FUNCTIONAL_GROUPS: dict[str, dict[str, str]] = {
    "PlanePositionSequence": {"ImagePositionPatient": "ImagePositionPatient"},
    "PlaneOrientationSequence": {"ImageOrientationPatient": "ImageOrientationPatient"},
    "PixelMeasuresSequence": {k: k for k in ("PixelSpacing", "SliceThickness", "SpacingBetweenSlices")},
    "PixelValueTransformationSequence": {k: k for k in ("RescaleSlope", "RescaleIntercept", "RescaleType")},
    "FrameVOILUTSequence": {
        k: k for k in ("WindowCenter", "WindowWidth", "WindowCenterWidthExplanation", "VOILUTFunction")
    },
    "FrameContentSequence": {
        **{k: k for k in ("StackID", "InStackPositionNumber", "TemporalPositionIndex", "DimensionIndexValues")},
        "FrameAcquisitionNumber": "AcquisitionNumber",
    },
    "FrameAnatomySequence": {"AnatomicRegionSequence": "AnatomicRegionSequence"},
    "CTImageFrameTypeSequence": {"FrameType": "ImageType"},
    "MRImageFrameTypeSequence": {"FrameType": "ImageType"},
    "CTXRayDetailsSequence": {"KVP": "KVP", "FilterType": "FilterType"},
    "CTExposureSequence": {
        "ExposureTimeInms": "ExposureTime",
        "XRayTubeCurrentInmA": "XRayTubeCurrent",
        "ExposureInmAs": "Exposure",
        "CTDIvol": "CTDIvol",
    },
    "CTReconstructionSequence": {k: k for k in ("ConvolutionKernel", "ReconstructionDiameter")},
    "CTAcquisitionDetailsSequence": {k: k for k in ("GantryDetectorTilt", "TableHeight", "RotationDirection")},
    "MREchoSequence": {"EffectiveEchoTime": "EchoTime"},
    "MRTimingAndRelatedParametersSequence": {
        "RepetitionTime": "RepetitionTime",
        "FlipAngle": "FlipAngle",
        "RFEchoTrainLength": "EchoTrainLength",
    },
    "MRModifierSequence": {"InversionTimes": "InversionTime"},
    "MRImagingModifierSequence": {"TransmitterFrequency": "ImagingFrequency", "PixelBandwidth": "PixelBandwidth"},
    "MRAveragesSequence": {"NumberOfAverages": "NumberOfAverages"},
    "MRDiffusionSequence": {"DiffusionBValue": "DiffusionBValue"},
}

# How far rounded direction cosines may be from unit length and from perpendicular.
_ROUNDED_LENGTH, _ROUNDED_COSINE = 1e-2, 1e-3
_LOSSY_SYNTAXES = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless)


@dataclass(frozen=True, eq=False)
class Frame:
    """One plane: `header` describes it as a classic single-frame image would, without pixels or private attributes.

    index        0-based frame in the file `path`
    multiframe   whether the file holds frames by number (a reference to this plane must then name the frame)
    position     (3,) mm, LPS: the centre of the first pixel (ImagePositionPatient)
    orientation  (2, 3) unit vectors, LPS: towards the next column (i), towards the next row (j)
    spacing      mm between rows (j), between columns (i)
    """

    path: Path
    index: int
    multiframe: bool
    header: Dataset
    position: np.ndarray
    orientation: np.ndarray
    spacing: tuple[float, float]

    @property
    def shape(self) -> tuple[int, int]:
        """(J, I): rows, columns."""
        return whole(self.header, "Rows", 0), whole(self.header, "Columns", 0)

    @property
    def normal(self) -> np.ndarray:
        """(3,) unit vector, LPS, perpendicular to the plane: along (i) × along (j)."""
        return np.cross(self.orientation[0], self.orientation[1])


def read_frames(paths: Sequence[Path]) -> list[Frame]:
    """Every plane in the files, in the files' order; headers only.

    Raises `InputError` for colour images, segmentations, and planes whose place in the patient is not given.
    """
    tags = header_tags()
    frames: list[Frame] = []
    for path in paths:
        header = read_header(path, tags)
        if header is None:
            raise InputError(f"{path.name}: not a DICOM file")
        _check_pixels(header, path.name)
        if header.file_meta.get("TransferSyntaxUID") in _LOSSY_SYNTAXES and "LossyImageCompression" not in header:
            header.LossyImageCompression = "01"
        frames.extend(_frames_of(header, path))
    return frames


def _frames_of(header: Dataset, path: Path) -> list[Frame]:
    # Even an empty compressed frame takes 8 bytes: a header that promises more would only fill the memory.
    if frame_count(header) * 8 > path.stat().st_size:
        raise InputError(f"{path.name}: damaged multi-frame image; too small for its {frame_count(header)} frames")
    if "PerFrameFunctionalGroupsSequence" in header or "SharedFunctionalGroupsSequence" in header:
        return [_frame(path, n, True, plane) for n, plane in enumerate(_enhanced_planes(header, path.name))]
    if frame_count(header) > 1:
        return [_frame(path, n, True, plane) for n, plane in enumerate(_legacy_planes(header, path.name))]
    return [_frame(path, 0, "NumberOfFrames" in header, header)]


def _enhanced_planes(header: Dataset, name: str) -> list[Dataset]:
    """Each frame as a classic header: the common attributes, then the shared groups, then the frame's own."""
    common = Dataset()
    for element in header:
        if element.keyword not in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
            common[element.tag] = element
    for shared in header.get("SharedFunctionalGroupsSequence") or ():
        _flatten(shared, common)
    per_frame = header.get("PerFrameFunctionalGroupsSequence") or ()
    count = frame_count(header)
    if per_frame and len(per_frame) != count:
        raise InputError(f"{name}: damaged multi-frame image; {count} frames but {len(per_frame)} descriptions of them")
    planes = []
    for groups in per_frame or [Dataset()] * count:
        plane = duplicate(common)
        _flatten(groups, plane)
        planes.append(plane)
    return planes


def _flatten(groups: Dataset, plane: Dataset) -> None:
    """Put what the functional groups say into `plane` under the classic names."""
    for sequence, attributes in _FUNCTIONAL_GROUPS.items():
        for item in list(groups.get(sequence) or ())[:1]:
            for name, classic in attributes.items():
                if name in item and item[name].value not in (None, ""):
                    _set(plane, classic, item[name])
    # Legacy Converted Enhanced images keep what has no functional group as it was.
    for sequence in ("UnassignedSharedConvertedAttributesSequence", "UnassignedPerFrameConvertedAttributesSequence"):
        for item in groups.get(sequence) or ():
            plane.update(duplicate(item))


def _set(plane: Dataset, keyword: str, element: DataElement) -> None:
    vr = dictionary_VR(keyword)
    value: Any = element.value
    try:
        if vr != element.VR and vr in ("DS", "IS"):
            first = float(np.atleast_1d(np.asarray(value, dtype=float))[0])
            value = format_number_as_ds(first) if vr == "DS" else str(round(first))
        plane[keyword] = DataElement(keyword, vr, value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"damaged DICOM file; {element.keyword} cannot be understood") from error


def _legacy_planes(header: Dataset, name: str) -> list[Dataset]:
    """Frames without descriptions of their own: evenly spaced from the one place that is given (C.8.4.15 for NM)."""
    base = duplicate(header)
    for detector in list(header.get("DetectorInformationSequence") or ())[:1]:
        for keyword in ("ImagePositionPatient", "ImageOrientationPatient"):
            if keyword in detector and keyword not in base:
                base[keyword] = detector[keyword]
    first = _frame(Path(name), 0, True, base)
    step = number(header, "SpacingBetweenSlices") or number(header, "SliceThickness") or 0.0
    if step == 0.0:
        raise InputError(f"{name}: {frame_count(header)} frames without a place or a spacing for each")
    planes = []
    for n in range(frame_count(header)):
        plane = duplicate(base)
        place = first.position + n * step * first.normal
        plane.ImagePositionPatient = [format_number_as_ds(float(x)) for x in place]
        planes.append(plane)
    return planes


def _frame(path: Path, index: int, multiframe: bool, header: Dataset) -> Frame:
    def numbers(keyword: str, count: int) -> np.ndarray:
        try:
            values = np.asarray(header.get(keyword), dtype=np.float64).ravel()
        except (TypeError, ValueError):
            values = np.empty(0)
        if values.shape != (count,) or not np.all(np.isfinite(values)):
            raise InputError(
                f"{path.name}: {keyword} is missing or not {count} numbers; "
                "the place of this image in the patient is unknown, so it cannot be part of a volume"
            )
        return values

    position = numbers("ImagePositionPatient", 3)
    axes = numbers("ImageOrientationPatient", 6).reshape(2, 3)
    spacing = numbers("PixelSpacing", 2)
    if spacing.min() <= 0:
        raise InputError(f"{path.name}: PixelSpacing is {spacing[0]:g}×{spacing[1]:g} mm; it must be above zero")
    lengths = np.linalg.norm(axes, axis=1)
    if np.any(np.abs(lengths - 1) > _ROUNDED_LENGTH) or abs(axes[0] @ axes[1]) > _ROUNDED_COSINE:
        raise InputError(f"{path.name}: ImageOrientationPatient is not two perpendicular unit vectors")
    row = axes[0] / lengths[0]
    column = axes[1] - (axes[1] @ row) * row  # what rounding left is no shear
    axes = np.array([row, column / np.linalg.norm(column)])
    return Frame(path, index, multiframe, header, position, axes, (float(spacing[0]), float(spacing[1])))


def _check_pixels(header: Dataset, name: str) -> None:
    kind = str(header.get("PhotometricInterpretation") or "MONOCHROME2")
    if whole(header, "SamplesPerPixel", 1) != 1 or not kind.startswith("MONOCHROME"):
        raise InputError(f"{name}: a colour image ({kind}); only images of one value per pixel can be worked on")
    if header.get("BitsAllocated") == 1 or header.get("Modality") in ("SEG", "RTDOSE"):
        raise InputError(f"{name}: {header.get('Modality', 'a mask')}, not a scan of a patient")
    allocated = whole(header, "BitsAllocated", 16)
    bits = whole(header, "BitsStored", allocated)
    if allocated not in (8, 16, 32, 64) or not 1 <= bits <= allocated:
        raise InputError(f"{name}: damaged DICOM file; {bits} bits of {allocated} cannot be a pixel")
    if whole(header, "HighBit", bits - 1) > bits - 1:
        raise InputError(
            f"{name}: values begin above the lowest bit (HighBit {header.HighBit}), which is not supported"
        )
    if "ModalityLUTSequence" in header:
        raise InputError(f"{name}: stored values are mapped by a table (ModalityLUTSequence), which is not supported")
