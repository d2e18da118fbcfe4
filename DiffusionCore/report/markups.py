"""Boxes in a scan as Slicer markups: a file of ROI nodes that 3D Slicer opens, and our own strict model of such a file.

The format is that of Slicer's markups schema 1.0.3 (and 1.0.4, which Slicer 5.12 writes and which adds `insideOut`),
of which these are the fields of ROI markups. Boxes are RAS here and LPS in the file, which says so: Slicer 5.12 takes the
orientation of a ROI for LPS whatever the file says (vtkMRMLMarkupsROIJsonStorageNode asks for the coordinate system before
it is read), so that a file in RAS would show oblique boxes turned.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import InputError
from ..volume import Volume
from ..volume.atomic import atomic_file
from ..volume.geometry import to_ras

SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/"
    "markups-schema-v1.0.3.json#"
)
ENDING = ".mrk.json"
# Okabe & Ito's orange, told from grey and from the saliency's colours with any colour vision.
COLOUR = (0.902, 0.624, 0.0)
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])  # its own inverse

Vector = Annotated[list[float], Field(min_length=3, max_length=3)]
Matrix = Annotated[list[float], Field(min_length=9, max_length=9)]


@dataclass(frozen=True, eq=False)
class Box:
    """A box in the patient: its middle (RAS, mm), its axes (3, 3; columns are unit vectors, right-handed), its edges (mm)."""

    label: str
    centre: tuple[float, float, float]
    axes: np.ndarray
    size: tuple[float, float, float]
    description: str = ""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, populate_by_name=True)


class ControlPoint(_Strict):
    """Where a ROI's handle is: its middle."""

    id: str
    label: str
    description: str = ""
    position: Vector
    position_status: Literal["defined"] = Field("defined", alias="positionStatus")


class Display(_Strict):
    """How a ROI is first shown."""

    visibility: bool = True
    opacity: Annotated[float, Field(ge=0, le=1)] = 1.0
    color: Vector = list(COLOUR)
    selected_color: Vector = Field(list(COLOUR), alias="selectedColor")
    properties_labels: bool = Field(True, alias="propertiesLabelVisibility")
    fill_opacity: Annotated[float, Field(ge=0, le=1)] = Field(0.08, alias="fillOpacity")


class RoiMarkup(_Strict):
    """One ROI node: `orientation` is a matrix by rows whose columns are the box's axes, `size` its edges in mm."""

    type: Literal["ROI"] = "ROI"
    name: Annotated[str, Field(min_length=1)]
    coordinate_system: Literal["LPS"] = Field("LPS", alias="coordinateSystem")
    coordinate_units: Literal["mm"] = Field("mm", alias="coordinateUnits")
    locked: bool = True
    fixed_points: bool = Field(True, alias="fixedNumberOfControlPoints")
    roi_type: Literal["Box"] = Field("Box", alias="roiType")
    center: Vector
    orientation: Matrix
    size: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=3, max_length=3)]
    control_points: Annotated[list[ControlPoint], Field(min_length=1, max_length=1)] = Field(alias="controlPoints")
    display: Display = Field(default_factory=Display)

    @model_validator(mode="after")
    def is_a_box(self) -> RoiMarkup:
        axes = np.array(self.orientation).reshape(3, 3)
        if np.abs(axes.T @ axes - np.eye(3)).max() > 1e-6 or np.linalg.det(axes) < 0:
            raise ValueError("the orientation is no right-handed rotation")
        if not np.allclose(self.control_points[0].position, self.center, rtol=0, atol=1e-6):
            raise ValueError("the control point is not the box's middle")
        return self


class MarkupsFile(_Strict):
    """A whole file."""

    schema_name: Literal[SCHEMA] = Field(SCHEMA, alias="@schema")
    markups: Annotated[list[RoiMarkup], Field(min_length=1)]


def box_of(grid: Volume, first: Sequence[int], extent: Sequence[int], label: str, description: str = "") -> Box:
    """The box of `extent` voxels (k, j, i) from voxel `first` (k, j, i) of a volume's grid, to the voxels' outer faces.

    Of a sheared grid it is the nearest rectangular box around the same middle.
    """
    low = np.asarray(first, float)[::-1] - 0.5
    edges = np.asarray(extent, float)[::-1]
    middle = to_ras(grid.ijk_to_ras, low + edges / 2)
    left, _, right = np.linalg.svd(grid.ijk_to_ras[:3, :3] / np.linalg.norm(grid.ijk_to_ras[:3, :3], axis=0))
    axes = left @ right  # the rotation nearest to the grid's axes
    if np.linalg.det(axes) < 0:
        axes[:, 2] *= -1  # a box is the same seen along -k
    spacing = np.array(grid.spacing)[::-1]
    return Box(label, tuple(map(float, middle)), axes, tuple(map(float, edges * spacing)), description)


def markups_of(boxes: Sequence[Box]) -> MarkupsFile:
    """The file's content."""
    return MarkupsFile(
        markups=[
            RoiMarkup(
                name=box.label,
                center=turned(box.centre),
                orientation=[float(x) for x in (RAS_TO_LPS @ box.axes).ravel()],
                size=list(box.size),
                control_points=[
                    ControlPoint(id="1", label=box.label, description=box.description, position=turned(box.centre))
                ],
            )
            for box in boxes
        ]
    )


def write_markups(path: str | Path, boxes: Sequence[Box], *, overwrite: bool = False) -> Path:
    """Write boxes as `.mrk.json`. Raises `OutputError` if it cannot be written."""
    content = markups_of(boxes).model_dump(by_alias=True)
    with atomic_file(path, overwrite=overwrite) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return Path(path)


def read_markups(path: str | Path) -> list[Box]:
    """The boxes of a file that `write_markups` wrote. Raises `InputError` for another content."""
    try:
        found = MarkupsFile.model_validate_json(Path(path).read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError):
        raise InputError(f"{Path(path).name}: not a file of ROI markups as DiffusionCore writes them") from None
    return [
        Box(
            m.name,
            tuple(turned(m.center)),
            RAS_TO_LPS @ np.array(m.orientation).reshape(3, 3),
            tuple(m.size),
            m.control_points[0].description,
        )
        for m in found.markups
    ]


def turned(place: Sequence[float]) -> list[float]:
    """RAS to LPS, or back."""
    return [float(x) for x in RAS_TO_LPS @ np.asarray(place, float)]
