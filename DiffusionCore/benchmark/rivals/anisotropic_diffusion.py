"""Edge-preserving diffusion as in ITK, driven by curvature (Whitaker & Xue 2001) or gradient (Perona & Malik 1990)."""

from __future__ import annotations

import numpy as np

from DiffusionCore.benchmark.rivals.method import Array, Method, NoisyScan
from DiffusionCore.benchmark.rivals.rician_bias import remove_rician_bias
from DiffusionCore.errors import UsageError

FLOWS = ("curvature", "gradient")


def anisotropic_diffusion(scan: NoisyScan, flow: str, conductance: float, iterations: int) -> Array:
    """`iterations` of `flow` ("curvature" or "gradient"); `conductance` is relative to the mean gradient, as in ITK.

    The time step is the largest stable one, smallest spacing / 2⁴.
    """
    import SimpleITK as sitk

    if flow not in FLOWS:
        raise UsageError(f"there is no flow '{flow}'; use one of {', '.join(FLOWS)}")
    diffuse = sitk.CurvatureAnisotropicDiffusion if flow == "curvature" else sitk.GradientAnisotropicDiffusion
    image = sitk.GetImageFromArray(scan.voxels)
    image.SetSpacing(scan.spacing[::-1])
    filtered = diffuse(
        image,
        timeStep=min(scan.spacing) / 16,
        conductanceParameter=float(conductance),
        numberOfIterations=int(iterations),
    )
    return remove_rician_bias(np.ascontiguousarray(sitk.GetArrayFromImage(filtered)), scan)


_GRID = {"flow": FLOWS, "conductance": (0.5, 1.0, 2.0, 4.0, 8.0), "iterations": (1, 2, 5, 10)}

ANISOTROPIC_DIFFUSION = Method(
    name="anisotropic",
    title="Anisotropic diffusion (ITK)",
    run=anisotropic_diffusion,
    distribution="SimpleITK",
    module="SimpleITK",
    licence="Apache-2.0",
    pace=1.5,
    defaults={"flow": "curvature", "conductance": 2.0, "iterations": 5},
    grids={"MR": _GRID, "CT": _GRID},
)
