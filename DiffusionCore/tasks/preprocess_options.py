"""What a person may ask of `preprocess`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, field_validator

from ..errors import UsageError
from .options import INPUT, OUTPUT, Options

PATCHES, PICTURES = ({"group": name} for name in ("patches", "pictures"))
Millimetres = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Voxels = Annotated[int, Field(ge=1, le=65535)]


class PreprocessOptions(Options):
    """What to make of scans: patches, pictures, or without these scans again."""

    series: Annotated[str | None, Field(description="DICOM series: number or UID", json_schema_extra=INPUT)] = None
    frame: Annotated[int | None, Field(ge=0, description="volume of a 4D file, from 0", json_schema_extra=INPUT)] = None
    modality: Annotated[
        Literal["CT", "MR", "LABEL", "OTHER"] | None, Field(description="if it cannot be told from the scan")
    ] = None
    spacing: Annotated[
        tuple[Millimetres, ...] | None, Field(description="voxel size to resample to, mm: one number, or three i,j,k")
    ] = None
    patches: Annotated[
        tuple[Voxels, ...] | None,
        Field(
            description="cut into an HDF5 file for training: 64x64x64 (voxels i,j,k), or 64x64 of each slice",
            json_schema_extra=PATCHES,
        ),
    ] = None
    stride: Annotated[
        tuple[Voxels, ...] | None,
        Field(
            description="voxels from patch to patch, one number or as the size; default: the size",
            json_schema_extra=PATCHES,
        ),
    ] = None
    foreground: Annotated[
        float, Field(ge=0, le=1, description="least share of tissue in a patch", json_schema_extra=PATCHES)
    ] = 0.05
    slices: Annotated[
        Literal["png", "tiff", "gif"] | None,
        Field(description="a picture of every slice; gif: one film", json_schema_extra=PICTURES),
    ] = None
    axis: Annotated[
        Literal["axial", "coronal", "sagittal"], Field(description="plane of the slices", json_schema_extra=PICTURES)
    ] = "axial"
    window: Annotated[
        tuple[FiniteFloat, FiniteFloat] | None,
        Field(
            description="values shown as black and white, e.g. -160,240; default: by modality",
            json_schema_extra=PICTURES,
        ),
    ] = None
    overwrite: Annotated[bool, Field(description="replace files that exist", json_schema_extra=OUTPUT)] = False
    force: Annotated[
        bool,
        Field(description="write a sheared grid to NIfTI, where some readers misplace it", json_schema_extra=OUTPUT),
    ] = False

    @field_validator("spacing", "patches", "stride", "window", mode="before")
    @classmethod
    def _numbers(cls, value: object) -> object:
        """'64x64', '1,1,3' and '1' as numbers."""
        return value.replace("x", ",").split(",") if isinstance(value, str) else value


def check_together(options: PreprocessOptions) -> None:
    """Raise `UsageError` for options that do not go together."""
    if options.patches and options.slices:
        raise UsageError("--patches and --slices make different things; run them one after the other")
    if options.stride and not options.patches:
        raise UsageError("--stride goes with --patches")
    if options.window and not options.slices:
        raise UsageError("--window goes with --slices")
    if options.spacing and len(options.spacing) not in (1, 3):
        raise UsageError("--spacing must be one number or three, such as 1 or 1,1,3")
    if options.patches and len(options.patches) not in (2, 3):
        raise UsageError("--patches must be a size such as 64x64x64, or 64x64 for patches of slices")
    if options.stride and len(options.stride) not in (1, len(options.patches)):
        raise UsageError("--stride must be one number, or as many as --patches has")
    if options.window and options.window[0] >= options.window[1]:
        raise UsageError(f"--window must be black,white with black below white, got {options.window}")
