"""The amplitude behind a local mean of Rician data: what a filter made for Gaussian noise needs to be fair in MR."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from DiffusionCore.benchmark.rivals.method import Array, NoisyScan
from DiffusionCore.degradation import rician_moments


def remove_rician_bias(filtered: npt.ArrayLike, scan: NoisyScan) -> Array:
    """`filtered` as float32; in MR its values are taken for E[magnitude | nu] and replaced by nu.

    The mean of n Rician magnitudes tends to E[magnitude | nu], not to nu: 1.253 sigma in air, nu + sigma²/(2 nu) in
    tissue. Source of the moments: Koay & Basser, J Magn Reson 179:317 (2006).
    """
    values = np.asarray(filtered, dtype=np.float32)
    if scan.modality != "MR":
        return values
    nu, mean = _mean_table()
    level = values.astype(np.float64) / scan.sigma
    high = (level + np.sqrt(np.maximum(level, 2.0) ** 2 - 2)) / 2  # level = nu + 1/(2·nu), solved for nu
    return (np.where(level < mean[-1], np.interp(level, mean, nu), high) * scan.sigma).astype(np.float32)


@lru_cache(maxsize=1)
def _mean_table() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    nu = np.linspace(0.0, 20.0, 4001)
    return nu, rician_moments(nu, 1.0)[0]
