"""Down-sampling by spline interpolation, with no filter before it: how S2 makes its low resolution."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from DiffusionCore.degradation.degraded import Degraded, checked_voxels
from DiffusionCore.degradation.grid import aligned_grids
from DiffusionCore.errors import UsageError


def spline_downsample(
    x: npt.ArrayLike, rng: np.random.Generator | None, factor: float | Sequence[float], order: int = 3
) -> Degraded:
    """The spline of `order` (0 to 5) through `x`, read at voxels `factor` times as far apart; nothing is drawn.

    The physical box stays (`aligned_grid`; `scipy.ndimage.zoom` with `grid_mode=True` where the size divides).

    Args:
        x: (K, J, I) or (J, I).
        factor: one number of at least 1, or one for each axis.

    Returns:
        Degraded; the record holds `factor` and `origin_index` (new voxel 0 in old indices) for each axis.
    """
    from scipy.ndimage import affine_transform

    voxels = checked_voxels(x)
    if order not in range(6):
        raise UsageError(f"a spline's order is 0 to 5, got {order}")
    grids = aligned_grids(voxels.shape, factor)
    if any(grid.factor < 1 for grid in grids):
        raise UsageError(f"down-sampling needs factors of at least 1, got {[grid.factor for grid in grids]}")
    coarse = affine_transform(
        voxels,
        matrix=np.diag([grid.factor for grid in grids]),
        offset=[grid.origin for grid in grids],
        output_shape=tuple(grid.size for grid in grids),
        order=order,
        mode="reflect",
    )
    record = {
        "kind": "spline_downsample",
        "order": int(order),
        "factor": [grid.factor for grid in grids],
        "origin_index": [grid.origin for grid in grids],
    }
    return Degraded(coarse, record)
