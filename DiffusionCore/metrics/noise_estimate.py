"""`NoiseEstimate`: what is known of a scan's noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.metrics.noise_map import upsampled


@dataclass(frozen=True, eq=False)
class NoiseEstimate:
    """The noise of a scan; deviations are in the volume's own units.

    sigma        standard deviation of the noise; of one channel (real or imaginary) for kind "rician"
    kind         "rician" (MR magnitude) or "gaussian"
    correlated   whether neighbouring voxels share noise (zero-filled MR, a CT kernel); sigma is then the total
                 deviation, not that of white noise with the same finest sub-band
    correlation  lag-one autocorrelation along (k, j, i), nan where unknown; contains what anatomy the windows hold
    map          (slabs, bj, bi) float32, coarse and slowly varying, median about sigma; None where the noise is even
    reliable     whether to go by it without a look; `reason` says in a sentence what was measured, or what is wrong
    lower        deviation of the finest sub-band, as if white: the noise is not less
    upper        deviation from the power spectrum of the quietest tissue: the noise is hardly more; anatomy is in it
    air          deviation outside the patient: from the Rayleigh background in MR, as it is in CT; None without air
    spectrum     (n, n) in-plane power spectrum, zero frequency first, mean = sigma^2; None with too little flat tissue
    """

    sigma: float
    kind: str
    correlated: bool = False
    correlation: tuple[float, float, float] = (float("nan"),) * 3
    map: npt.NDArray[np.float32] | None = None
    reliable: bool = True
    reason: str = ""
    lower: float | None = None
    upper: float | None = None
    air: float | None = None
    spectrum: npt.NDArray[np.float64] | None = None
    map_places: tuple[npt.NDArray[np.float64], ...] | None = None

    @property
    def least(self) -> float:
        """The deviation that the noise has at least: of its finest sub-band where that was measured, else `sigma`."""
        return self.sigma if self.lower is None else self.lower

    def sigma_map(self, shape: tuple[int, int, int]) -> npt.NDArray[np.float32]:
        """Noise level at every voxel of a (K, J, I) grid over the same box; even if there is no map."""
        if self.map is None or self.map_places is None:
            return np.full(shape, self.sigma, dtype=np.float32)
        return upsampled(self.map, self.map_places, shape)
