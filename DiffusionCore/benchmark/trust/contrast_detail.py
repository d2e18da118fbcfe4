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
    groups: dict[tuple, list[Insertions]] = {}
    for one in inserted:
        groups.setdefault((one.scan.case.modality, one.scan.case.label, one.radius, one.contrast), []).append(one)
    return [cell for strength in extent.strengths for cell in _cells_at(strength, groups, extent)]


def _cells_at(strength: float, groups: dict[tuple, list[Insertions]], extent: Extent) -> list[Cell]:
    found = []
    for (modality, label, radius, contrast), group in groups.items():
        subjects = [one.scan.case.subject.split("/")[0] for one in group for _ in one.before[0]]
        scores = [_scores(group, share) for share in (0.0, strength)]
        change, p = area_change(*scores, subjects, resamples=extent.resamples)
        areas = [area(*pair, subjects, resamples=extent.resamples) for pair in scores]
        kept = 1 + strength * (float(np.mean([one.kept for one in group])) - 1)
        found.append(Cell(modality, label, radius, contrast, len(subjects), kept, *areas, change, p, strength=strength))
    shown = [n for n, cell in enumerate(found) if cell.shown]
    for n, significant in zip(shown, holm([found[n].p for n in shown]), strict=True):
        found[n] = replace(found[n], falls=significant and found[n].change.estimate < 0)
    return found


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
