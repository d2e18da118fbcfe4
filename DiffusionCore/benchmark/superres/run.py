"""`benchmark superres`: interpolations, a regression U-Net and ours on the same coarse test scans, as tables and figures."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from DiffusionCore.benchmark.denoise.gates import Verdict
from DiffusionCore.benchmark.superres.cases import TEST_CASES, Case, Given, given
from DiffusionCore.benchmark.superres.gates import verdicts
from DiffusionCore.benchmark.superres.interpolations import CONSISTENT, INTERPOLATIONS, interpolate
from DiffusionCore.benchmark.superres.pictures import write_picture
from DiffusionCore.benchmark.superres.report import write_report
from DiffusionCore.benchmark.superres.scores import Row, rows_of
from DiffusionCore.errors import UsageError
from DiffusionCore.progress import Progress, silent

QUICK_SIZE = (32, 64, 64)


@dataclass(frozen=True, eq=False)
class Method:
    """A way to a finer scan.

    kind  `interpolation`, `projection`, `learned` (a rival that was trained) or `ours`
    run   what it makes of a coarse scan, on the fine grid in the scan's units
    able  whether it was made for such scans
    """

    name: str
    title: str
    kind: str
    run: Callable[[Given], npt.NDArray[np.float32]]
    able: Callable[[Given], bool] = lambda scan: True


RIVALS: tuple[Method, ...] = (
    *(Method(name, title, "interpolation", partial(interpolate, name)) for name, (title, _) in INTERPOLATIONS.items()),
    Method(CONSISTENT, "B-spline 3, made consistent", "projection", partial(interpolate, CONSISTENT)),
)


@dataclass(frozen=True, eq=False)
class SuperresBenchmark:
    """What a run found, and the files written."""

    rows: tuple[Row, ...]
    gates: tuple[Verdict, ...]
    files: tuple[Path, ...]


def run_superres_benchmark(
    out_folder: Path,
    data_root: Path,
    methods: Sequence[Method],
    *,
    cases: Sequence[Case] = TEST_CASES,
    quick: bool = False,
    progress: Progress | None = None,
) -> SuperresBenchmark:
    """Run every method on every test case that it can do; write `superres.md`, `superres.csv` and pictures.

    methods  ours and the learned rivals, beside the interpolations; the first of ours is the one that gates are about
    quick    small crops: to see that everything runs

    Raises `InputError` if a scan is missing under `data_root`, `UsageError` if none of the methods is ours, `Cancelled`.
    """
    ours = [method.name for method in methods if method.kind == "ours"]
    if not ours:
        raise UsageError("there is no super-resolution model to compare; name one with --model")
    progress = progress or silent()
    out_folder.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    pictures: list[Path] = []
    shown: set[str] = set()
    for case in cases:
        progress.stage(f"{case.table}: {case.subject}")
        scan = given(case, data_root, QUICK_SIZE if quick else None)
        chosen = [method for method in (*RIVALS, *methods) if method.able(scan)]
        results = {}
        for done, method in enumerate(chosen, start=1):
            started = time.perf_counter()
            results[method.title] = method.run(scan)
            seconds = time.perf_counter() - started
            rows += rows_of(scan, method.name, method.title, method.kind, results[method.title], seconds)
            progress.advance(done / len(chosen), method.title)
        if case.table not in shown:
            shown.add(case.table)
            pictures.append(write_picture(out_folder, scan, results))
    progress.finish()
    gates = verdicts(rows, ours[0])
    return SuperresBenchmark(tuple(rows), tuple(gates), (*write_report(out_folder, rows, gates), *pictures))
