"""BM4D (Maggioni et al. 2013; Mäkinen et al. 2020): with Foi's stabilisation in MR, with the noise's spectrum in CT."""

from __future__ import annotations

import numpy as np

from DiffusionCore.benchmark.rivals.method import Array, Method, NoisyScan
from DiffusionCore.benchmark.rivals.rician_vst import rician_stabiliser


def bm4d(scan: NoisyScan, sigma_scale: float, profile: str) -> Array:
    """BM4D in which the noise is taken for `sigma_scale` times what it is; `profile` is bm4d's "np" or "refilter".

    MR: exact inverse(BM4D(f(y / sigma), 1)), f the Rician variance-stabilising transform. CT: the power spectrum of
    the noise, if the scan has one.
    """
    if scan.modality == "MR":
        stabiliser = rician_stabiliser()
        stabilised = stabiliser.forward(np.maximum(scan.voxels, 0), scan.sigma)
        return stabiliser.inverse(_filtered(stabilised, sigma_scale, profile), scan.sigma).astype(np.float32)
    deviation = scan.sigma * sigma_scale
    if scan.spectrum is None:
        return _filtered(scan.voxels, deviation, profile).astype(np.float32)
    # bm4d takes E|FFT(noise)|², whose mean over frequencies is the number of voxels times the variance.
    power = np.asarray(scan.spectrum, dtype=np.float64) * deviation**2 * scan.voxels.size
    return _filtered(scan.voxels, power.T, profile).astype(np.float32)


def _filtered(voxels: np.ndarray, noise: float | np.ndarray, profile: str) -> np.ndarray:
    """The package's axes are reversed against ours: it takes flat blocks where its last axis is short, as K may be."""
    from bm4d import bm4d as run

    return (
        np.asarray(run(np.asarray(voxels, dtype=np.float64).T, noise, profile=profile)).reshape(voxels.T.shape).T.copy()
    )


BM4D = Method(
    name="bm4d",
    title="BM4D",
    run=bm4d,
    distribution="bm4d",
    module="bm4d",
    licence="non-commercial use only: for comparison, never shipped nor depended on",
    pace=50,
    defaults={"sigma_scale": 1.0, "profile": "np"},
    grids={
        "MR": {"sigma_scale": (0.85, 0.95, 1.05, 1.2, 1.4), "profile": ("np",)},
        "CT": {"sigma_scale": (0.8, 1.0, 1.25, 1.5), "profile": ("np", "refilter")},
    },
)
