"""What is compared: a way from a coarse scan to a finer one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from DiffusionCore.benchmark.superres.cases import Case, Given
from DiffusionCore.benchmark.superres.interpolations import CONSISTENT, INTERPOLATIONS, interpolate


@dataclass(frozen=True, eq=False)
class Method:
    """A way to a finer scan.

    kind     `interpolation`, `projection`, `learned` (a rival that was trained), `cascade` (models named together) or `ours`
    run      what it makes of a coarse scan, on the fine grid in the scan's units
    able     whether it was made for such cases
    made_of  what its answers depend on beside its name: checksums of weights and code
    hours    of training behind what it makes of a case; None where there is none, or nobody tells
    """

    name: str
    title: str
    kind: str
    run: Callable[[Given], npt.NDArray[np.float32]]
    able: Callable[[Case], bool] = lambda case: True
    made_of: str = ""
    hours: Callable[[Case], float | None] = lambda case: None


INTERPOLATING: tuple[Method, ...] = (
    *(Method(name, title, "interpolation", partial(interpolate, name)) for name, (title, _) in INTERPOLATIONS.items()),
    Method(CONSISTENT, "B-spline 3, made consistent", "projection", partial(interpolate, CONSISTENT)),
)
