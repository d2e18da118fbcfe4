"""The closed list of rivals."""

from __future__ import annotations

from DiffusionCore.benchmark.rivals.adaptive_nonlocal import DENOISE_IMAGE
from DiffusionCore.benchmark.rivals.anisotropic_diffusion import ANISOTROPIC_DIFFUSION
from DiffusionCore.benchmark.rivals.block_matching import BM4D
from DiffusionCore.benchmark.rivals.local_filters import GAUSSIAN, MEDIAN
from DiffusionCore.benchmark.rivals.method import Method
from DiffusionCore.benchmark.rivals.nonlocal_means import NLM_DIPY, NLM_SKIMAGE
from DiffusionCore.benchmark.rivals.total_variation import TOTAL_VARIATION
from DiffusionCore.errors import UsageError

RIVALS: tuple[Method, ...] = (
    GAUSSIAN,
    MEDIAN,
    ANISOTROPIC_DIFFUSION,
    TOTAL_VARIATION,
    NLM_SKIMAGE,
    NLM_DIPY,
    BM4D,
    DENOISE_IMAGE,
)


def rival(name: str) -> Method:
    """The rival of that name. Raises `UsageError` naming all of them if there is none."""
    for method in RIVALS:
        if method.name == name:
            return method
    raise UsageError(f"there is no rival '{name}'; there are {', '.join(m.name for m in RIVALS)}")
