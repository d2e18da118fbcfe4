"""Where lesions are planted, and the spheres that they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Sites = npt.NDArray[np.intp]


def choose_sites(inside: Mask, spacing: Sequence[float], *, apart: float, clear: float, most: int, seed: int) -> Sites:
    """(N, 3) voxels of `inside`, at least `apart` from each other and `clear` from where it ends, in the finest voxel's
    size; at most `most`, in an order drawn from `seed`. The crop's edge counts as an end.
    """
    from scipy.ndimage import distance_transform_edt

    scale = np.array(spacing) / min(spacing)
    padded = np.pad(inside, 1)
    depth = distance_transform_edt(padded, sampling=scale)[1:-1, 1:-1, 1:-1]
    places = np.argwhere(depth > clear)
    np.random.default_rng(seed).shuffle(places)
    chosen: list[npt.NDArray] = []
    taken = np.empty((0, 3))
    for place in places:
        here = place * scale
        if len(taken) and np.min(np.sum((taken - here) ** 2, axis=1)) < apart**2:
            continue
        chosen.append(place)
        taken = np.vstack([taken, here])
        if len(chosen) == most:
            break
    return np.array(chosen, dtype=np.intp).reshape(-1, 3)


def around(site: npt.NDArray, shape: Sequence[int], spacing: Sequence[float], reach: float) -> tuple[tuple, Floats]:
    """The box within `reach` of a site (in the finest voxel's size), and each of its voxels' distance from the site."""
    scale = np.array(spacing) / min(spacing)
    box = tuple(
        slice(max(0, int(c - reach / s) - 1), min(n, int(c + reach / s) + 2))
        for c, n, s in zip(site, shape, scale, strict=True)
    )
    grids = np.meshgrid(*(np.arange(b.start, b.stop) for b in box), indexing="ij")
    square = sum(((g - c) * s) ** 2 for g, c, s in zip(grids, site, scale, strict=True))
    return box, np.sqrt(square).astype(np.float32)


def spheres(
    sites: Sites, shape: Sequence[int], spacing: Sequence[float], radius: float, heights: npt.NDArray
) -> Floats:
    """(K, J, I) with a sphere of `radius` (in the finest voxel's size) and its own height at each site, its surface
    blurred over one voxel.
    """
    image = np.zeros(tuple(shape), np.float32)
    for site, height in zip(sites, heights, strict=True):
        box, distance = around(site, shape, spacing, radius + 1)
        image[box] += np.float32(height) * np.clip(radius + 0.5 - distance, 0, 1)
    return image
