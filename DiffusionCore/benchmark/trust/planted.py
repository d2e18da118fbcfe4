"""Planted failures: lesions that were erased, spheres that were invented; and how much of good results is flagged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from DiffusionCore.benchmark.trust.extent import Extent
from DiffusionCore.benchmark.trust.scans import Enhancer, TrustScan
from DiffusionCore.benchmark.trust.scores import area
from DiffusionCore.benchmark.trust.sites import Sites, around, choose_sites, spheres
from DiffusionCore.metrics.bootstrap import Interval
from DiffusionCore.metrics.trust_places import PLACE_SCORE, find_places
from DiffusionCore.metrics.trust_structure import Structure, residual_structure
from DiffusionCore.volume import Volume

APART = 16.0
KINDS = ("erased", "invented")


@dataclass(frozen=True, eq=False)
class SiteScores:
    """Largest standard scores at the sites of one scan with a planted failure, and at the same sites without."""

    scan: TrustScan
    kind: str
    radius: float
    planted: np.ndarray
    clean: np.ndarray


@dataclass(frozen=True)
class GoodResult:
    """A result of the model as it is: share of tissue flagged, places named, largest score, and the alarm's excess."""

    subject: str
    label: str
    modality: str
    share: float
    places: int
    largest: float
    excess: float
    tissue: int


@dataclass(frozen=True)
class Detection:
    """Planted failures of one kind and radius: AUC over sites, and the share named at the threshold of the words."""

    modality: str
    label: str
    kind: str
    radius: float
    sites: int
    auc: Interval
    named: float
    named_without: float


def plant(scan: TrustScan, run: Enhancer, extent: Extent) -> tuple[list[SiteScores], GoodResult]:
    """Plant each kind and radius into a scan; the network runs once, on the scan without lesions.

    Erased: the scan shows a lesion, the result is what the model made of the scan without it. Invented: the result has a
    sphere that the scan has not. Half of the spheres are brighter, half darker than their surroundings.
    """
    result = run(scan.noisy, scan.noise, seed=0).voxels
    good = scan.noisy.with_voxels(result)
    base = residual_structure(scan.noisy, good, scan.noise)
    sizes = np.abs(base.z)
    summary = GoodResult(
        scan.case.subject,
        scan.case.label,
        scan.case.modality,
        base.share,
        len(find_places(base, scan.noisy, good)),
        float(sizes.max()),
        base.excess,
        int(np.count_nonzero(base.tissue)),
    )
    spacing, shape = scan.noisy.spacing, scan.noisy.shape
    sites = choose_sites(base.tissue, spacing, apart=APART, clear=2.5, most=extent.sites, seed=1)
    heights = extent.sigmas * scan.noise.sigma * np.where(np.arange(len(sites)) % 2, 1.0, -1.0)
    found = []
    for radius in extent.radii:
        lesions = spheres(sites, shape, spacing, radius, heights)
        without = _peaks(base, sites, spacing, radius)
        for kind in KINDS:
            seen, shown = (scan.scanned_with(lesions), good) if kind == "erased" else (scan.noisy, _with(good, lesions))
            structure = residual_structure(seen, shown, scan.noise)
            found.append(SiteScores(scan, kind, radius, _peaks(structure, sites, spacing, radius), without))
    return found, summary


def detections(scores: Iterable[SiteScores], resamples: int) -> list[Detection]:
    """AUC for each modality, noise level, kind and radius, over all its scans' sites."""
    groups: dict[tuple, list[SiteScores]] = {}
    for one in scores:
        case = one.scan.case
        groups.setdefault((case.modality, case.label, one.kind, one.radius), []).append(one)
    found = []
    for (modality, label, kind, radius), group in groups.items():
        planted, clean = (np.concatenate([getattr(one, name) for one in group]) for name in ("planted", "clean"))
        if not len(planted):
            continue
        subjects = [_person(one.scan.case.subject) for one in group for _ in one.planted]
        found.append(
            Detection(
                modality,
                label,
                kind,
                radius,
                len(planted),
                area(planted, clean, subjects, resamples=resamples),
                float(np.mean(planted >= PLACE_SCORE)),
                float(np.mean(clean >= PLACE_SCORE)),
            )
        )
    return found


def _peaks(structure: Structure, sites: Sites, spacing: Sequence[float], radius: float) -> np.ndarray:
    """The largest score within a voxel of the sphere, at each site."""
    peaks = []
    for site in sites:
        box, distance = around(site, structure.z.shape, spacing, radius + 1)
        peaks.append(float(np.abs(structure.z[box])[distance <= radius + 1].max()))
    return np.array(peaks)


def _with(result: Volume, added: np.ndarray) -> Volume:
    voxels = np.asarray(result.voxels) + added
    return result.with_voxels(np.maximum(voxels, 0) if result.modality == "MR" else voxels)


def _person(subject: str) -> str:
    return subject.split("/")[0]
