"""Residual structure: whether what was removed from a scan looks like its noise, voxel by voxel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.metrics.flat_tissue import reference_level
from DiffusionCore.metrics.masks import tissue_mask
from DiffusionCore.metrics.noise_estimate import NoiseEstimate
from DiffusionCore.metrics.trust_noise_model import (
    TRUNCATE,
    NoiseShape,
    box_response,
    gaussian_line,
    gaussian_response,
    noise_shape,
    standardised,
)
from DiffusionCore.volume import Volume

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

SCALES = (1.0, 1.6, 2.5)
"""Standard deviations of the Gaussians, in the finest voxel's size: blobs of about 2 to 6 voxels across."""
BACKGROUND = 10
"""Half width, in the finest voxel's size, of the moving mean that is taken out first: slow changes are bias."""
EDGE_WIDTH, EDGE_WINDOW, EDGE_START, EDGE_MOST = 1.5, 2.0, 4.0, 12.0
"""Edges: x less its Gaussian of this width; the window they are summed in; where they start to count, and count no
more, in standard deviations of the noise. Weaker ones hold noise that was left, which what was removed resembles."""
FLAGGED = 4.0
"""Standard scores from which a voxel is flagged; white noise reaches it in about one voxel of 10 000."""
DARKEST = 2.0
"""MR below this many sigma is taken as air."""


@dataclass(frozen=True, eq=False)
class Structure:
    """Standard scores of what was removed, against what the noise model would leave.

    z       (K, J, I) float32, 0 outside `tissue`: positive where the result is brighter than the scan
    tissue  (K, J, I) bool, where it was looked at
    excess  typical size of the standard scores over that of noise: under 1 in a good result, which leaves a little of
            the noise; scores are divided by it where it is more than 1
    known   whether the noise's spectrum was known
    """

    z: Floats
    tissue: Mask
    excess: float
    known: bool

    @property
    def share(self) -> float:
        """Share of the tissue's voxels that are flagged, 0 to 1."""
        count = np.count_nonzero(self.tissue)
        return float(np.count_nonzero(np.abs(self.z) > FLAGGED) / count) if count else 0.0


def residual_structure(
    original: Volume, enhanced: Volume, noise: NoiseEstimate, *, sigma: Floats | None = None, mask: Mask | None = None
) -> Structure:
    """Look in original - enhanced for what noise does not make.

    sigma  the noise at every voxel; `noise.sigma` everywhere without it
    mask   (K, J, I) bool: only there

    1. Autocorrelation: the residual, standardised (`standardised`), freed of its moving mean and smoothed at each of
       `SCALES`. A Gaussian of width s sums the residual's autocorrelation over lags up to about 2 s, so the square of
       the smoothed residual over its variance under the noise's spectrum is that autocorrelation against the noise's.
    2. Edges: the local correlation of the residual with edges of the enhanced scan, sum(w u e) over its deviation under
       the noise model: large where edges lost sharpness and where edges were invented.
    The map holds whichever is larger in size, with the sign of the smoothed enhanced - original.
    """
    rician = noise.kind == "rician"
    tissue = _tissue(original, enhanced, noise.sigma, rician)
    if mask is not None:
        tissue &= mask
    z = np.zeros(original.shape, np.float32)
    shape = noise_shape(noise, white=rician and not noise.correlated)
    known = rician or noise.spectrum is not None
    if not tissue.any() or not noise.sigma > 0:
        return Structure(z, tissue, 1.0, known)
    box = _bounding_box(tissue)
    y, x = (np.asarray(v.voxels[box], dtype=np.float32) for v in (original, enhanced))
    inside = tissue[box].astype(np.float32)
    level = np.float32(noise.sigma) if sigma is None else np.maximum(sigma[box], np.float32(1e-6 * noise.sigma))
    widths = np.array([min(original.spacing) / mm for mm in original.spacing])
    removed = standardised(y, x, level, rician=rician) * inside
    removed = _without_slow_changes(removed, inside, widths)
    blobs, excess = _blobs(removed, tissue[box], shape, widths)
    edges = _edges(removed, x / level, inside, shape, widths)
    np.maximum(np.abs(edges, out=edges), np.abs(blobs), out=edges)
    z[box] = np.copysign(edges, -blobs)
    z[~tissue] = 0
    return Structure(z, tissue, excess, known)


def _tissue(original: Volume, enhanced: Volume, sigma: float, rician: bool) -> Mask:
    """Where scan or result shows tissue: an erased structure was in the one, an invented one is in the other."""
    from scipy.ndimage import uniform_filter

    if original.modality == "CT":
        return tissue_mask(original.voxels, "CT")
    y = np.asarray(original.voxels, dtype=np.float32)
    if not rician:
        return y != 0
    mean = uniform_filter(y, 3)
    np.maximum(mean, enhanced.voxels, out=mean)
    tissue = tissue_mask(mean, "MR", level=reference_level(original.voxels))
    tissue &= mean > DARKEST * sigma
    # What is exactly zero was cut away before.
    return tissue & (y > 0)


def _bounding_box(mask: Mask) -> tuple[slice, ...]:
    box = []
    for axis in range(3):
        along = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        box.append(slice(int(along[0]), int(along[-1]) + 1))
    return tuple(box)


def _boxes(widths: npt.NDArray) -> list[int]:
    return [max(1, 2 * round(BACKGROUND * w) + 1) for w in widths]


def _without_slow_changes(removed: Floats, inside: Floats, widths: npt.NDArray) -> Floats:
    from scipy.ndimage import uniform_filter

    size = _boxes(widths)
    mean = uniform_filter(removed, size, mode="constant")
    mean /= np.maximum(uniform_filter(inside, size, mode="constant"), 1e-3)
    removed = removed - mean
    removed *= inside
    return removed


def _blobs(removed: Floats, tissue: Mask, shape: NoiseShape, widths: npt.NDArray) -> tuple[Floats, float]:
    """The largest standard score, in size, of the smoothed residual over the scales; and their excess."""
    from scipy.ndimage import gaussian_filter

    response = 1 - box_response(_boxes(widths))
    largest, smooth, before, excess = np.zeros_like(removed), removed, 0.0, 0.0
    for scale in SCALES:
        # Smoothing what is smooth already: variances of Gaussians add up.
        further = np.sqrt(scale**2 - before**2) * widths
        smooth = gaussian_filter(smooth, further, mode="constant", truncate=TRUNCATE)
        response, before = response * gaussian_response(further), scale
        score = smooth / np.float32(shape.deviation(response))
        typical = float(1.4826 * np.median(np.abs(score[tissue][::8])))
        excess = max(excess, typical)
        score /= np.float32(max(typical, 1.0))
        np.copyto(largest, score, where=np.abs(score) > np.abs(largest))
    largest *= tissue
    return largest, excess


def _edges(removed: Floats, x: Floats, inside: Floats, shape: NoiseShape, widths: npt.NDArray) -> Floats:
    """Standard scores of the residual's local correlation with strong edges of `x`, both in units of sigma."""
    from scipy.ndimage import gaussian_filter

    edges = x - gaussian_filter(x, EDGE_WIDTH * widths, mode="nearest", truncate=TRUNCATE)
    squared = edges * edges
    edges *= (squared / (squared + EDGE_START**2)) ** 2
    np.clip(edges, -EDGE_MOST, EDGE_MOST, out=edges)
    edges *= inside
    window = EDGE_WINDOW * widths
    common = gaussian_filter(removed * edges, window, mode="constant", truncate=TRUNCATE)
    # The window squared is a Gaussian narrower by the root of two, of this sum.
    summed = float(np.prod([np.sum(gaussian_line(s) ** 2) for s in window]))
    variance = gaussian_filter(edges * edges, window / np.sqrt(2), mode="constant", truncate=TRUNCATE)
    variance *= np.float32(summed * shape.gain(edges[:: max(1, len(edges) // 16)]))
    # Half a voxel's edge of one sigma is added, so that next to no edge gives next to no score.
    variance += np.float32(0.5 * summed)
    return common / np.sqrt(variance) * inside
