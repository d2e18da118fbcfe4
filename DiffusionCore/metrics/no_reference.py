"""Figures that need no reference: SNR and CNR in flat tissue, edge sharpness, mean intensity shift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from DiffusionCore.errors import UsageError
from DiffusionCore.metrics.flat_tissue import (
    SOFT_TISSUE_HU,
    Mask,
    find_slab,
    reference_level,
    slab_ranges,
    slices_alike,
)
from DiffusionCore.metrics.sharpness import Edges, edge_profile, find_edges, mtf50, rise_distance

SLABS = 4
WINDOW = 6
FLAT_SHARE = 0.3
FEWEST_WINDOWS = 30
FLATTEST_SHARE = 0.05
FLATTEST_SMOOTHING = 2.0
CT_AIR_HU = -1000.0


@dataclass(frozen=True, eq=False)
class Regions:
    """Where a scan is measured; found once on the original, used on whatever is compared with it.

    slices   the slices that were looked at
    corners  (N, 3) near corners (index into `slices`, j, i) of windows of 6 x 6 voxels
    flat     (N,) the flattest of them, of whatever tissue
    classes  (N,) the flattest windows of the two largest tissue classes: 0 and 1, -1 others
    tissue   (len(slices), J, I)
    edges    strong edges in those slices
    """

    slices: npt.NDArray[np.intp]
    corners: npt.NDArray[np.intp]
    flat: npt.NDArray[np.bool_]
    classes: npt.NDArray[np.intp]
    tissue: Mask
    edges: Edges
    modality: str


@dataclass(frozen=True)
class Figures:
    """What can be said of one scan; nan where it cannot.

    snr        median over flat windows of mean / deviation; in CT of (mean + 1000 HU) / deviation
    cnr        |difference of the means of the two largest flat tissue classes| / their common deviation
    rise_mm    10 to 90 % distance of the median profile over strong edges, mm (voxels if the spacing is 1)
    mtf50      frequency at half modulation of the same profile, cycles/mm
    mean       mean over tissue
    """

    snr: float
    cnr: float
    rise_mm: float
    mtf50: float
    mean: float


def find_regions(
    voxels: npt.NDArray,
    modality: str,
    spacing: Sequence[float] | None = None,
    mask: npt.NDArray[np.bool_] | None = None,
) -> Regions:
    """Flat windows, tissue classes and edges in at most four slabs of a scan (K, J, I).

    Flat windows are the 30 % of windows wholly in tissue over which the 5 x 5 local mean varies least, overall and in
    each class. Where slices are thin the next slice is judged for this: its tissue is the same and its noise another, so
    that places where noise happens to be low are not preferred.
    """
    voxels = np.asarray(voxels)
    if voxels.ndim != 3:
        raise UsageError(f"regions are sought in a volume (K, J, I), got {voxels.ndim} dimensions")
    reference = reference_level(voxels)
    slices, slabs, judged = [], [], []
    alike = slices_alike(len(voxels), spacing)
    for first, last in sorted(slab_ranges(voxels.shape, SLABS)):
        # Two slices of a slab say nearly as much as all of them.
        chosen = np.arange(first, min(first + 2, last))
        part = np.nan_to_num(voxels[chosen].astype(np.float32), posinf=0, neginf=0)
        inside = None if mask is None else np.asarray(mask[chosen], dtype=bool)
        slices.append(chosen)
        slabs.append(find_slab(part, modality, reference, inside))
        judged.append(slabs[-1].local_mean[::-1] if alike else slabs[-1].local_mean)
    stack, tissue = (np.concatenate([getattr(slab, name) for slab in slabs]) for name in ("voxels", "tissue"))
    corners, unevenness = _tissue_windows(tissue, np.concatenate(judged))
    means = _windows(stack, corners).mean(axis=(1, 2)) if len(corners) else np.empty(0)
    in_plane = (1.0, 1.0) if spacing is None else (float(spacing[1]), float(spacing[2]))
    return Regions(
        slices=np.concatenate(slices),
        corners=corners,
        flat=_flattest(unevenness),
        classes=_two_largest(means, unevenness),
        tissue=tissue,
        edges=find_edges(stack, in_plane, None if mask is None else mask[np.concatenate(slices)]),
        modality=modality,
    )


def figures(voxels: npt.NDArray, regions: Regions) -> Figures:
    """Measure a scan (K, J, I) in regions found on it or on its original."""
    stack = np.nan_to_num(np.asarray(voxels)[regions.slices].astype(np.float32), posinf=0, neginf=0)
    snr = cnr = rise = sharp = float("nan")
    if np.count_nonzero(regions.flat) >= FEWEST_WINDOWS:
        windows = _windows(stack, regions.corners).astype(np.float64)
        means, deviations = windows.mean(axis=(1, 2)), _detrended_deviation(windows)
        snr = _signal_to_noise(means[regions.flat], deviations[regions.flat], regions.modality)
        cnr = contrast_to_noise(means, deviations, regions.classes)
    profile = edge_profile(stack, regions.edges)
    if profile is not None:
        rise = rise_distance(profile.distance, profile.value)
        sharp = mtf50(profile.distance, profile.value)
    mean = float(stack[regions.tissue].mean(dtype=np.float64)) if regions.tissue.any() else float("nan")
    return Figures(snr, cnr, rise, sharp, mean)


def noise_where_flattest(
    original: npt.NDArray,
    scans: Sequence[npt.NDArray],
    modality: str,
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    tissue: npt.NDArray[np.bool_] | None = None,
) -> list[float]:
    """Median standard deviation of each scan (K, J, I) in the same windows: where the original changes least.

    Of the windows of 6 x 6 voxels wholly in `tissue` (in CT in soft tissue of it) the 5 %, and 30 at least, over which the
    original varies least after a Gaussian of two voxels in every direction: so coarse a picture knows little of the noise that is
    measured. Each deviation is about the window's own plane. Anatomy that is left in a window counts as noise, so that a
    strong reduction is understated. nan with under 30 windows.
    """
    from scipy.ndimage import gaussian_filter

    coarse = gaussian_filter(np.asarray(original, np.float32), [FLATTEST_SMOOTHING * min(spacing) / s for s in spacing])
    inside = np.ones(coarse.shape, bool) if tissue is None else np.asarray(tissue, bool)
    if modality == "CT":
        inside = inside & (coarse > SOFT_TISSUE_HU[0]) & (coarse < SOFT_TISSUE_HU[1])
    corners, unevenness = _tissue_windows(inside, coarse)
    if len(corners) < FEWEST_WINDOWS:
        return [float("nan")] * len(scans)
    share = max(FLATTEST_SHARE, FEWEST_WINDOWS / len(corners))
    flattest = corners[unevenness <= np.quantile(unevenness, share)]
    windows = (_windows(np.asarray(scan), flattest).astype(np.float64) for scan in scans)
    return [float(np.median(_detrended_deviation(found))) for found in windows]


def contrast_to_noise(means: npt.NDArray, deviations: npt.NDArray, classes: npt.NDArray) -> float:
    """|mean of class 0 - mean of class 1| over the root mean square of their deviations; nan with one class."""
    first, second = classes == 0, classes == 1
    if not first.any() or not second.any():
        return float("nan")
    noise = np.sqrt((np.mean(deviations[first] ** 2) + np.mean(deviations[second] ** 2)) / 2)
    return float(abs(means[first].mean() - means[second].mean()) / noise) if noise > 0 else float("inf")


def mean_shift(original: npt.ArrayLike, enhanced: npt.ArrayLike, mask: npt.ArrayLike | None = None) -> float:
    """Mean of enhanced - original over the mask, in the scan's units (HU in CT)."""
    original, enhanced = np.asarray(original), np.asarray(enhanced)
    if original.shape != enhanced.shape:
        raise UsageError(f"two scans to compare must have one shape, got {original.shape} and {enhanced.shape}")
    chosen = ... if mask is None else np.asarray(mask, dtype=bool)
    before, after = original[chosen], enhanced[chosen]
    return float(after.mean(dtype=np.float64) - before.mean(dtype=np.float64)) if before.size else float("nan")


def _signal_to_noise(means: npt.NDArray, deviations: npt.NDArray, modality: str) -> float:
    signal = means - CT_AIR_HU if modality == "CT" else means
    noisy = deviations > 1e-6 * np.abs(signal)
    return float(np.median(signal[noisy] / deviations[noisy])) if noisy.any() else float("inf")


def _tissue_windows(tissue: Mask, judged: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.intp], npt.NDArray]:
    """Corners of the windows wholly in tissue, side by side, and the range of `judged`, a local mean, over each."""
    n = WINDOW
    rows, columns = tissue.shape[1] // n, tissue.shape[2] // n
    tiled = (len(tissue), rows, n, columns, n)
    covered = tissue[:, : rows * n, : columns * n].reshape(tiled).all(axis=(2, 4))
    places = np.argwhere(covered) * np.array([1, n, n])
    if not len(places):
        return places, np.empty(0)
    return places, np.ptp(_windows(judged, places).reshape(len(places), -1), axis=1)


def _flattest(unevenness: npt.NDArray) -> npt.NDArray[np.bool_]:
    if not len(unevenness):
        return np.zeros(0, dtype=bool)
    return unevenness <= np.quantile(unevenness, FLAT_SHARE)


def _windows(stack: npt.NDArray, corners: npt.NDArray[np.intp]) -> npt.NDArray:
    k, j, i = corners.T[:, :, None, None]
    return stack[k, j + np.arange(WINDOW)[:, None], i + np.arange(WINDOW)[None, :]]


def _detrended_deviation(windows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Standard deviation within each window about its own plane, so that a slow change of tissue does not count."""
    n = windows.shape[-1]
    line = np.arange(n) - (n - 1) / 2
    basis = np.stack([np.ones((n, n)), np.broadcast_to(line[:, None], (n, n)), np.broadcast_to(line, (n, n))])
    basis = basis.reshape(3, -1) / np.linalg.norm(basis.reshape(3, -1), axis=1, keepdims=True)
    flat = windows.reshape(len(windows), -1)
    return np.sqrt(np.sum((flat - flat @ basis.T @ basis) ** 2, axis=1) / (n * n - 3))


def _two_largest(means: npt.NDArray, unevenness: npt.NDArray) -> npt.NDArray[np.intp]:
    """The flattest windows of the two largest tissue classes.

    Classes are the peaks of the histogram of all windows' means, cut at the valleys between.
    """
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import find_peaks

    classes = np.full(len(means), -1, dtype=np.intp)
    if len(means) < FEWEST_WINDOWS:
        return classes
    low, high = np.quantile(means, [0.005, 0.995])
    if high <= low:
        return classes
    counts, edges = np.histogram(means, bins=64, range=(low, high))
    smooth = gaussian_filter1d(np.pad(counts.astype(np.float64), 8), 2.0)
    peaks, _ = find_peaks(smooth, prominence=0.02 * smooth.max())
    valleys = [a + int(np.argmin(smooth[a : b + 1])) - 8 for a, b in pairwise(peaks)]
    members = np.searchsorted(edges[np.array(valleys, dtype=np.intp)], means, side="right")
    sizes = np.bincount(members, minlength=len(peaks))
    for name, part in enumerate(np.argsort(sizes)[::-1][:2]):
        here = np.flatnonzero(members == part)
        classes[here[_flattest(unevenness[here])]] = name
    return classes
