"""Edge sharpness without a reference: the profile across the strongest edges, its rise and its MTF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.errors import UsageError
from DiffusionCore.metrics.noise_bands import robust_deviation

FloatArray = npt.NDArray[np.float64]

REACH = 6.0
"""Profiles go this many (finer in-plane) voxels to either side of an edge."""
STEP = 0.25
PLATEAU = 4.5
"""From here on outwards a profile has reached the level of its side."""
SMOOTH = 1.5
STRONG = 0.5
"""Edges count from this fraction of the 95th percentile of the clean edges' gradients."""
ABOVE_NOISE = 5.0
"""Least height of an edge over the deviation of what smoothing takes away: noise alone has none so high."""
FEWEST = 20


@dataclass(frozen=True, eq=False)
class Edges:
    """Places of strong edges in the slices of a stack.

    places     (N, 3) voxel positions (k, j, i), subpixel, where a profile is halfway up
    direction  (N, 2) unit vectors (j, i) in mm, uphill
    spacing    mm along (j, i)
    """

    places: FloatArray
    direction: FloatArray
    spacing: tuple[float, float]


@dataclass(frozen=True, eq=False)
class EdgeProfile:
    """The median profile over many edges: distance (mm, uphill) and value (0 low side, 1 high side)."""

    distance: FloatArray
    value: FloatArray
    edges: int


def find_edges(
    slices: npt.ArrayLike,
    spacing: Sequence[float] = (1.0, 1.0),
    mask: npt.NDArray[np.bool_] | None = None,
    most: int = 400,
) -> Edges:
    """Up to `most` strong, clean edges in a stack of slices (K, J, I) or one slice (J, I).

    An edge is a local maximum, along its own direction, of the in-plane gradient after smoothing by 1.5 voxels. Kept
    are those whose two sides are flat against their contrast: ridges, thin walls and corners have no rise to measure,
    nor has the cut to an exact zero of a masked background. All of this is judged on the smoothed copy, or else places
    would be chosen where noise happens to steepen the edge. Edges should be found once, on the original, and measured
    at the same places in what was made of it.
    """
    from scipy.ndimage import gaussian_filter

    stack = _stack(slices)
    step_j, step_i = _checked(spacing)
    smooth = gaussian_filter(stack, (0, SMOOTH, SMOOTH))
    slope_j, slope_i = np.zeros_like(smooth), np.zeros_like(smooth)
    slope_j[:, 1:-1] = (smooth[:, 2:] - smooth[:, :-2]) / (2 * step_j)
    slope_i[:, :, 1:-1] = (smooth[:, :, 2:] - smooth[:, :, :-2]) / (2 * step_i)
    strength = np.hypot(slope_j, slope_i)
    margin = int(np.ceil(REACH)) + 2
    inside = np.zeros(stack.shape, dtype=bool)
    inside[:, margin:-margin, margin:-margin] = True
    if mask is not None:
        inside &= np.asarray(mask, dtype=bool).reshape(stack.shape)
    candidates = np.argwhere(inside & (strength > 0))
    if not len(candidates):
        return Edges(np.empty((0, 3)), np.empty((0, 2)), (step_j, step_i))
    size = strength[tuple(candidates.T)]
    # Far more than needed: most of the steepest places are not clean.
    order = np.argsort(size)[::-1][: max(20 * most, len(size) // 20)]
    candidates, size = candidates[order], size[order]
    direction = np.stack([slope_j[tuple(candidates.T)], slope_i[tuple(candidates.T)]], axis=1) / size[:, None]
    found = Edges(candidates.astype(np.float64), direction, (step_j, step_i))
    crest = size >= 0.999 * _sampled(strength, found, np.array([-1.0, 1.0]) * min(step_j, step_i)).max(axis=1)
    found = _chosen(found, np.flatnonzero(crest))
    found = _chosen(found, _apart(found.places, 3.0))
    distance = _distances(found.spacing)
    clean, centre = _clean(_sampled(smooth, found, distance), distance, min(found.spacing))
    noise = robust_deviation((stack - smooth)[inside][:: max(1, np.count_nonzero(inside) // 100_000)])
    clean &= _rises(_sampled(stack, found, distance), distance, min(found.spacing), ABOVE_NOISE * noise)
    kept = np.flatnonzero(clean)
    if len(kept):
        steep = strength[tuple(found.places[kept].astype(np.intp).T)]
        # Evenly among the strong ones: the very strongest are those that noise steepened.
        kept = kept[steep >= STRONG * np.quantile(steep, 0.95)]
        kept = kept[np.linspace(0, len(kept) - 1, min(most, len(kept))).astype(np.intp)]
    shift = (centre[kept, None] * found.direction[kept]) / np.array(found.spacing)
    places = found.places[kept].copy()
    places[:, 1:] += shift
    return Edges(places, found.direction[kept], found.spacing)


def edge_profile(slices: npt.ArrayLike, edges: Edges) -> EdgeProfile | None:
    """The median of the profiles across `edges`, each scaled to its own sides; None with fewer than 20 edges."""
    if len(edges.places) < FEWEST:
        return None
    distance = _distances(edges.spacing)
    profiles = _sampled(_stack(slices), edges, distance)
    unit = min(edges.spacing)
    low = profiles[:, distance <= -PLATEAU * unit].mean(axis=1)
    contrast = profiles[:, distance >= PLATEAU * unit].mean(axis=1) - low
    usable = contrast > 0
    if np.count_nonzero(usable) < FEWEST:
        return None
    scaled = (profiles[usable] - low[usable, None]) / contrast[usable, None]
    return EdgeProfile(distance, np.median(scaled, axis=0), int(np.count_nonzero(usable)))


def rise_distance(distance: npt.ArrayLike, value: npt.ArrayLike) -> float:
    """Distance over which an edge profile rises from 10 to 90 % of its height, in the units of `distance`.

    For a step blurred by a Gaussian of standard deviation s it is 2.563 s. Linear interpolation between voxels alone
    gives 0.8 of a voxel.
    """
    distance, value = _profile(distance, value)
    return _crossing(distance, value, 0.9) - _crossing(distance, value, 0.1)


def mtf50(distance: npt.ArrayLike, value: npt.ArrayLike) -> float:
    """Frequency at which the modulation transfer function of an edge profile falls to one half, cycles per distance.

    `distance` is evenly spaced and centred near the edge; `value` goes from 0 to 1. The line spread function is its
    derivative by differences, whose own response is divided out; its outer quarters are tapered against the plateaus'
    noise. NaN if the function stays above one half up to the sampling's Nyquist frequency.

    Source: ISO 12233; Samei et al., Med Phys 25:102 (1998).
    """
    from scipy.signal.windows import tukey

    distance, value = _profile(distance, value)
    step = float(distance[1] - distance[0])
    spread = np.diff(value)
    spread = spread * tukey(len(spread), 0.25)
    size = 16 * len(spread)
    frequency = np.fft.rfftfreq(size, step)
    transfer = np.abs(np.fft.rfft(spread, size)) / np.maximum(np.sinc(frequency * step), 1e-6)
    transfer /= transfer[0]
    below = np.flatnonzero(transfer < 0.5)
    if not len(below):
        return float("nan")
    n = below[0]
    return float(np.interp(0.5, [transfer[n], transfer[n - 1]], [frequency[n], frequency[n - 1]]))


def _stack(slices: npt.ArrayLike) -> npt.NDArray[np.float32]:
    stack = np.asarray(slices, dtype=np.float32)
    stack = stack[None] if stack.ndim == 2 else stack
    if stack.ndim != 3:
        raise UsageError(f"edges are sought in slices (J, I) or (K, J, I), got {stack.ndim} dimensions")
    return stack


def _checked(spacing: Sequence[float]) -> tuple[float, float]:
    if len(spacing) != 2 or min(spacing) <= 0:
        raise UsageError(f"the spacing of slices is two positive lengths (j, i) in mm, got {tuple(spacing)}")
    return float(spacing[0]), float(spacing[1])


def _distances(spacing: tuple[float, float]) -> FloatArray:
    count = round(REACH / STEP)
    return np.arange(-count, count + 1) * STEP * min(spacing)


def _sampled(stack: npt.NDArray[np.float32], edges: Edges, distance: FloatArray) -> FloatArray:
    """Values (N, len(distance)) along each edge's direction, interpolated linearly in the slice."""
    from scipy.ndimage import map_coordinates

    places = edges.places
    offset = edges.direction[:, :, None] * distance / np.array(edges.spacing)[None, :, None]
    k = np.broadcast_to(places[:, :1], (len(places), len(distance)))
    coordinates = [k, places[:, 1:2] + offset[:, 0], places[:, 2:3] + offset[:, 1]]
    return map_coordinates(stack, coordinates, order=1, mode="nearest").astype(np.float64)


def _chosen(edges: Edges, index: npt.NDArray[np.intp]) -> Edges:
    return Edges(edges.places[index], edges.direction[index], edges.spacing)


def _apart(places: FloatArray, distance: float) -> npt.NDArray[np.intp]:
    """The strongest place in each cell of `distance` voxels: neighbours on one edge say the same."""
    cells = np.floor(places / np.array([1.0, distance, distance])).astype(np.int64)
    _, first = np.unique(cells, axis=0, return_index=True)
    return np.sort(first)


def _clean(profiles: FloatArray, distance: FloatArray, unit: float) -> tuple[npt.NDArray[np.bool_], FloatArray]:
    """Which profiles are single steps between two flat sides, and where each is halfway up."""
    left, right = profiles[:, distance <= -PLATEAU * unit], profiles[:, distance >= PLATEAU * unit]
    low, high = left.mean(axis=1), right.mean(axis=1)
    contrast = high - low
    safe = np.where(contrast > 0, contrast, 1.0)
    flat = (np.ptp(left, axis=1) < 0.3 * safe) & (np.ptp(right, axis=1) < 0.3 * safe)
    bounded = (profiles.max(axis=1) < high + 0.25 * safe) & (profiles.min(axis=1) > low - 0.25 * safe)
    scaled = (profiles - low[:, None]) / safe[:, None]
    crossings = np.array([_crossing(distance, row, 0.5) for row in scaled]) if len(scaled) else np.empty(0)
    central = np.abs(crossings) < 1.5 * unit
    return (contrast > 0) & flat & bounded & central, np.where(np.isfinite(crossings), crossings, 0.0)


def _rises(profiles: FloatArray, distance: FloatArray, unit: float, least: float) -> npt.NDArray[np.bool_]:
    """Which unsmoothed profiles rise by more than `least` and were not cut to exact zeros."""
    left, right = profiles[:, distance <= -PLATEAU * unit], profiles[:, distance >= PLATEAU * unit]
    uncut = np.count_nonzero(profiles == 0, axis=1) < 3
    return uncut & (right.mean(axis=1) - left.mean(axis=1) > least)


def _crossing(distance: FloatArray, value: FloatArray, level: float) -> float:
    """Where a rising profile crosses `level`, at its crossing nearest to the middle; NaN if it does not."""
    up = np.flatnonzero((value[:-1] < level) & (value[1:] >= level))
    if not len(up):
        return float("nan")
    n = up[np.argmin(np.abs(distance[up]))]
    return float(np.interp(level, value[n : n + 2], distance[n : n + 2]))


def _profile(distance: npt.ArrayLike, value: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    distance, value = np.asarray(distance, dtype=np.float64), np.asarray(value, dtype=np.float64)
    if distance.ndim != 1 or distance.shape != value.shape or len(distance) < 8:
        raise UsageError(f"a profile is two lines of 8 or more points, got {distance.shape} and {value.shape}")
    if not np.allclose(np.diff(distance), distance[1] - distance[0]) or distance[1] <= distance[0]:
        raise UsageError("a profile's distances must rise in even steps")
    return distance, value
