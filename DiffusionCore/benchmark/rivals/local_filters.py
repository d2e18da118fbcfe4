"""Filters of a fixed neighbourhood: Gaussian and median."""

from __future__ import annotations

import numpy as np

from DiffusionCore.benchmark.rivals.method import Array, Method, NoisyScan
from DiffusionCore.benchmark.rivals.rician_bias import remove_rician_bias
from DiffusionCore.errors import UsageError

FOOTPRINTS = ("cross", "plane", "cube", "plane5", "cube5")


def gaussian(scan: NoisyScan, width: float) -> Array:
    """Gaussian of standard deviation `width` in units of the finest spacing, the same in mm along every axis."""
    from scipy.ndimage import gaussian_filter

    finest = min(scan.spacing)
    filtered = gaussian_filter(scan.voxels, [width * finest / s for s in scan.spacing], mode="nearest")
    return remove_rician_bias(filtered, scan)


def median(scan: NoisyScan, footprint: str) -> Array:
    """Median over the 7 voxels of a `cross`, 3×3 in the slice (`plane`), 3×3×3 (`cube`), or 5 wide."""
    from scipy.ndimage import generate_binary_structure, median_filter

    shapes = {
        "cross": generate_binary_structure(3, 1),
        "plane": np.ones((1, 3, 3), bool),
        "cube": np.ones((3, 3, 3), bool),
        "plane5": np.ones((1, 5, 5), bool),
        "cube5": np.ones((5, 5, 5), bool),
    }
    if footprint not in shapes:
        raise UsageError(f"there is no footprint '{footprint}'; use one of {', '.join(FOOTPRINTS)}")
    return remove_rician_bias(median_filter(scan.voxels, footprint=shapes[footprint], mode="nearest"), scan)


_WIDTHS = {"width": (0.35, 0.45, 0.55, 0.65, 0.8, 1.0, 1.3, 1.7)}

GAUSSIAN = Method(
    name="gaussian",
    title="Gaussian",
    run=gaussian,
    distribution="scipy",
    module="scipy",
    licence="BSD-3-Clause",
    pace=0.1,
    defaults={"width": 0.65},
    grids={"MR": _WIDTHS, "CT": _WIDTHS},
)

MEDIAN = Method(
    name="median",
    title="Median",
    run=median,
    distribution="scipy",
    module="scipy",
    licence="BSD-3-Clause",
    defaults={"footprint": "cross"},
    grids={"MR": {"footprint": FOOTPRINTS}, "CT": {"footprint": FOOTPRINTS}},
)
