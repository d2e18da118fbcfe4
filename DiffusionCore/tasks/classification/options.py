"""What a person may ask of `classify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from ..options import INPUT, MAX_SEED, OUTPUT, MachineOptions, Options


class ClassifyOptions(MachineOptions):
    """How to classify a scan, or the structure in a label map. What is not given is as the model's card says."""

    model: Annotated[str | None, Field(description="name or folder; default: the one that takes such input")] = None
    modality: Annotated[
        Literal["CT", "MR", "LABEL"] | None, Field(description="if it cannot be told from the input")
    ] = None
    label: Annotated[int | None, Field(ge=1, description="which label of a label map, if it holds several")] = None
    samples: Annotated[
        int | None, Field(ge=1, le=1000, description="samples drawn: how much sampling moves the answer")
    ] = None
    steps: Annotated[int | None, Field(ge=1, le=1000, description="sampling steps")] = None
    seed: Annotated[int, Field(ge=0, le=MAX_SEED, description="same seed, same result")] = 0
    force: Annotated[bool, Field(description="answer even where the input is not what the model was made for")] = False


class ClassifyFileOptions(Options):
    """Which part of the input is meant, and what is written. All but `report` and `csv` take a single scan."""

    series: Annotated[str | None, Field(description="DICOM series: number or UID", json_schema_extra=INPUT)] = None
    frame: Annotated[int | None, Field(ge=0, description="volume of a 4D file, from 0", json_schema_extra=INPUT)] = None
    roi: Annotated[
        str | None,
        Field(
            pattern=r"^\d*:\d*,\d*:\d*,\d*:\d*$",
            description="what to classify, voxels i0:i1,j0:j1,k0:k1; else one field is taken whole, and a larger "
            "grey-value scan is searched",
            json_schema_extra=INPUT,
        ),
    ] = None
    contour: Annotated[
        Path | None,
        Field(
            description="label map of where the finding is: the report says whether the model looked there",
            json_schema_extra=INPUT,
        ),
    ] = None
    saliency: Annotated[
        Path | None, Field(description="write where the evidence lies, on the scan's grid", json_schema_extra=OUTPUT)
    ] = None
    regions: Annotated[
        Path | None,
        Field(description="write the regions looked at as Slicer markups (.mrk.json)", json_schema_extra=OUTPUT),
    ] = None
    segmentation: Annotated[
        Path | None,
        Field(description="folder for both as DICOM segmentations; needs highdicom", json_schema_extra=OUTPUT),
    ] = None
    map: Annotated[
        Path | None, Field(description="write the probability map of a searched scan", json_schema_extra=OUTPUT)
    ] = None
    figure: Annotated[
        Path | None, Field(description="probabilities and saliency (.png .pdf .svg .jpg)", json_schema_extra=OUTPUT)
    ] = None
    report: Annotated[
        Path | None, Field(description="write the answer and its provenance (.json)", json_schema_extra=OUTPUT)
    ] = None
    csv: Annotated[Path | None, Field(description="write a row for each scan (.csv)", json_schema_extra=OUTPUT)] = None
    overwrite: Annotated[bool, Field(description="replace files that exist", json_schema_extra=OUTPUT)] = False

    def outputs(self) -> dict[str, Path]:
        """What is to be written."""
        names = ("saliency", "regions", "segmentation", "map", "figure", "report", "csv")
        return {name: path for name in names if (path := getattr(self, name)) is not None}
