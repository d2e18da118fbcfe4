"""Whether a model looks where it says: masking what it points at, and finding one tumour cube among eight.

Deletion and insertion after Petsiuk et al. 2018 (RISE), with regions in place of single voxels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.benchmark.classify.datasets import Cases, Dataset
from DiffusionCore.metrics.bootstrap import Interval
from DiffusionCore.metrics.classifier import Predictions, draw_weights, percentile
from DiffusionCore.models import Classifier

ELSEWHERE = 8  # random places that the region pointed at is compared with
MOSAICS_PER_CUBE = 3
RESAMPLES = 2000


@dataclass(frozen=True)
class Explained:
    """Shares of cases, with intervals over subjects; None where the test does not apply.

    deletion   masking the region pointed at changes the answer more than masking a random one does on average
    insertion  showing the regions pointed at alone moves the answer nearer to the whole image's than random ones do
    mosaic     the first region lies in the one tumour cube of eight (chance 12.5 %)
    """

    deletion: Interval
    insertion: Interval
    mosaic: Interval | None
    cases: int
    mosaics: int


def explain(model: Classifier, data: Dataset, seed: int = 0) -> Explained:
    """Measure all three on test cases. Deletion and insertion are about the cases that the model calls class 1."""
    rng = np.random.default_rng(seed)
    found, regions = said(model, data.test.images)
    chosen = np.flatnonzero(found >= 0.5)
    if not chosen.size:
        chosen = np.argsort(found)[-max(len(found) // 5, 1) :]
    cases = Cases(data.test.images[chosen], data.test.labels[chosen], data.test.subjects[chosen])
    deleted, inserted = masking(model, cases, found[chosen], regions[chosen], rng)
    hits, whose = mosaics(model, data.test, rng) if data.source.kind == "volume" else (np.zeros(0), np.zeros(0))
    return Explained(
        deletion=share(deleted, cases.subjects),
        insertion=share(inserted, cases.subjects),
        mosaic=share(hits, whose) if len(hits) else None,
        cases=len(cases),
        mosaics=len(hits),
    )


def said(model: Classifier, images: npt.NDArray[np.float32]) -> tuple[npt.NDArray, npt.NDArray]:
    """(N,) the guidance's probability of class 1, and (N, R, 3) the regions; the diffusion adds only noise to compare."""
    import torch

    p, regions = [], []
    with torch.inference_mode():
        for part in np.array_split(images, max(-(-len(images) // 32), 1)):
            guidance = model.network.encode(torch.from_numpy(np.array(part, np.float32))[:, None])
            p.append(guidance.probabilities[:, 1].double().numpy())
            regions.append(guidance.regions.numpy())
    return np.concatenate(p), np.concatenate(regions)


def masking(
    model: Classifier, cases: Cases, whole: npt.NDArray, regions: npt.NDArray, rng: np.random.Generator
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """(N,) whether deletion and (N,) whether insertion of the regions pointed at beats random places.

    A masked region gets the image's edge value (the median of its faces). Random places hold as much of the structure,
    or of anything but the edge's value, as may be: at least half as much as the first region does.
    """
    extent = np.array(model.network.config.region)
    deleted, inserted = [], []
    for image, p, places in zip(cases.images, whole, regions, strict=True):
        edge = edge_value(image)
        others = [elsewhere(image, edge, places[0], extent, rng) for _ in range(ELSEWHERE)]
        trial = [masked(image, [places[0]], extent, edge), *(masked(image, [o], extent, edge) for o in others)]
        change = np.abs(said(model, np.stack(trial))[0] - p)
        deleted.append(change[0] > change[1:].mean())
        count = len(places)
        sets = [places, *([elsewhere(image, edge, q, extent, rng) for q in places[:count]] for _ in range(ELSEWHERE))]
        shown = [only(image, chosen, extent, edge) for chosen in sets]
        distance = np.abs(said(model, np.stack(shown))[0] - p)
        inserted.append(distance[0] < distance[1:].mean())
    return np.array(deleted), np.array(inserted)


def edge_value(image: npt.NDArray) -> float:
    """The median of an image's six faces: what is there where nothing is."""
    faces = [np.take(image, side, axis=axis).ravel() for axis in range(3) for side in (0, -1)]
    return float(np.median(np.concatenate(faces)))


def window(place: npt.NDArray, extent: npt.NDArray) -> tuple[slice, ...]:
    return tuple(slice(int(p), int(p + e)) for p, e in zip(place, extent, strict=True))


def masked(image: npt.NDArray, places: list, extent: npt.NDArray, edge: float) -> npt.NDArray:
    """A copy in which the regions have the edge's value."""
    copy = np.array(image)
    for place in places:
        copy[window(place, extent)] = edge
    return copy


def only(image: npt.NDArray, places: list, extent: npt.NDArray, edge: float) -> npt.NDArray:
    """A copy in which everything but the regions has the edge's value."""
    copy = np.full_like(image, edge)
    for place in places:
        copy[window(place, extent)] = image[window(place, extent)]
    return copy


def elsewhere(
    image: npt.NDArray, edge: float, first: npt.NDArray, extent: npt.NDArray, rng: np.random.Generator
) -> npt.NDArray:
    """A random place for a region, of twenty tries the first with half as much in it as the first region has, or the fullest."""
    needed = 0.5 * content(image, first, extent, edge)
    best, most = first, -1.0
    for _ in range(20):
        place = np.array([rng.integers(0, n - e + 1) for n, e in zip(image.shape, extent, strict=True)])
        held = content(image, place, extent, edge)
        if held >= needed:
            return place
        if held > most:
            best, most = place, held
    return best


def content(image: npt.NDArray, place: npt.NDArray, extent: npt.NDArray, edge: float) -> float:
    """How much of a region differs from the edge's value."""
    return float(np.mean(np.abs(image[window(place, extent)] - edge) > 0.05))


def mosaics(
    model: Classifier, cases: Cases, rng: np.random.Generator
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.str_]]:
    """(M,) whether the first region's middle lies in the tumour cube of a 2×2×2 mosaic of one subject's cubes, and whose."""
    images, places, whose = [], [], []
    for subject in np.unique(cases.subjects):
        own = cases.subjects == subject
        tumour, other = np.flatnonzero(own & (cases.labels == 1)), np.flatnonzero(own & (cases.labels == 0))
        if len(other) < 7:
            continue
        for cube in tumour:
            for _ in range(MOSAICS_PER_CUBE):
                at = int(rng.integers(8))
                rest = list(rng.choice(other, 7, replace=False))
                parts = [cases.images[n] for n in (*rest[:at], cube, *rest[at:])]
                images.append(assembled(parts))
                places.append(at)
                whose.append(str(subject))
    if not images:
        return np.zeros(0, bool), np.zeros(0, np.str_)
    _, regions = said(model, np.stack(images))
    middle = regions[:, 0] + np.array(model.network.config.region) / 2
    octant = (middle >= np.array(images[0].shape) / 2) @ [4, 2, 1]
    return octant == np.array(places), np.array(whose)


def assembled(parts: list[npt.NDArray]) -> npt.NDArray:
    """Eight cubes as one image, in the order of k, j, i."""
    rows = [np.concatenate(parts[n : n + 2], axis=2) for n in range(0, 8, 2)]
    return np.concatenate([np.concatenate(rows[n : n + 2], axis=1) for n in (0, 2)], axis=0)


def share(came_true: npt.NDArray, subjects: npt.NDArray) -> Interval:
    """The share of cases in which something came true, with its bootstrap interval over subjects."""
    values = np.asarray(came_true, np.float64)
    labels = np.zeros(len(values), np.int64)
    given = Predictions(np.tile([0.5, 0.5], (len(values), 1)), labels, subjects)
    draws, label = draw_weights(given, RESAMPLES, 0)
    return percentile(float(values.mean()), draws @ values / draws.sum(axis=1), 0.95, label)
