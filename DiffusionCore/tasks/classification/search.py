"""A classifier of small fields taken through a whole scan, field by field: a probability map, never validated as such."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InputError
from ...metrics.calibration import with_temperature
from ...metrics.simple_features import features_of
from ...progress import Progress
from ...report.markups import Box, box_of
from ...volume import Volume
from ...volume.geometry import to_canonical_axes, to_ras
from ...volume.regrid import onto_grid
from .input import MOST_OUTSIDE, cut_cube, normalised
from .options import ClassifyOptions
from .run import Evidence, answer
from .suitability import familiarity_of

if TYPE_CHECKING:
    from ...models import Card, Classifier

PEAKS = 5
BATCH = 16


@dataclass(frozen=True, eq=False)
class Searched:
    """map: probability of the last class in the field around each voxel, on the scan's grid; peaks: the fields of highest
    probability, which don't overlap; fields looked at, and left out as unlike training (their probability counts as 0);
    evidence of the last ones, for what it ran on; fallbacks as `Evidence` has them, of all.
    """

    map: Volume
    peaks: tuple[Box, ...]
    fields: int
    left_out: int
    evidence: Evidence | None
    fallbacks: tuple[str, ...] = ()


def search(volume: Volume, model: Classifier, asked: ClassifyOptions, progress: Progress) -> Searched:
    """Classify fields half a field apart over the whole scan.

    Raises `InputError` if the scan is smaller than a field.
    """
    progress.stage("search")
    card = model.card
    scan = normalised(volume, card)
    grid = centres(scan, card)
    places = to_ras(grid.ijk_to_ras, np.argwhere(np.ones(grid.shape, bool))[:, ::-1])
    found = np.zeros(len(places))
    familiar = familiarity_of(card)
    kept = 0
    evidence: Evidence | None = None
    fallbacks: dict[str, None] = {}
    for begin in range(0, len(places), BATCH):
        progress.stage("search")
        progress.advance(begin / len(places))
        cubes, numbers = [], []
        for number in range(begin, min(begin + BATCH, len(places))):
            cube, outside = cut_cube(scan, card, places[number])
            if outside > MOST_OUTSIDE or cube.voxels.min() == cube.voxels.max():
                continue
            if familiar is None or familiar.distances(features_of(cube.voxels[None], card.input)[0]) <= familiar.limit:
                cubes.append(cube.voxels)
                numbers.append(number)
        if cubes:
            evidence = answer(model, np.stack(cubes), asked, Progress(cancelled=progress.cancelled))
            found[numbers] = with_temperature(evidence.samples.mean(axis=0), card.classify.temperature)[:, -1]
            kept += len(cubes)
            fallbacks |= dict.fromkeys(evidence.fallbacks)
    coarse = replace(grid, voxels=found.reshape(grid.shape).astype(np.float32))
    fine = onto_grid(coarse, volume.shape, volume.ijk_to_ras, antialias=False)
    map_of = replace(volume, voxels=fine.voxels, modality="OTHER")
    return Searched(map_of, peaks_of(coarse, card), len(places), len(places) - kept, evidence, tuple(fallbacks))


def centres(scan: Volume, card: Card) -> Volume:
    """An empty volume whose voxels lie at the middles of the fields: half a field apart, along the patient's axes."""
    turned = to_canonical_axes(scan)
    step = np.array(card.classify.size) * card.classify.spacing_mm / 2  # k, j, i
    extent = np.array(turned.shape) * np.array(turned.spacing)
    counts = np.floor((extent - 2 * step) / step + 1e-6).astype(int) + 1
    if counts.min() < 1:
        seen = "×".join(f"{mm:.0f}" for mm in extent[::-1])
        needed = "×".join(f"{mm:.0f}" for mm in 2 * step[::-1])
        raise InputError(
            f"the scan covers {seen} mm, and {card.name!r} sees a field of {needed} mm; give a larger scan"
        )
    axes = turned.ijk_to_ras[:3, :3] / np.linalg.norm(turned.ijk_to_ras[:3, :3], axis=0)
    middle = to_ras(turned.ijk_to_ras, (np.array(turned.shape[::-1]) - 1) / 2)
    matrix = np.eye(4)
    matrix[:3, :3] = axes * step[::-1]
    matrix[:3, 3] = middle - matrix[:3, :3] @ ((counts[::-1] - 1) / 2)
    return Volume(np.zeros(counts, np.float32), matrix)


def peaks_of(coarse: Volume, card: Card) -> tuple[Box, ...]:
    """The fields of highest probability, best first, at least a field apart along some axis, from one half up."""
    order = np.argsort(coarse.voxels, axis=None)[::-1]
    chosen: list[tuple[int, ...]] = []
    for flat in order:
        place = np.unravel_index(int(flat), coarse.shape)
        if coarse.voxels[place] < card.classify.threshold or len(chosen) == PEAKS:
            break
        if all(max(abs(int(a) - int(b)) for a, b in zip(place, other, strict=True)) >= 2 for other in chosen):
            chosen.append(tuple(int(p) for p in place))
    boxes = []
    for number, place in enumerate(chosen, start=1):
        p = coarse.voxels[place]
        # two steps wide: a field, around the voxel's middle
        first = np.array(place) - 0.5
        boxes.append(box_of(coarse, first, (2, 2, 2), f"place {number}", f"probability {p:.2f}, unvalidated"))
    return tuple(boxes)
