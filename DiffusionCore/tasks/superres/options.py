"""What a person may ask of super-resolution, declared once."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..options import SamplingOptions

MOST = 8  # times finer than the scan that a person may ask for
_SIZES = r"^\d*\.?\d+(,\d*\.?\d+,\d*\.?\d+)?$"


class SuperResolveOptions(SamplingOptions):
    """How to super-resolve a scan.

    Without `factor` and `spacing`, voxels become half as wide along all axes, or with `axes` "slice" slices become as thin
    as the scan is fine in the plane.
    """

    model: Annotated[
        str | None, Field(description="name or folder; of several stages separated by commas; default: by modality")
    ] = None
    modality: Annotated[Literal["CT", "MR"] | None, Field(description="if it cannot be told from the scan")] = None
    factor: Annotated[
        float | None, Field(gt=1, le=MOST, allow_inf_nan=False, description="how many times finer, e.g. 2, 4 or 2.5")
    ] = None
    spacing: Annotated[
        str | None, Field(pattern=_SIZES, description="instead: the new spacing in mm, one number or three (i,j,k)")
    ] = None
    axes: Annotated[Literal["all", "slice"], Field(description="finer along all axes, or only across the slices")] = (
        "all"
    )
    stages: Annotated[
        int | None, Field(ge=1, le=6, description="models one after the other; default: as few as were trained for")
    ] = None
    thickness: Annotated[
        float | None, Field(gt=0, allow_inf_nan=False, description="of a slice in mm; default: read or estimated")
    ] = None
    gap: Annotated[float | None, Field(ge=0, allow_inf_nan=False, description="between slices in mm, instead")] = None
    profile: Annotated[
        Literal["gaussian", "rect", "sinc"] | None,
        Field(description="of a slice, where it is known: what a Gaussian, a perfect or a windowed sinc pulse excites"),
    ] = None
    consistency: Annotated[
        float,
        Field(ge=0, le=1, description="1: made coarse again, the result is the scan to within its noise; 0: as it is"),
    ] = 1.0
    strength: Annotated[float, Field(ge=0, le=1, description="0 returns the interpolated scan, 1 the full result")] = (
        1.0
    )

    @model_validator(mode="after")
    def _one_way(self) -> SuperResolveOptions:
        if self.factor is not None and self.spacing is not None:
            raise ValueError("--factor and --spacing say the same thing; give one of them")
        if self.thickness is not None and self.gap is not None:
            raise ValueError("--thickness and --gap follow from each other; give one of them")
        return self
