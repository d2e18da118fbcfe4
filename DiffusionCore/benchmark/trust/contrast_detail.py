"""The contrast-detail test: does enhancement take from a reader what the scan showed?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from DiffusionCore.benchmark.trust.extent import Extent
from DiffusionCore.benchmark.trust.observer import Responses, channel_responses, hotelling_scores
from DiffusionCore.benchmark.trust.scans import Enhancer, TrustScan
from DiffusionCore.benchmark.trust.scores import area, area_change, holm
from DiffusionCore.benchmark.trust.sites import choose_sites, spheres
from DiffusionCore.metrics.bootstrap import Interval

APART = 12.0
SHOWN = 0.75
"""AUC from which the scan shows a size and contrast."""


@dataclass(frozen=True, eq=False)
class Insertions:
    """Channel responses at the sites of one scan, for a size and contrast: (present, absent) in scan and in result.

    kept  the inserted contrast in the result over that in the scan, over all the spheres' voxels
    """

    scan: TrustScan
    radius: float
    contrast: float
    before: tuple[Responses, Responses]
    after: tuple[Responses, Responses]
    kept: float


@dataclass(frozen=True)
class Cell:
    """A size and contrast, at a strength (1: the model's result, 0: the scan).

    insertions    how many
    kept          part of the inserted contrast that is in the result, mean over scans
    scan, result  AUC of the observer in each
    change        result less scan
    p             of no change; `falls`: what the scan shows is lost, with Holm's correction over all that it shows
    """

    modality: str
    label: str
    radius: float
    contrast: float
    insertions: int
    kept: float
    scan: Interval
    result: Interval
    change: Interval
    p: float
    falls: bool = False
    strength: float = 1.0

    @property
    def shown(self) -> bool:
        return self.scan.estimate >= SHOWN


def insert(scan: TrustScan, run: Enhancer, extent: Extent, share: int) -> Iterator[Insertions]:
    """Insert spheres at `share` sites or so of a scan, a size and contrast at a time, and enhance it each time.

    With and without a sphere a site has the same noise. Spheres are brighter and darker in turn; a darker one's
    responses are turned round, so that one template holds for both.
    """
    spacing, shape = scan.noisy.spacing, scan.noisy.shape
    sites = choose_sites(scan.tissue, spacing, apart=APART, clear=2.0, most=share, seed=2)
    if not len(sites):
        return
    signs = np.where(np.arange(len(sites)) % 2, 1.0, -1.0)

    def responses(voxels: np.ndarray) -> Responses:
        return channel_responses(voxels, sites, spacing) * signs[:, None]

    plain = run(scan.noisy, scan.noise, seed=0).voxels
    without = responses(scan.noisy.voxels), responses(plain)
    for radius in extent.sizes:
        for contrast in extent.contrasts:
            added = spheres(sites, shape, spacing, radius, signs * contrast * scan.noise.sigma)
            noisy = scan.scanned_with(added)
            result = run(noisy, scan.noise, seed=0).voxels
            with_it = responses(noisy.voxels), responses(result)
            given, shown = (float(np.vdot(added, v)) for v in (noisy.voxels - scan.noisy.voxels, result - plain))
            pairs = (with_it[0], without[0]), (with_it[1], without[1])
            yield Insertions(scan, radius, contrast, *pairs, shown / given if given else float("nan"))


def cells(inserted: Iterable[Insertions], extent: Extent) -> list[Cell]:
    """Every size and contrast over all scans of a modality and noise level, at each strength; Holm-corrected over what
    the scans show."""
    grouped: dict[tuple, list[Insertions]] = {}
    for one in inserted:
        grouped.setdefault((one.scan.case.modality, one.scan.case.label, one.radius, one.contrast), []).append(one)
    groups = [_group(what, group, extent.resamples) for what, group in grouped.items()]
    return [
        cell
        for strength in extent.strengths
        for cell in _corrected([_cell(group, strength, extent.resamples) for group in groups])
    ]


@dataclass(frozen=True, eq=False)
class _Group:
    """All insertions of a size and contrast, and how the observer does in the scans: the same at every strength.

    what      modality, label, radius and contrast
    subjects  of each site
    """

    what: tuple[str, str, float, float]
    insertions: list[Insertions]
    subjects: list[str]
    scores: tuple[np.ndarray, np.ndarray]
    area: Interval


def _group(what: tuple[str, str, float, float], insertions: list[Insertions], resamples: int) -> _Group:
    subjects = [one.scan.case.subject.split("/")[0] for one in insertions for _ in one.before[0]]
    scores = _scores(insertions, 0.0)
    return _Group(what, insertions, subjects, scores, area(*scores, subjects, resamples=resamples))


def _cell(group: _Group, strength: float, resamples: int) -> Cell:
    scores = _scores(group.insertions, strength)
    change, p = area_change(group.scores, scores, group.subjects, resamples=resamples)
    result = area(*scores, group.subjects, resamples=resamples)
    kept = 1 + strength * (float(np.mean([one.kept for one in group.insertions])) - 1)
    return Cell(*group.what, len(group.subjects), kept, group.area, result, change, p, strength=strength)


def _corrected(found: list[Cell]) -> list[Cell]:
    """The cells of one strength with those marked of which what the scan shows is lost."""
    shown = [n for n, cell in enumerate(found) if cell.shown]
    lost = {n for n, falls in zip(shown, holm([found[n].p for n in shown]), strict=True) if falls}
    return [replace(cell, falls=n in lost and cell.change.estimate < 0) for n, cell in enumerate(found)]


def _scores(group: list[Insertions], strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Observer scores of all sites with and without, in y + strength (x - y); responses, which are linear, are in units of
    each scan's noise."""
    present, absent = (
        np.concatenate(
            [
                (one.before[which] + strength * (one.after[which] - one.before[which])) / one.scan.noise.sigma
                for one in group
            ]
        )
        for which in (0, 1)
    )
    return hotelling_scores(present, absent)
