"""Whether a model looks where it says: masking what it points at, and finding one tumour cube among eight.

Deletion and insertion after Petsiuk et al. 2018 (RISE), with regions in place of single voxels. What is masked becomes
`NOTHING`: air in a scan, no structure in a label map.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.benchmark.classify.datasets import Cases
from DiffusionCore.metrics.bootstrap import Interval
from DiffusionCore.metrics.calibration import with_temperature
from DiffusionCore.metrics.classifier import Predictions, draw_weights, percentile
from DiffusionCore.models import Classifier

NOTHING = 0.0
SOMETHING = 0.05  # how far a voxel is from nothing that shows something
ELSEWHERE = 8  # random places that the region pointed at is compared with
MOSAICS_PER_CUBE = 3
RESAMPLES = 2000


@dataclass(frozen=True)
class Explained:
    """Shares of cases, with intervals over subjects; None where the test does not apply.

    deletion   masking the region pointed at changes the encoders' answer more than masking a random one does on average
    insertion  showing the regions pointed at alone brings it nearer to that of the whole image than random ones do
    drawn      deletion, by the label that is drawn: it says the same of many images, and moves late
    mosaic     the first region lies in the one tumour cube of eight (chance 12.5 %)
    """

    deletion: Interval
    insertion: Interval
    drawn: Interval
    mosaic: Interval | None
    cases: int
    mosaics: int


@dataclass(frozen=True, eq=False)
class Said:
    """Of N images: encoders (N,) and drawn (N,), the probability of class 1 by the two encoders, which guide the drawing,
    and by the labels drawn, at the card's temperature; regions (N, R, 3) that a person is pointed to."""

    encoders: npt.NDArray[np.float64]
    drawn: npt.NDArray[np.float64]
    regions: npt.NDArray[np.int64]


def explain(model: Classifier, cases: Cases, kind: str, seed: int = 0) -> Explained:
    """Measure all on cases of a kind, "volume" or "labelmap". Deletion and insertion are about those called class 1."""
    rng = np.random.default_rng(seed)
    found = said(model, cases.images)
    chosen = np.flatnonzero(found.drawn >= model.card.classify.threshold)
    if not chosen.size:
        chosen = np.argsort(found.drawn)[-max(len(cases) // 5, 1) :]
    beaten = np.array([masking(model, cases.images[n], found, n, rng) for n in chosen])
    hits, whose = mosaics(model, cases, rng) if kind == "volume" else (np.zeros(0), np.zeros(0))
    deletion, insertion, drawn = (share(column, cases.subjects[chosen]) for column in beaten.T)
    mosaic = share(hits, whose) if len(hits) else None
    return Explained(deletion, insertion, drawn, mosaic, len(chosen), len(hits))


def said(model: Classifier, images: npt.NDArray[np.float32]) -> Said:
    """What the model says of images (N, K, J, I), and where it points."""
    import torch

    from DiffusionCore.classification import pointed_regions

    spec, network = model.card.classify, model.network
    encoders, drawn, regions = [], [], []
    with torch.inference_mode():
        for part in np.array_split(images, max(-(-len(images) // 32), 1)):
            x = torch.from_numpy(np.array(part, np.float32))[:, None]
            guidance = network.encode(x)
            labels = network.sample(guidance, samples=spec.samples, steps=spec.steps).double().mean(dim=0)
            encoders.append(guidance.probabilities[:, 1].double().numpy())
            drawn.append(with_temperature(labels.numpy(), spec.temperature)[:, 1])
            regions.append(pointed_regions(guidance, x, network.config, model.card.input == "labelmap")[0].numpy())
    return Said(*map(np.concatenate, (encoders, drawn, regions)))


def masking(
    model: Classifier, image: npt.NDArray, whole: Said, n: int, rng: np.random.Generator
) -> tuple[bool, bool, bool]:
    """Whether deletion, insertion, and deletion by the drawn label, beat random places, of image `n` of those in `whole`.

    Random places show something in at least half as many voxels as the region that they are compared with.
    """
    extent, places = np.array(model.network.config.region), whole.regions[n]
    others = [elsewhere(image, places[0], extent, rng) for _ in range(ELSEWHERE)]
    hidden = [masked(image, [place], extent) for place in (places[0], *others)]
    sets = [places, *([elsewhere(image, place, extent, rng) for place in places] for _ in range(ELSEWHERE))]
    found = said(model, np.stack([*hidden, *(only(image, some, extent) for some in sets)]))
    by_encoders, by_label = np.abs(found.encoders - whole.encoders[n]), np.abs(found.drawn - whole.drawn[n])
    count = len(hidden)
    deleted, inserted = by_encoders[:count], by_encoders[count:]
    return (
        bool(deleted[0] > deleted[1:].mean()),
        bool(inserted[0] < inserted[1:].mean()),
        bool(by_label[0] > by_label[1:count].mean()),
    )


def window(place: npt.NDArray, extent: npt.NDArray) -> tuple[slice, ...]:
    return tuple(slice(int(p), int(p + e)) for p, e in zip(place, extent, strict=True))


def masked(image: npt.NDArray, places: list, extent: npt.NDArray) -> npt.NDArray:
    """A copy in which there is nothing in the regions."""
    copy = np.array(image)
    for place in places:
        copy[window(place, extent)] = NOTHING
    return copy


def only(image: npt.NDArray, places: list, extent: npt.NDArray) -> npt.NDArray:
    """A copy in which there is nothing but the regions."""
    copy = np.full_like(image, NOTHING)
    for place in places:
        copy[window(place, extent)] = image[window(place, extent)]
    return copy


def elsewhere(image: npt.NDArray, first: npt.NDArray, extent: npt.NDArray, rng: np.random.Generator) -> npt.NDArray:
    """A random place for a region, of twenty tries the first with half as much in it as the first region has, or the fullest."""
    needed = 0.5 * content(image, first, extent)
    best, most = first, -1.0
    for _ in range(20):
        place = np.array([rng.integers(0, n - e + 1) for n, e in zip(image.shape, extent, strict=True)])
        held = content(image, place, extent)
        if held >= needed:
            return place
        if held > most:
            best, most = place, held
    return best


def content(image: npt.NDArray, place: npt.NDArray, extent: npt.NDArray) -> float:
    """The share of a region's voxels that show something."""
    return float(np.mean(np.abs(image[window(place, extent)] - NOTHING) > SOMETHING))


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
    middle = said(model, np.stack(images)).regions[:, 0] + np.array(model.network.config.region) / 2
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
