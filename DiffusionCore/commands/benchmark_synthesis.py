"""The part of `benchmark` that compares synthesis models."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import UsageError
from ..progress import Progress
from .tables import Table


def add_synthesis_arguments(parser: argparse.ArgumentParser) -> None:
    """What `benchmark synthesis` takes besides."""
    group = parser.add_argument_group("synthesis")
    group.add_argument(
        "--count", type=int, default=100, metavar="N", help="images of each model and seed (default 100)"
    )
    group.add_argument(
        "--inception", type=Path, metavar="FILE", help="Inception v3 weights: its features instead of the embedding's"
    )


def synthesis_table(given: argparse.Namespace, root: Path, progress: Progress) -> Table:
    """Cascade against single stage, with against without Swin; what is shown is the verdicts on the gates."""
    from ..benchmark.synthesis.run import run_synthesis_benchmark
    from ..tasks.synthesis.synthesize import installed_generator

    if given.count < 5:
        raise UsageError(f"--count must be 5 or more, got {given.count}")
    found = run_synthesis_benchmark(
        given.output,
        root,
        given.model or [installed_generator()],
        count=given.count,
        inception=given.inception,
        quick=given.quick,
        progress=progress,
    )
    head = ("arm", "gate", "measured", "holds")
    return head, [tuple(getattr(verdict, name) for name in head) for verdict in found.gates], list(found.files)
