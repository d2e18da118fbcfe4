"""What a denoiser in the benchmark is: a name, a function of a noisy scan, what can be tuned, where it is from."""

from __future__ import annotations

import importlib.util
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from DiffusionCore.errors import UsageError

Array = npt.NDArray[np.float32]
Parameters = Mapping[str, Any]
Grid = Mapping[str, tuple[Any, ...]]

HU_PER_UNIT = 1000.0
"""Of a normalised CT."""


@dataclass(frozen=True, eq=False)
class NoisyScan:
    """What every method is given: the same voxels and the same knowledge about their noise; read-only.

    voxels    float32 (K, J, I), normalised: MR in units of the target's 99.5th percentile, CT in HU / 1000
    sigma     the noise's standard deviation in those units; in MR that of one channel (real or imaginary)
    modality  "MR" (Rician noise) or "CT" (additive noise)
    spacing   mm along (k, j, i)
    spectrum  the noise's power spectrum on the grid of `numpy.fft.fftn(voxels)`, mean 1; None stands for white noise
    correlation  real MR noise's lag-one autocorrelation along (k, j, i), as it was measured; None stands for white noise
    """

    voxels: Array
    sigma: float
    modality: str
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    spectrum: Array | None = None
    correlation: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        voxels = np.ascontiguousarray(self.voxels, dtype=np.float32)
        if voxels.ndim != 3 or voxels.size == 0:
            raise UsageError(f"a method is given a volume (K, J, I), got an array of shape {voxels.shape}")
        if self.modality not in ("MR", "CT"):
            raise UsageError(f"methods are compared on MR and CT, got {self.modality!r}")
        if not (np.isfinite(self.sigma) and self.sigma > 0):
            raise UsageError(f"sigma must be positive, got {self.sigma}")
        if len(self.spacing) != 3 or not all(np.isfinite(s) and s > 0 for s in self.spacing):
            raise UsageError(f"spacing must be three positive numbers in mm, got {self.spacing}")
        if self.spectrum is not None and self.spectrum.shape != voxels.shape:
            raise UsageError(f"the spectrum's shape {self.spectrum.shape} is not that of the voxels {voxels.shape}")
        voxels = voxels.view()
        voxels.flags.writeable = False
        object.__setattr__(self, "voxels", voxels)
        object.__setattr__(self, "sigma", float(self.sigma))
        object.__setattr__(self, "spacing", tuple(float(s) for s in self.spacing))


@dataclass(frozen=True)
class Method:
    """A denoiser in the tables, ours or a rival.

    name          how it is called on the command line and in tuned.yaml
    title         how it is called in tables
    run           run(scan, **parameters) -> float32 (K, J, I) normalised like the input
    distribution  the Python distribution that it needs, "" for none but ours
    module        the module of that distribution that is imported before the clock starts
    licence       of that distribution, with what it forbids
    defaults      parameters to use where nothing was tuned
    grids         for each modality the values that are tried for each parameter
    revision      raised when `run` changes, so that stored outputs of the former one are not used
    fingerprint   what else its output depends on (checksum of weights, options)
    modalities    what it is for
    kind          "rival", "learned" (a rival that was trained as ours were) or "ours"
    steps         sampling steps, where that means something
    pace          about how many seconds a million voxels take on two cores, for a forecast
    hours         of training, where it was trained and its card says so
    """

    name: str
    title: str
    run: Callable[..., Array]
    distribution: str
    module: str
    licence: str
    defaults: Parameters = field(default_factory=dict)
    grids: Mapping[str, Grid] = field(default_factory=dict)
    revision: int = 1
    fingerprint: str = ""
    modalities: tuple[str, ...] = ("MR", "CT")
    kind: Literal["rival", "learned", "ours"] = "rival"
    steps: int | None = None
    pace: float = 1.0
    hours: float | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", self.name):
            raise UsageError(f"a method's name is made of a-z, 0-9 and -, got {self.name!r}")

    def missing(self) -> str:
        """ "" where it can run, else a sentence that says what to install."""
        if not self.module or importlib.util.find_spec(self.module) is not None:
            return ""
        return f"not installed (pip install {self.distribution})"

    def version(self) -> str:
        """All that identifies the code behind the name."""
        installed = metadata.version(self.distribution) if self.distribution else ""
        return f"{self.distribution} {installed}, revision {self.revision} {self.fingerprint}".strip()

    def settings(self, modality: str) -> Iterator[dict[str, Any]]:
        """Every combination of the modality's grid, each over the defaults; the defaults alone where there is none."""
        grid = self.grids.get(modality, {})
        for values in itertools.product(*grid.values()):
            yield {**self.defaults, **dict(zip(grid, values, strict=True))}

    def at_edge(self, modality: str, parameters: Parameters) -> list[str]:
        """The numeric parameters that took the smallest or largest value of a grid of at least three."""
        numeric = {
            k: v for k, v in self.grids.get(modality, {}).items() if isinstance(v[0], int | float) and len(v) > 2
        }
        return [name for name, values in numeric.items() if parameters[name] in (min(values), max(values))]
