"""How a derived DICOM image says what was done, by what, and from which images."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from pydicom.dataset import Dataset

from ..errors import UsageError
from .dicom_attributes import EQUIPMENT, copy_attributes
from .dicom_frames import Frame

NAME = "DiffusionCore"
NOT_FOR_DIAGNOSTIC_USE = "NOT FOR DIAGNOSTIC USE"

Code = tuple[str, str, str]

# PS3.16 CID 7203 Image Derivation has no code for noise reduction: Smoothing is the nearest. The group is extensible;
# Artificial Intelligence is of CID 7162.
_ARTIFICIAL_INTELLIGENCE = ("123110", "DCM", "Artificial Intelligence")
_DERIVATIONS: dict[str, tuple[Code, ...]] = {
    "enhance": (("113087", "DCM", "Smoothing"), _ARTIFICIAL_INTELLIGENCE),
    "super_resolve": (("113085", "DCM", "Spatial resampling"), _ARTIFICIAL_INTELLIGENCE),
    "synthesize": (),
    "convert": (),
}
_SOURCE_IMAGE = ("121322", "DCM", "Source image for image processing operation")  # CID 7202
_ACQUISITION_EQUIPMENT = ("109101", "DCM", "Acquisition Equipment")  # CID 7005
_PROCESSING_EQUIPMENT = ("109102", "DCM", "Processing Equipment")
_SYNTHESIZING_EQUIPMENT = ("109100", "DCM", "Synthesizing Equipment")


@dataclass(frozen=True)
class DerivationRecord:
    """What was done to a volume; goes into the images, and into their UIDs.

    task            "enhance", "super_resolve", "synthesize" or "convert"
    description     one sentence for a person, e.g. "noise reduced by diffusion, strength 0.8"
    model, version  the model's name; this software's version
    weights_sha256  of the model's weights
    parameters      seed, steps, sigma and whatever else decides the result (numbers and strings)
    source_sha256   of the input file, where that is not DICOM: its study and patient number are made from it
    suffix          added to the series description

    Raises `UsageError` for another task.
    """

    task: str = "convert"
    description: str = ""
    model: str = ""
    version: str = ""
    weights_sha256: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    source_sha256: str = ""
    suffix: str = "derived"

    def __post_init__(self) -> None:
        if self.task not in _DERIVATIONS:
            raise UsageError(f"a derivation's task is one of {', '.join(_DERIVATIONS)}, got {self.task!r}")

    def canonical(self) -> str:
        """The same text for the same record, whatever the order of its parameters."""
        return json.dumps({**asdict(self), "parameters": dict(self.parameters)}, sort_keys=True, default=str)

    def sentence(self) -> str:
        """What DerivationDescription holds (at most 1024 characters)."""
        parts = [self.description or ("values unchanged" if self.task == "convert" else self.task.replace("_", " "))]
        if self.model:
            parts.append(f"model {self.model}")
        if self.weights_sha256:
            parts.append(f"weights sha256 {self.weights_sha256}")
        parts += [f"{key}={value}" for key, value in sorted(self.parameters.items())]
        return plain_text("; ".join(parts), 1024)


def record_of(meta: Mapping[str, Any]) -> DerivationRecord:
    """What a volume's `meta` says was done to it: the record, or the sentence of an enhancement, in `derivation`."""
    made = meta.get("derivation")
    if isinstance(made, DerivationRecord):
        return made
    if not made:
        return DerivationRecord()
    weights = str(meta.get("model_sha256") or "")
    return DerivationRecord("enhance", str(made), weights_sha256=weights, suffix="enhanced")


def describe_derivation(image: Dataset, record: DerivationRecord, synthetic: bool, when: datetime | None) -> None:
    """Put into `image` what was done and by what (PS3.3 C.7.6.1, C.7.5.1, C.12.1.1.5)."""
    image.DerivationDescription = record.sentence()
    if _DERIVATIONS[record.task] and not synthetic:
        image.DerivationCodeSequence = [_code(code) for code in _DERIVATIONS[record.task]]
    image.ImageComments = NOT_FOR_DIAGNOSTIC_USE
    image.Manufacturer = NAME
    image.ManufacturerModelName = plain_text(record.model or NAME, 64)
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [_code(_SYNTHESIZING_EQUIPMENT if synthetic else _PROCESSING_EQUIPMENT)]
    item.Manufacturer = NAME
    item.ManufacturerModelName = image.ManufacturerModelName
    if record.version:
        image.SoftwareVersions = item.SoftwareVersions = plain_text(record.version, 64)
    if when is not None:
        item.ContributionDateTime = when.strftime("%Y%m%d%H%M%S")
    item.ContributionDescription = record.sentence()
    image.ContributingEquipmentSequence = [item]


def name_scanner(image: Dataset, source: Dataset) -> None:
    """Add the scanner (and whoever else contributed to the source) to the contributors of `image`.

    C.12.1.1.5 asks a post-processing application to place itself in the Equipment Module and the acquisition equipment
    here.
    """
    earlier = list(source.get("ContributingEquipmentSequence") or ())
    if any(keyword in source for keyword in EQUIPMENT):
        scanner = Dataset()
        scanner.PurposeOfReferenceCodeSequence = [_code(_ACQUISITION_EQUIPMENT)]
        copy_attributes(source, scanner, EQUIPMENT)
        if not scanner.get("Manufacturer"):
            scanner.Manufacturer = "unknown"  # may not be empty here (type 1)
        earlier.append(scanner)
    image.ContributingEquipmentSequence = [*earlier, *image.ContributingEquipmentSequence]
    copy_attributes(source, image, ("InstitutionName", "InstitutionAddress"))


def source_references(frames: Sequence[Frame], same_grid: bool) -> list[Dataset]:
    """SourceImageSequence (C.12.4.1.2): one item per source instance, with frame numbers for multi-frame ones."""
    instances: dict[str, list[Frame]] = {}
    for frame in frames:
        instances.setdefault(str(frame.header.get("SOPInstanceUID", "")), []).append(frame)
    items = []
    for uid, planes in instances.items():
        item = Dataset()
        item.ReferencedSOPClassUID = planes[0].header.get("SOPClassUID", "")
        item.ReferencedSOPInstanceUID = uid
        if planes[0].multiframe:
            item.ReferencedFrameNumber = [plane.index + 1 for plane in planes]
        item.SpatialLocationsPreserved = "YES" if same_grid else "NO"
        item.PurposeOfReferenceCodeSequence = [_code(_SOURCE_IMAGE)]
        items.append(item)
    return items


def plain_text(text: str, length: int) -> str:
    """`text` in what every DICOM character set holds: ASCII without control characters or backslashes; cut."""
    ascii_only = text.encode("ascii", "replace").decode()
    return "".join(c if c.isprintable() and c != "\\" else " " for c in ascii_only)[:length].strip()


def _code(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code
    return item
