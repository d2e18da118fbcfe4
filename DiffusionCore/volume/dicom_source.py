"""What a derived series needs of the DICOM images it comes from: their headers, slice by slice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from .dicom_frames import Frame
from .dicom_sort import Stack

_SAME_PLACE_MM = 0.01
_SAME_COSINE = 1e-4


@dataclass(frozen=True, eq=False, repr=False)
class DicomSource:
    """The planes of a volume that was read from DICOM, in its order; headers only, without private attributes.

    frames      one a slice k: header, file, ImagePositionPatient of its own
    ijk_to_ras  (4, 4) mm, of the volume they made
    warnings    what was odd about the series
    """

    frames: tuple[Frame, ...]
    ijk_to_ras: np.ndarray
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:  # says nothing about the patient
        return f"DicomSource({len(self.frames)} slices, {self.header.get('Modality', '?')})"

    @property
    def header(self) -> Dataset:
        """The first slice's."""
        return self.frames[0].header

    @property
    def shape(self) -> tuple[int, int, int]:
        """(K, J, I)."""
        return (len(self.frames), *self.frames[0].shape)

    @property
    def positions(self) -> np.ndarray:
        """(K, 3) mm, LPS: each slice's own ImagePositionPatient, as its header says."""
        return np.array([frame.position for frame in self.frames])

    def files(self) -> list[Path]:
        """The files, each once, in the order of the slices."""
        return list(dict.fromkeys(frame.path for frame in self.frames))


@dataclass(frozen=True, eq=False)
class Match:
    """The source plane that an output slice lies in or next to, and whether it is that very grid of pixels."""

    frame: Frame
    same_grid: bool


def source_of(stack: Stack) -> DicomSource:
    """The source that a stack's volume carries."""
    return DicomSource(stack.frames, stack.ijk_to_ras, stack.warnings)


def match_slices(source: DicomSource, shape: tuple[int, int, int], ijk_to_ras: np.ndarray) -> list[Match] | None:
    """For each slice k of a grid the source plane at its place; None if the grid cuts across the source's planes.

    On the source's own grid each slice goes with its own plane, even where planes lie unevenly or drift. On others
    (cropped, flipped, resampled) it goes with the plane that is nearest along the normal.
    """
    if shape == source.shape and same_places(shape, ijk_to_ras, source.ijk_to_ras):
        return [Match(frame, True) for frame in source.frames]
    first = source.frames[0]
    place, axes, spacing = plane_geometry(ijk_to_ras, 0)
    if abs(abs(np.cross(*axes) @ first.normal) - 1) > _SAME_COSINE:
        return None
    heights = source.positions @ first.normal
    matches = []
    for k in range(shape[0]):
        place, axes, spacing = plane_geometry(ijk_to_ras, k)
        frame = source.frames[int(np.argmin(np.abs(heights - place @ first.normal)))]
        same = (
            shape[1:] == frame.shape
            and np.linalg.norm(place - frame.position) <= _SAME_PLACE_MM
            and np.allclose(axes, frame.orientation, rtol=0, atol=_SAME_COSINE)
            and np.allclose(spacing, frame.spacing, rtol=1e-4, atol=0)
        )
        matches.append(Match(frame, bool(same)))
    return matches


def plane_geometry(ijk_to_ras: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """Slice k as DICOM has it: (3,) first pixel and (2, 3) unit axes in LPS, mm between (rows, columns)."""
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ ijk_to_ras
    lengths = np.linalg.norm(lps[:3, :2], axis=0)
    place = lps[:3, 3] + k * lps[:3, 2]
    return place, (lps[:3, :2] / lengths).T, (float(lengths[1]), float(lengths[0]))


def same_places(shape: tuple[int, int, int], one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two matrices put all corners of a grid (K, J, I) at the same places, to a hundredth of a millimetre."""
    corners = np.array([[i, j, k, 1] for i in (0, shape[2]) for j in (0, shape[1]) for k in (0, shape[0])], float)
    return bool(np.abs(corners @ (one - other).T).max() <= _SAME_PLACE_MM)
