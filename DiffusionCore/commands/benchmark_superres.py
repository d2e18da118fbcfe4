"""The part of `benchmark` that compares super-resolution: our models, and trained rivals, as methods."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..progress import Progress
from .tables import Table

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..benchmark.superres.cases import Case, Given
    from ..benchmark.superres.methods import Method
    from ..models import Model

OUR_STEPS = (1, 8)
PARTS = ("mr", "mr-other", "mr-slices", "mr-four", "mr-spline", "mr-thick", "ct", "ct-plane", "real")


def superres_table(given: argparse.Namespace, root: Path, progress: Progress) -> Table:
    """Interpolations, trained rivals and ours on the same coarse test scans; the verdicts on the gates are what is shown."""
    from ..benchmark.superres.run import run_superres_benchmark

    ours = our_models(given.model)
    found = run_superres_benchmark(
        given.output,
        root,
        superres_methods(ours, given.model, given.learned),
        parts=tuple(given.parts.split(",")) if given.parts else (),
        quick=given.quick,
        retime=given.retime,
        speed_of=None if given.parts else next((model.folder for model in ours if timed(model)), None),
        progress=progress,
    )
    rows = [tuple(vars(verdict).values()) for verdict in found.gates]
    return ("table", "window", "gate", "measured", "holds"), rows, list(found.files)


def our_models(named: Sequence[str]) -> list[Model]:
    """The models named one by one; without any, all that are installed. Raises `ModelError` for one of another task."""
    from ..models import list_models, load_model
    from ..tasks.superres.cascade import check_model

    alone = [name for name in named if "," not in name]
    models = [load_model(name) for name in alone] or [
        load_model(folder) for card, folder in list_models() if card.task == "super_resolve"
    ]
    for model in models:
        check_model(model.card)
    return models


def timed(model: Model) -> bool:
    """Whether the goal of speed is about it."""
    return model.card.modality == "MR" and "all" in model.card.resolution.axes


def superres_methods(ours: Sequence[Model], named: Sequence[str], learned: Sequence[Path]) -> list[Method]:
    """Ours in one step and as a sample, each model used for the modality and the axes on its card; each rival in one step;
    each cascade (names with commas between) as `superres` would run it.

    Raises `ModelError` for a model that does not super-resolve.
    """
    from ..benchmark.superres.methods import Method
    from ..tasks.superres.cascade import chosen_models

    methods = []
    for folder in learned:
        (model,) = chosen_models(str(folder), "", ())
        title = f"regression U-Net ({model.card.name})"
        methods.append(Method(model.card.name, title, "learned", resolver([model], 1), **knowledge([model])))
    for names in (name for name in named if "," in name):
        models = chosen_models(names, "", ())
        title = " then ".join(model.card.name for model in models)
        known = knowledge(models, together=True)
        methods.append(Method(f"{models[0].card.name}-cascade", title, "cascade", resolver(models), **known))
    for steps in OUR_STEPS if ours else ():
        words = "one step" if steps == 1 else f"a sample in {steps} steps"
        methods.append(Method(f"ours-{steps}", f"ours, {words}", "ours", resolver(ours, steps), **knowledge(ours)))
    return methods


def knowledge(models: Sequence[Model], together: bool = False) -> dict[str, Any]:
    """What a `Method` says of itself that runs these models: which cases it was made for, what its answers depend on, and
    how long it was trained; `together`: all of the models, one after the other, which must make a case's factor."""

    from ..benchmark.rivals.learned import code_checksum

    def taken(case: Case) -> Sequence[Model]:
        return cascade_for(models, case) if together else models_for(models, case)

    def hours(case: Case) -> float | None:
        each = [model.card.recipe.get("hours") for model in taken(case)]
        return None if not each or None in each else sum(each)

    made_of = " ".join((*(model.card.sha256 for model in models), code_checksum()))
    return {"able": lambda case: bool(taken(case)), "made_of": made_of, "hours": hours}


def models_for(models: Sequence[Model], case: Case) -> list[Model]:
    """Of the models the first for each part of a case's work, by modality and axes; none if one has no model."""
    from ..tasks.superres.cascade import axis_groups

    own = [model for model in models if model.card.modality == case.modality]
    patterns = [pattern for _, pattern in axis_groups((1.0, 1.0, 1.0), case.factors)]
    found = [next((m for m in own if pattern in m.card.resolution.axes), None) for pattern in patterns]
    return [] if None in found else found


def cascade_for(models: Sequence[Model], case: Case) -> Sequence[Model]:
    """All of the models if they are for a case's modality and axes and make its factor together; else none."""
    product = math.prod(model.card.resolution.typical for model in models)
    fits = models_for(models, case) and math.isclose(product, max(case.factors), rel_tol=1e-5)
    return models if fits else []


def resolver(models: Sequence[Model], steps: int | None = None) -> Callable[[Given], npt.NDArray[np.float32]]:
    """`super_resolve` by these models, told the new spacing and, of slices, that they touch; in `steps`, or as the models
    would."""
    from ..tasks.superres.super_resolve import super_resolve

    def run(scan: Given) -> npt.NDArray[np.float32]:
        fine = [s / f for s, f in zip(scan.coarse.spacing, scan.case.factors, strict=True)]
        found = super_resolve(
            scan.coarse,
            loaded=[model for model in models if model.card.modality == scan.case.modality],
            spacing=",".join(f"{s:.9f}" for s in reversed(fine)),
            thickness=scan.coarse.spacing[0] if scan.case.way in ("slices", "real") else None,
            steps=steps,
            texture=None if steps is None else 0.0 if steps == 1 else 1.0,
            force=True,
        )
        return found.volume.voxels.astype("float32")

    return run
