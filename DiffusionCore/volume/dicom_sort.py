"""From the planes of a series to the regular stacks they form: sorted, none missing, none doubled.

A stack is a row of parallel planes at equal steps. The step need not be perpendicular to the planes: a tilted gantry
shifts each slice, and the stack is then sheared. Positions are compared in mm along the planes' normal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from .dicom_frames import Frame
from .dicom_header import number, whole
from .header import check_frame

# Planes this near each other, or a tenth of a pixel if that is less, are at one place.
_SAME_PLACE_MM = 0.01
_SAME_COSINE = 1e-3
# A plane may be this much of the spacing off an even grid, or (headers round positions to 0.1 mm) this many mm as long
# as that is at most a quarter of the spacing.
_UNEVEN_PART, _UNEVEN_MM, _UNEVEN_MOST = 0.1, 0.05, 0.25
# A step this much longer than usual is a missing slice.
_MISSING_PART = 1.5
# A sideways drift over the whole stack below this is the rounding of the direction cosines, not a tilt.
_ROUNDING_MM = 0.05

# What tells repeated volumes at one place apart, in the order in which they are asked.
_REPEATS = (
    *("TemporalPositionIndex", "TemporalPositionIdentifier", "EchoTime", "EchoNumbers", "DiffusionBValue"),
    *("InversionTime", "TriggerTime", "ImageType", "AcquisitionNumber", "DiffusionGradientOrientation"),
    "DimensionIndexValues",
)

SameImage = Callable[[Frame, Frame], bool]


@dataclass(frozen=True, eq=False)
class Stack:
    """Parallel planes in order along their normal, and the (3,) step in mm (LPS) from one to the next."""

    frames: tuple[Frame, ...]
    step: np.ndarray
    warnings: tuple[str, ...] = ()

    @property
    def ijk_to_ras(self) -> np.ndarray:
        """(4, 4) mm: of the voxel centres, with i along the rows, j down the columns, k from plane to plane."""
        first = self.frames[0]
        lps = np.eye(4)
        lps[:3, 0] = first.orientation[0] * first.spacing[1]
        lps[:3, 1] = first.orientation[1] * first.spacing[0]
        lps[:3, 2] = self.step
        lps[:3, 3] = first.position
        return np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps

    @property
    def tilt(self) -> float:
        """Degrees between the step and the planes' normal; 0 unless the gantry was tilted."""
        cosine = abs(self.step @ self.frames[0].normal) / np.linalg.norm(self.step)
        return float(np.degrees(np.arccos(min(cosine, 1.0))))


def find_stacks(frames: Sequence[Frame], same_image: SameImage) -> tuple[list[tuple[Frame, ...]], str, list[str]]:
    """Split the planes of a series into volumes, each with one plane per place, ordered along its normal.

    `same_image` tells whether two planes hold the same pixels; it is asked only where planes lie at the same place.
    Gives the volumes, what they differ by ("" if there is one), and warnings. Raises `InputError` where some places
    hold more planes than others and these are not copies of each other.
    """
    warnings: list[str] = []
    groups = _by_orientation_and_size(frames)
    if len(groups) > 1:
        scans = [g for g in groups if not all("LOCALIZER" in (f.header.get("ImageType") or ()) for f in g)]
        if scans and len(scans) < len(groups):
            dropped = sum(map(len, groups)) - sum(map(len, scans))
            warnings.append(f"left out {dropped} localizer image{'s' if dropped > 1 else ''}")
            groups = scans
    volumes: list[tuple[Frame, ...]] = []
    reason = "orientation or size" if len(groups) > 1 else ""
    for group in groups:
        repeated, differs = _split_repeats(_places(group), same_image, warnings)
        volumes.extend(repeated)
        reason = reason or differs
    return volumes, reason, warnings


def choose_volume(volumes: Sequence[tuple[Frame, ...]], reason: str, frame: int | None) -> tuple[Frame, ...]:
    """The volume number `frame`; with None the only one. Raises `InputError` or `UsageError` if that is not clear."""
    if frame is None:
        if len(volumes) > 1:
            sizes = [f"{v[0].shape[1]}×{v[0].shape[0]}×{len(v)}" for v in volumes]
            which = "; ".join(f"{n}: {size}" for n, size in enumerate(sizes[:8])) + ("; …" if len(sizes) > 8 else "")
            raise InputError(
                f"the series holds {len(volumes)} volumes that differ by {reason} ({which}); "
                f"choose one with --frame 0 to {len(volumes) - 1}"
            )
        return volumes[0]
    check_frame("this series", frame, len(volumes))
    return volumes[frame]


def regular_stack(frames: tuple[Frame, ...]) -> Stack:
    """The planes as a regular grid.

    Raises `InputError` where slices are missing (a step over 1.5 times the median), or lie off an even grid by more
    than a tenth of the spacing (or 0.05 mm, where headers are rounded). Smaller unevenness, down to a hundredth of the
    spacing, is a warning.
    """
    places = np.array([f.position for f in frames])
    normal = frames[0].normal
    if len(frames) == 1:
        return _single(frames[0])
    heights = places @ normal
    gaps = np.diff(heights)
    usual = float(np.median(gaps))
    if usual <= _same_place(frames[0]):
        raise InputError(f"slices lie beside each other at {heights[0]:.2f} mm, not one above the other: not a volume")
    long = np.flatnonzero(gaps > _MISSING_PART * usual)
    if long.size:
        where = ", ".join(f"{heights[n]:.2f} and {heights[n + 1]:.2f} mm" for n in long[:5])
        more = ", …" if long.size > 5 else ""
        lost = int(sum(round(gaps[n] / usual) - 1 for n in long))
        raise InputError(
            f"about {lost} slice{'s are' if lost > 1 else ' is'} missing: between {where}{more} "
            f"(spacing {usual:.3f} mm, positions along the slice normal); fetch the whole series again"
        )
    step = (places[-1] - places[0]) / (len(frames) - 1)
    off = np.linalg.norm(places - (places[0] + np.arange(len(frames))[:, None] * step), axis=1)
    spacing = float(step @ normal)
    worst = int(np.argmax(off))
    if off[worst] > max(_UNEVEN_PART * spacing, min(_UNEVEN_MM, _UNEVEN_MOST * spacing)):
        raise InputError(
            f"uneven slice positions: the slice at {heights[worst]:.2f} mm lies {off[worst]:.2f} mm off an even grid "
            f"of {spacing:.3f} mm (steps {gaps.min():.3f} to {gaps.max():.3f} mm); this cannot be held on one grid"
        )
    notes = ()
    if off[worst] > max(0.01 * spacing, _same_place(frames[0])):
        notes = (f"slice positions are up to {off[worst]:.3f} mm off an even grid; {spacing:.4g} mm spacing is used",)
    drift = (step - spacing * normal) * (len(frames) - 1)
    if np.linalg.norm(drift) <= min(_ROUNDING_MM, 0.1 * min(frames[0].spacing)):
        step = spacing * normal
    return Stack(frames, step, notes)


def _same_place(frame: Frame) -> float:
    return min(_SAME_PLACE_MM, 0.1 * min(frame.spacing))


def _single(frame: Frame) -> Stack:
    for keyword in ("SpacingBetweenSlices", "SliceThickness"):
        thickness = abs(number(frame.header, keyword) or 0.0)
        if thickness > 0:
            return Stack((frame,), thickness * frame.normal)
    note = "one slice without SliceThickness: 1 mm is assumed"
    return Stack((frame,), frame.normal, (note,))


def _by_orientation_and_size(frames: Sequence[Frame]) -> list[list[Frame]]:
    groups: list[list[Frame]] = []
    for frame in frames:
        for group in groups:
            first = group[0]
            if (
                first.shape == frame.shape
                and first.header.get("StackID") == frame.header.get("StackID")
                and np.allclose(first.orientation, frame.orientation, rtol=0, atol=_SAME_COSINE)
                and np.allclose(first.spacing, frame.spacing, rtol=1e-3, atol=0)
            ):
                group.append(frame)
                break
        else:
            groups.append([frame])
    return groups


def _places(group: Sequence[Frame]) -> list[list[Frame]]:
    """The planes by place, in order along the group's normal (then along the rows, for planes beside each other)."""
    normal, (row, column) = group[0].normal, group[0].orientation
    near = _same_place(group[0])
    ordered = sorted(
        group,
        key=lambda f: (
            *(round(float(f.position @ axis) / near) for axis in (normal, row, column)),
            whole(f.header, "InstanceNumber", 0),
            f.index,
        ),
    )
    places: list[list[Frame]] = []
    for frame in ordered:
        if places and np.linalg.norm(places[-1][0].position - frame.position) <= near:
            places[-1].append(frame)
        else:
            places.append([frame])
    return places


def _split_repeats(
    places: list[list[Frame]], same_image: SameImage, warnings: list[str]
) -> tuple[list[tuple[Frame, ...]], str]:
    counts = {len(place) for place in places}
    if counts == {1}:
        return [tuple(place[0] for place in places)], ""
    if len(counts) == 1:
        for keyword in _REPEATS:
            volumes = _split_by(places, keyword)
            if volumes is not None:
                return volumes, keyword
    thinned = [_without_copies(place, same_image) for place in places]
    dropped = sum(map(len, places)) - sum(map(len, thinned))
    if dropped:
        warnings.append(f"left out {dropped} doubled slice{'s' if dropped > 1 else ''} (same place, same pixels)")
    counts = {len(place) for place in thinned}
    if counts == {1}:
        return [tuple(place[0] for place in thinned)], ""
    if len(counts) == 1:
        ordered = [sorted(place, key=_repeat_order) for place in thinned]
        return [tuple(place[n] for place in ordered) for n in range(counts.pop())], "InstanceNumber"
    normal = places[0][0].normal
    usual = min(counts)
    crowded = [f"{place[0].position @ normal:.2f}" for place in thinned if len(place) > usual]
    where = ", ".join(crowded[:8]) + (", …" if len(crowded) > 8 else "")
    raise InputError(
        f"doubled slices with different pixels at {where} mm along the slice normal; two scans are mixed in this "
        "series: put each into a folder of its own"
    )


def _split_by(places: list[list[Frame]], keyword: str) -> list[tuple[Frame, ...]] | None:
    """One volume per value of `keyword`, if every place has every value exactly once."""
    tables = [{_comparable(frame.header.get(keyword)): frame for frame in place} for place in places]
    values = set(tables[0])
    if len(values) != len(places[0]) or any(set(table) != values for table in tables):
        return None
    return [tuple(table[value] for table in tables) for value in sorted(values)]


def _without_copies(place: list[Frame], same_image: SameImage) -> list[Frame]:
    kept: list[Frame] = []
    for frame in place:
        if not any(same_image(frame, other) for other in kept):
            kept.append(frame)
    return kept


def _repeat_order(frame: Frame) -> tuple[Any, ...]:
    return (*(_comparable(frame.header.get(k)) for k in _REPEATS), whole(frame.header, "InstanceNumber", 0))


def _comparable(value: Any) -> tuple[Any, ...]:
    """`value` in a form that sorts: numbers before words, several values in order, none first."""
    if value in (None, ""):
        return ()
    items = value if not isinstance(value, str) and hasattr(value, "__iter__") else [value]
    return tuple((0, float(x), "") if _is_number(x) else (1, 0.0, str(x)) for x in items)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
