"""`diffusioncore benchmark trust OUT`: its options, and the models that it is about."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..benchmark.trust.extent import PARTS
from ..errors import ModelError, UsageError
from ..progress import Progress
from .tables import Table


def add_trust_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `benchmark trust`."""
    group = parser.add_argument_group("trust")
    group.add_argument(
        "--calibrate",
        action="store_true",
        help="instead: learn the samples' width and their uncertainty's factor from the validation subjects, and write "
        "them on each model's card",
    )
    group.add_argument(
        "--validation", action="store_true", help="on the validation subjects, which things may be tuned on"
    )
    group.add_argument(
        "--insertions", type=int, default=200, metavar="N", help="for each size and contrast, at least (default 200)"
    )
    group.add_argument("--samples", type=int, default=8, metavar="N", help="whose spread is calibrated (default 8)")


def trust_table(given: argparse.Namespace, root: Path, progress: Progress) -> Table:
    """The verdicts on the gates; with --calibrate the factors."""
    from dataclasses import replace

    from ..benchmark.trust.extent import QUICK, Extent
    from ..benchmark.trust.run import calibrate, run_trust_benchmark
    from ..tasks.enhance import enhance

    parts = tuple(given.parts.split(",")) if given.parts else PARTS
    if not set(parts) <= set(PARTS):
        raise UsageError(f"--parts of trust are {', '.join(PARTS)}, got {given.parts}")
    if given.insertions < 1 or not 2 <= given.samples <= 64:
        raise UsageError("--insertions must be 1 or more and --samples 2 to 64")
    extent = QUICK if given.quick else replace(Extent(), insertions=given.insertions, samples=given.samples)
    models = trusted_models(given.model)
    if given.calibrate:
        found = [
            calibrate(root, enhance, model, given.output / "cache", extent=extent, progress=progress)
            for model in models
        ]
        widths = [", ".join(f"{100 * sigma:.2g}%: {w:g}" for sigma, w in c.widths.items()) for c in found]
        rows = [
            (c.model, width, c.factor, c.covered, c.without_factor, c.left_out, ", ".join(c.subjects))
            for c, width in zip(found, widths, strict=True)
        ]
        return (
            ("model", "sample width", "factor", "covered", "without it", "of a subject left out", "subjects"),
            rows,
            [],
        )
    found = run_trust_benchmark(
        given.output,
        root,
        enhance,
        models,
        extent=extent,
        parts=parts,
        validation=given.validation,
        quick=given.quick,
        progress=progress,
    )
    head = ("what", "modality", "gate", "measured", "holds")
    return head, [tuple(getattr(gate, name) for name in head) for gate in found.gates], list(found.files)


def trusted_models(named: list[str]) -> list[str | Path]:
    """The models asked for, by default those that `enhance` would take."""
    from ..models import best_model

    models: list[str | Path] = list(named)
    for modality in () if named else ("MR", "CT"):
        try:
            models.append(best_model("enhance", modality))
        except ModelError:
            continue
    if not models:
        raise ModelError("no model that enhances scans is installed; name one with --model")
    return models
