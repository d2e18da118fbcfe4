"""What a classifier sees of a scan: the structure in a mask as MedMNIST crops it, a cube at a place, or the whole box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InputError, ModelError, Refused, UsageError
from ...volume import Volume
from ...volume.geometry import centre, crop, to_ras
from ...volume.intensity import is_constant, normalisation_for
from ...volume.regrid import cube_grid, onto_grid, resized_in_lps

if TYPE_CHECKING:
    from ...models import Card

# Columns: unit vectors of i, j, k in RAS. Left, posterior, superior, as DICOM and MedMNIST's files have them.
LPS = np.diag([-1.0, -1.0, 1.0])
MEDMNIST_FIELD = 64  # mm, and voxels before resizing
MEDMNIST_CENTRE = 32  # the voxel along each axis that the centre of mass lies in
DUST = 0.01  # share of the largest part under which a part is left out as a slip of the brush
SECOND_PART = 0.2  # share of the largest part from which two parts are two structures
TOO_SMALL = "the structure is smaller than a voxel of what the model sees; there is nothing to classify"
MOST_OUTSIDE = 0.1  # share of a cube that may lie outside the scan


@dataclass(frozen=True, eq=False)
class ClassifierInput:
    """One image for the network.

    image      values as the network sees them, float32, on a grid whose voxels have their place in the patient
    warnings   sentences a person should read
    structure  of a label map: (K, J, I) bool on its own grid, what the image shows; None for grey values
    """

    image: Volume
    warnings: tuple[str, ...] = ()
    structure: np.ndarray | None = None


def refuse_input(volume: Volume, card: Card) -> None:
    """Refuse, in words, what this model cannot be given at all."""
    name = card.name
    if card.input == "labelmap":
        if is_constant(volume.voxels):
            raise InputError("every voxel of the label map has the same value; it shows no structure to classify")
        if not is_label_map(volume):
            kind = volume.modality if volume.modality in ("CT", "MR") else "grey-value"
            raise Refused(
                f"this is a {kind} scan, and {name!r} takes a label map: outline the structure first, and give that"
            )
        return
    if is_constant(volume.voxels):
        raise InputError("every voxel of the scan has the same value; there is nothing to classify")
    if volume.modality == "LABEL":
        raise Refused(f"this is a label map, and {name!r} takes the grey values of a {card.modality} scan")
    kind = volume.meta.get("kind")
    if kind and volume.modality == "OTHER":
        raise Refused(f"this is a {kind} image, and {name!r} takes {card.modality} scans")
    if not (np.isfinite(volume.voxels.min()) and np.isfinite(volume.voxels.max())):
        raise InputError("the scan holds voxels that are NaN or infinite; mend them, or mask them by a number")


def is_label_map(volume: Volume) -> bool:
    """Whether a volume is a label map: said so, or of two whole values of which one is 0."""
    if volume.modality == "LABEL" or volume.voxels.dtype.kind == "b":
        return True
    if volume.modality == "CT":
        return False
    lowest, highest = volume.voxels.min(), volume.voxels.max()
    return bool(lowest == 0 and np.all((volume.voxels == lowest) | (volume.voxels == highest)))


def labels_in(voxels: np.ndarray) -> list[float]:
    """The values (K, J, I) other than 0, rising; plane by plane, as looking through all of a large map at once takes three
    times as long and as much memory again."""
    return sorted({value for plane in voxels if plane.any() for value in np.unique(plane).tolist()} - {0})


def structure_in(volume: Volume, label: int | None, region: Sequence[slice] | None) -> Volume:
    """The mask (K, J, I) bool of the one structure that is meant, without specks.

    Raises `UsageError` where it takes `label` to tell, `InputError` if there is none or labels are no whole numbers,
    `Refused` if there are two.
    """
    part = volume if region is None else crop(volume, region)
    found = labels_in(part.voxels)
    if not found:
        raise InputError("the label map is empty there; it shows no structure to classify")
    if odd := next((value for value in found if not float(value).is_integer()), None):
        raise InputError(f"a label map holds whole numbers, and this one holds {odd:g}; cut it at a level first")
    values = [int(value) for value in found]
    if label is None and len(values) > 1:
        known = ", ".join(map(str, values[:8]))
        raise UsageError(f"the label map holds the labels {known}; say with --label which is meant")
    if label is not None and label not in values:
        raise InputError(f"the label map holds no {label}; it holds {', '.join(map(str, values[:8]))}")
    return replace(part, voxels=largest_part(part.voxels == (values[0] if label is None else label)))


def largest_part(mask: np.ndarray) -> np.ndarray:
    """The mask without specks. Raises `Refused` if it has a second part nearly as large."""
    from scipy import ndimage

    (box,) = ndimage.find_objects(mask.view(np.uint8))
    parts, count = ndimage.label(mask[box], np.ones((3, 3, 3)))
    if count < 2:
        return mask
    sizes = np.bincount(parts.ravel())[1:]
    order = np.argsort(sizes)[::-1]
    if sizes[order[1]] > SECOND_PART * sizes[order[0]]:
        raise Refused(
            f"the label map holds {int((sizes > SECOND_PART * sizes.max()).sum())} separate structures; classify each by "
            "itself, with --roi or --label"
        )
    kept = np.zeros_like(mask)
    kept[box] = np.isin(parts, np.flatnonzero(sizes >= DUST * sizes.max()) + 1)
    return kept


def masked_structure(volume: Volume, card: Card, label: int | None, region: Sequence[slice] | None) -> ClassifierInput:
    """The structure in a mask, cropped and resized as MedMNIST v2 did (Yang et al. 2023), 0 and 1.

    A field of 64 mm around its centre of mass at 1 mm, whole millimetres from the scan's first voxel; then, for smaller
    networks, a cubic spline from corner voxel to corner voxel, cut at one half, which gives MedMNIST's 28³ files from
    its 64³ files voxel by voxel. Axes run to the patient's superior and posterior and away from the middle: in MedMNIST
    glands of both sides are mirrored to one, in which what lies further back lies further out.

    Raises what `structure_in` raises, `Refused` if the structure is larger than the field, and `ModelError` for a model of
    other fields, which are not known to be cropped so.
    """
    from scipy import ndimage

    seen = (np.array(card.classify.size) - 1) * card.classify.spacing_mm
    if np.abs(seen - (MEDMNIST_FIELD - 1)).max() > 1:
        raise ModelError(
            f"{card.name!r} learnt from label maps of {seen.max():.0f} mm; a structure is cropped to MedMNIST's "
            f"{MEDMNIST_FIELD} mm only"
        )
    mask = structure_in(volume, label, region)
    places = to_ras(mask.ijk_to_ras, np.argwhere(mask.voxels)[:, ::-1])
    extent = float(np.ptp(places, axis=0).max())
    if extent > MEDMNIST_FIELD:
        raise Refused(
            f"the structure is {extent:.0f} mm long, and {card.name!r} sees {MEDMNIST_FIELD} mm; give one gland"
        )
    axes = LPS.copy()
    if len(places) > 2 and np.cov(places[:, 0], places[:, 1])[0, 1] < 0:  # further back (-A) is further to the right
        axes[:, 0] *= -1
    corner = to_ras(mask.ijk_to_ras, [0, 0, 0])
    begin = np.floor((places.mean(axis=0) - corner) @ axes + 1e-6) - MEDMNIST_CENTRE  # mm along i, j, k
    grid = cube_grid(corner + axes @ (begin + (MEDMNIST_FIELD - 1) / 2), axes, 1.0, [MEDMNIST_FIELD] * 3)
    inside = onto_grid(mask, [MEDMNIST_FIELD] * 3, grid).voxels >= 0.5
    size = card.classify.size
    if size != inside.shape:
        zoomed = ndimage.zoom(inside.astype(float), np.array(size) / MEDMNIST_FIELD, order=3)
        inside = zoomed > 0.5
        grid = grid @ np.diag([*((MEDMNIST_FIELD - 1) / (np.array(size[::-1]) - 1)), 1.0])
    if not inside.any():
        raise InputError(TOO_SMALL)
    coarse = max(mask.spacing)
    warnings = () if coarse <= 3 else (f"the label map's voxels are {coarse:.2g} mm; the model was trained on 1 mm",)
    structure = np.zeros(volume.shape, bool)
    structure[... if region is None else tuple(region)] = mask.voxels
    return ClassifierInput(Volume(inside.astype(np.float32), grid, "LABEL"), warnings, structure)


def cube_at(volume: Volume, card: Card, place: np.ndarray) -> ClassifierInput:
    """The cube of the model's size and spacing around a place (RAS, mm) of a grey-value scan, normalised with the scan.

    Raises `InputError` if more than a tenth of it lies outside the scan.
    """
    cube, outside = cut_cube(normalised(volume, card), card, place)
    if outside > MOST_OUTSIDE:
        edge = [round(n * card.classify.spacing_mm) for n in card.classify.size[::-1]]
        raise InputError(
            f"{outside:.0%} of the model's field of {edge[0]}×{edge[1]}×{edge[2]} mm lies outside the scan; "
            "the scan is smaller than the field, or the place is too near its border"
        )
    warnings = (f"{outside:.0%} of what the model saw lies outside the scan",) if outside else ()
    return ClassifierInput(cube, warnings)


def cut_cube(scan: Volume, card: Card, place: np.ndarray) -> tuple[Volume, float]:
    """(cube, share outside the scan) of a normalised scan; what is outside has the scan's lowest value."""
    asked = card.classify
    grid = cube_grid(place, LPS, asked.spacing_mm, asked.size)
    cube = onto_grid(scan, asked.size, grid, outside=np.nan)
    unknown = np.isnan(cube.voxels)
    if not unknown.any():
        return cube, 0.0
    filled = np.where(unknown, scan.voxels.min(), cube.voxels).astype(np.float32)
    return replace(cube, voxels=filled), float(unknown.mean())


def refuse_small(volume: Volume, region: Sequence[int]) -> None:
    """Refuse a scan that has fewer voxels than a region (K, J, I) of a model of whole scans, as training does."""
    if any(has < least for has, least in zip(sorted(volume.shape), sorted(region), strict=True)):
        has, least = ("×".join(map(str, reversed(size))) for size in (volume.shape, region))
        raise InputError(f"the scan's {has} voxels are fewer than one region of {least}; give a finer or larger scan")


def whole_box(volume: Volume, card: Card) -> ClassifierInput:
    """The whole scan, resized linearly to the model's size, as S4 does it."""
    return ClassifierInput(resized_in_lps(normalised(volume, card), card.classify.size))


def whole_mask(volume: Volume, card: Card, label: int | None) -> ClassifierInput:
    """The whole box of a label map, everything in it (or one label) as 1, resized as in training.

    Raises `InputError` if there is nothing, or nothing is left at the model's size.
    """
    inside = volume.voxels > 0 if label is None else volume.voxels == label
    if not inside.any():
        raise InputError("the label map holds none of it; it shows no structure to classify")
    image = resized_in_lps(replace(volume, voxels=inside.astype(np.float32)), card.classify.size)
    seen = (image.voxels > 0.5).astype(np.float32)
    if not seen.any():
        raise InputError(TOO_SMALL)
    return ClassifierInput(replace(image, voxels=seen, modality="LABEL"), structure=inside)


def normalised(volume: Volume, card: Card) -> Volume:
    """The scan in the units that the network sees."""
    return replace(volume, voxels=normalisation_for(volume, card.normalisation).apply(volume.voxels))


def is_one_field(volume: Volume, card: Card) -> bool:
    """Whether the scan is no larger than about one field of the model, so that it is classified as a whole."""
    asked = card.classify
    box = np.abs(volume.ijk_to_ras[:3, :3]) @ np.array(volume.shape[::-1], float)
    return bool(np.all(box <= 1.25 * np.array(asked.size[::-1]) * asked.spacing_mm))


def middle_of(volume: Volume, region: Sequence[slice] | None) -> np.ndarray:
    """RAS place, mm, of the middle of the region, or of the scan."""
    return centre(volume if region is None else crop(volume, region))
