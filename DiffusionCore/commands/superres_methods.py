"""Our models, and learned rivals, as methods of `benchmark superres`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ..benchmark.superres.cases import Given
    from ..benchmark.superres.run import Method
    from ..models import Model

OUR_STEPS = (1, 8)


def superres_methods(named: Sequence[str], learned: Sequence[Path]) -> list[Method]:
    """Ours in one step and as a sample, each model used for the modality and the axes on its card; each rival in one step.

    named  names or folders of ours; none: all that are installed. Raises `ModelError` for one that does not super-resolve.
    """
    from ..benchmark.superres.run import Method
    from ..models import list_models, load_model
    from ..tasks.superres.cascade import check_model

    ours = [load_model(name) for name in named] or [
        load_model(folder) for card, folder in list_models() if card.task == "super_resolve"
    ]
    rivals = [load_model(folder) for folder in learned]
    for model in (*ours, *rivals):
        check_model(model.card)
    methods = [
        Method(model.card.name, f"regression U-Net ({model.card.name})", "learned", resolver([model], 1), able([model]))
        for model in rivals
    ]
    for steps in OUR_STEPS if ours else ():
        words = "one step" if steps == 1 else f"a sample in {steps} steps"
        methods.append(Method(f"ours-{steps}", f"ours, {words}", "ours", resolver(ours, steps), able(ours)))
    return methods


def able(models: Sequence[Model]) -> Callable[[Given], bool]:
    """Whether the models together were trained for a scan's modality and for the axes that it is coarse along."""
    from ..tasks.superres.cascade import axis_groups

    def fits(scan: Given) -> bool:
        patterns = {pattern for _, pattern in axis_groups(scan.coarse.spacing, scan.case.factors)}
        return patterns <= {axes for model in fitting(models, scan) for axes in model.card.resolution.axes}

    return fits


def fitting(models: Sequence[Model], scan: Given) -> list[Model]:
    """Those for the scan's modality."""
    return [model for model in models if model.card.modality == scan.case.modality]


def resolver(models: Sequence[Model], steps: int) -> Callable[[Given], npt.NDArray[np.float32]]:
    """`super_resolve` by these models, told the new spacing, and of simulated slices how thick they are."""
    from ..tasks.superres.super_resolve import super_resolve

    def run(scan: Given) -> npt.NDArray[np.float32]:
        fine = [s / f for s, f in zip(scan.coarse.spacing, scan.case.factors, strict=True)]
        found = super_resolve(
            scan.coarse,
            loaded=fitting(models, scan),
            spacing=",".join(f"{s:.9f}" for s in reversed(fine)),
            thickness=scan.coarse.spacing[0] if scan.case.way == "slices" else None,
            steps=steps,
            texture=0.0 if steps == 1 else 1.0,
            force=True,
        )
        return found.volume.voxels.astype(np.float32)

    return run
