"""What a job may be asked: a task's own options, and what on the command line belongs to files."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..tasks.classification.options import ClassifyOptions
from ..tasks.options import EnhanceOptions
from ..tasks.synthesis.options import SynthesizeOptions

Ends = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1)]]
Region = tuple[Ends, Ends, Ends]


class EnhanceJob(EnhanceOptions):
    """`enhance`, of all or a part of the scan."""

    region: Annotated[Region | None, Field(description="[[k0, k1], [j0, j1], [i0, i1]] in voxels; default: all")] = None


class PreviewJob(EnhanceOptions):
    """`preview`, always of a part."""

    region: Annotated[Region, Field(description="[[k0, k1], [j0, j1], [i0, i1]] in voxels")]


class EstimateJob(EnhanceOptions):
    """`estimate`, with the rate where the asker kept it."""

    seconds_per_voxel: Annotated[
        float | None, Field(gt=0, allow_inf_nan=False, description="of one pass on this device, if known from before")
    ] = None


class SynthesizeJob(SynthesizeOptions):
    """`synthesize`, whose model the command line has as an argument."""

    model: Annotated[str | None, Field(description="name or folder; default: the installed one")] = None


class ClassifyJob(ClassifyOptions):
    """`classify`, of all or a part of the scan."""

    region: Annotated[Region | None, Field(description="[[k0, k1], [j0, j1], [i0, i1]] in voxels; default: all")] = None


def slices(region: Region | None) -> tuple[slice, slice, slice] | None:
    """A region as slices (k, j, i)."""
    return None if region is None else tuple(slice(*ends) for ends in region)
