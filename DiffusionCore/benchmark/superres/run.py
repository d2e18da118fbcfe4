"""`benchmark superres`: interpolations, trained rivals and ours on the same coarse test scans, as tables and figures.

Resumable: what was measured of a method on a scan is kept in the cache and not done again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache as once
from functools import partial
from pathlib import Path

from DiffusionCore.benchmark.denoise.gates import Verdict
from DiffusionCore.benchmark.expected_time import in_words
from DiffusionCore.benchmark.ignored_folder import ignored_folder
from DiffusionCore.benchmark.rivals.other_work import Stopwatch
from DiffusionCore.benchmark.superres.cases import (
    PARTS,
    TEST_CASES,
    Case,
    Given,
    fine_voxels,
    given,
    picture_name,
    scan_of,
)
from DiffusionCore.benchmark.superres.gates import verdicts
from DiffusionCore.benchmark.superres.goal import measured_speed
from DiffusionCore.benchmark.superres.kept import Kept, place_of, read_kept, write_kept
from DiffusionCore.benchmark.superres.methods import INTERPOLATING, Method
from DiffusionCore.benchmark.superres.pictures import panel_of, write_picture
from DiffusionCore.benchmark.superres.report import write_report
from DiffusionCore.benchmark.superres.results import tables_of
from DiffusionCore.benchmark.superres.scores import Row, rows_of
from DiffusionCore.errors import UsageError
from DiffusionCore.progress import Progress, silent

QUICK_SIZE = (32, 64, 64)


@dataclass(frozen=True, eq=False)
class SuperresBenchmark:
    """What a run found, and the files written."""

    rows: tuple[Row, ...]
    gates: tuple[Verdict, ...]
    files: tuple[Path, ...]


@dataclass(frozen=True, eq=False)
class Task:
    """One method on one case, and where what is measured of it is kept."""

    case: Case
    method: Method
    place: Path


def run_superres_benchmark(
    out_folder: Path,
    data_root: Path,
    methods: Sequence[Method],
    *,
    cases: Sequence[Case] = TEST_CASES,
    parts: Sequence[str] = (),
    quick: bool = False,
    retime: bool = False,
    cache: Path | None = None,
    speed_of: Path | None = None,
    progress: Progress | None = None,
) -> SuperresBenchmark:
    """Run every method on every test case that it was made for; write `superres.md`, `superres.csv` and pictures.

    methods   ours and the learned rivals, beside the interpolations; the first of ours is the one that gates are about
    parts     names in `PARTS`: those tables alone, in files with these names behind `superres`; a whole run afterwards
              takes what they left in `cache`
    quick     small crops, in the folder `quick`: to see that everything runs
    retime    do again what was timed beside other work
    cache     where results are kept; default: `cache/superres` in `out_folder`
    speed_of  the model whose ×2 of a whole scan is timed as the command, from cold; None: nothing is timed

    First of all it is said how long what is not kept yet will take. Raises `InputError` if a scan is missing under
    `data_root`, `UsageError` if none of the methods is ours, two have one name or a part is unknown, `Cancelled`.
    """
    ours = [method.name for method in methods if method.kind == "ours"]
    if not ours:
        raise UsageError("there is no super-resolution model to compare; name one with --model")
    if len({method.name for method in methods}) < len(methods):
        raise UsageError("two of the models have one name; train one with name=ANOTHER to tell them apart")
    if not set(parts) <= set(PARTS):
        raise UsageError(f"--parts of superres are {', '.join(PARTS)}, got {','.join(parts)}")
    wanted = {PARTS[part] for part in parts}
    chosen = [case for case in cases if not parts or case.table in wanted]
    progress = progress or silent()
    size, out_folder = (QUICK_SIZE, out_folder / "quick") if quick else (None, out_folder)
    folder = ignored_folder(cache or out_folder / "cache" / "superres")
    tasks = [
        Task(case, method, place_of(folder, case, method, scan_of(case, data_root), size))
        for case in chosen
        for method in (*INTERPOLATING, *methods)
        if method.able(case)
    ]
    left = left_to_do(tasks, retime)
    if not quick:
        announce(left, data_root, progress)
    speed = None
    if speed_of is not None:  # before the long work, so that what it lacks is said at once
        progress.stage("speed")
        speed = measured_speed(speed_of, quick)
    rows: list[Row] = []
    pictures: dict[str, Path] = {}
    for case in chosen:
        progress.stage(f"{case.table}: {case.subject}")
        scan = once(partial(given, case, data_root, size))
        found: dict[str, Kept] = {}
        here = [task for task in tasks if task.case == case]
        for done, task in enumerate(here, start=1):
            found[task.method.title] = kept_or_measured(task, scan, anew=task in left)
            progress.advance(done / len(here), task.method.title)
        rows += [row for kept in found.values() for row in kept.rows]
        if (picture := picture_name(case)) not in pictures:
            panels = {title: kept.panel for title, kept in found.items()}
            pictures[picture] = write_picture(out_folder / picture, scan(), panels)
    progress.finish()
    name = "-".join(("superres", *parts))
    tables = tables_of(rows, ours[0])
    gates = (*verdicts(tables, ours[0]), *([] if speed is None else [speed.verdict]))
    return SuperresBenchmark(
        tuple(rows),
        gates,
        (*write_report(out_folder, name, tables, gates, speed), *pictures.values()),
    )


def left_to_do(tasks: Sequence[Task], retime: bool) -> list[Task]:
    """The tasks of which nothing is kept; with `retime` also those that were timed beside other work."""
    return [
        task
        for task in tasks
        if (kept := read_kept(task.place, task.case)) is None or (retime and any(row.disturbed for row in kept.rows))
    ]


def kept_or_measured(task: Task, scan: Callable[[], Given], anew: bool) -> Kept:
    """What is kept of a task; else, or `anew`, it is done, measured and kept."""
    kept = None if anew else read_kept(task.place, task.case)
    if kept is None:
        kept = measured(task.method, scan())
        write_kept(task.place, kept)
    return kept


def measured(method: Method, scan: Given) -> Kept:
    """A method's result on a scan, in figures and as part of a picture."""
    watch = Stopwatch()
    voxels = method.run(scan)
    rows = rows_of(scan, method, voxels, *watch.read())
    return Kept(tuple(rows), panel_of(scan, voxels))


def announce(left: Sequence[Task], data_root: Path, progress: Progress) -> None:
    """Say how long the tasks will take: each method does a crop of one scan of each modality first."""
    progress.stage("estimate")
    rates: dict[tuple[str, str], float] = {}
    for done, task in enumerate(left, start=1):
        which = task.method.name, task.case.modality
        if which not in rates:
            crop = given(task.case, data_root, QUICK_SIZE)
            began = time.perf_counter()
            measured(task.method, crop)
            rates[which] = (time.perf_counter() - began) / crop.fine_voxels
        progress.advance(done / len(left), task.method.title)
    seconds = sum(rates[task.method.name, task.case.modality] * fine_voxels(task.case, data_root) for task in left)
    if left:
        progress.say(f"{len(left)} results are not kept yet; on this machine, as it is now, about {in_words(seconds)}")
