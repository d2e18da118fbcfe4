"""`benchmark denoise`: ours and the rivals on the same noisy test scans in one run, as tables and plots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from DiffusionCore.benchmark.denoise.case_inputs import Shape, case_input
from DiffusionCore.benchmark.denoise.cases import PARTS, TEST_CASES, VALIDATION_CASES, Case
from DiffusionCore.benchmark.denoise.forecast import seconds_left, tuning_seconds
from DiffusionCore.benchmark.denoise.gates import Verdict, verdicts
from DiffusionCore.benchmark.denoise.markdown import markdown, write_observations, write_rows
from DiffusionCore.benchmark.denoise.plots import write_plots
from DiffusionCore.benchmark.denoise.results import Level, Row, levels_of, rows_of
from DiffusionCore.benchmark.denoise.scores import tuning_score
from DiffusionCore.benchmark.denoise.without_truth import Observation, observe
from DiffusionCore.benchmark.expected_time import in_words
from DiffusionCore.benchmark.ignored_folder import ignored_folder
from DiffusionCore.benchmark.report_files import write_text
from DiffusionCore.benchmark.rivals import (
    RIVALS,
    Method,
    NoisyScan,
    Tuned,
    ValidationPair,
    output_of,
    parameters_for,
    read_tuned,
    tune,
    write_tuned,
)
from DiffusionCore.errors import UsageError
from DiffusionCore.progress import Progress, silent

QUICK_SIZE: dict[str, Shape] = {"MR": (32, 64, 64), "CT": (12, 96, 96)}
TUNING_SIZE: dict[str, Shape] = {"MR": (32, 96, 96), "CT": (16, 128, 128)}


def _unchanged(scan: NoisyScan) -> np.ndarray:
    return scan.voxels


INPUT = Method(name="input", title="Input", run=_unchanged, distribution="", module="", licence="")


@dataclass(frozen=True, eq=False)
class DenoiseBenchmark:
    """What a run found: rows where there is a truth, observations where there is none, whether rivals' parameters had
    been tuned, and the files written.
    """

    rows: tuple[Row, ...]
    observations: tuple[Observation, ...]
    levels: tuple[Level, ...]
    gates: tuple[Verdict, ...]
    tuned: bool = False
    files: tuple[Path, ...] = ()


def run_denoise_benchmark(
    out_folder: Path,
    data_root: Path,
    methods: Sequence[Method],
    *,
    quick: bool = False,
    rivals: Sequence[Method] = RIVALS,
    tuned: Path | None = None,
    cache: Path | None = None,
    cases: Sequence[Case] | None = None,
    parts: Sequence[str] = (),
    retime: bool = False,
    progress: Progress | None = None,
) -> DenoiseBenchmark:
    """Run every method on every test case of its modality and write `denoise.md`, two CSV files and PNG plots.

    methods   ours and the learned rivals (`rivals.model_method`); the first of ours is the one that gates are about
    quick     one subject of each table and level, on small crops: to see that everything runs
    tuned     the file of tuned parameters (`tune_rivals`); default: `tuned.yaml` in `out_folder`
    cache     where outputs and simulated doses are kept, so that a run goes on where it was stopped; default: `cache`
              in `out_folder`
    parts     names of `PARTS`: those tables alone, in files with these names behind `denoise`; a whole run afterwards
              takes what they left in `cache`
    retime    run again what was timed beside other work

    Raises `InputError` if a scan is missing under `data_root`, `UsageError` if two methods have one name, `Cancelled`.
    """
    wanted = of_parts(TEST_CASES if cases is None else cases, parts)
    found = measure(
        [INPUT, *rivals, *methods],
        first_of_each(wanted) if quick else wanted,
        data_root,
        size=QUICK_SIZE if quick else None,
        tuned=tuned or out_folder / "tuned.yaml",
        cache=cache or out_folder / "cache",
        retime=retime,
        progress=progress,
    )
    return replace(found, files=tuple(_write(out_folder, found, parts, quick)))


def of_parts(cases: Sequence[Case], parts: Sequence[str]) -> list[Case]:
    """The cases of some tables, of all without `parts`. Raises `UsageError` for a name that is not in `PARTS`."""
    if not set(parts) <= set(PARTS):
        raise UsageError(f"the parts of denoise are {', '.join(PARTS)}; got {', '.join(parts)}")
    tables = {PARTS[part] for part in parts}
    return [case for case in cases if not parts or case.table in tables]


def measure(
    methods: Sequence[Method],
    cases: Sequence[Case],
    data_root: Path,
    *,
    tuned: Path,
    cache: Path,
    size: dict[str, Shape] | None = None,
    retime: bool = False,
    progress: Progress | None = None,
) -> DenoiseBenchmark:
    """Every method on every case of its modality, as `run_denoise_benchmark` does it; writes nothing but `cache`."""
    progress = progress or silent()
    _check_names(methods)
    settings = read_tuned(tuned)
    rows: list[Row] = []
    observations: list[Observation] = []
    chosen = [[m for m in methods if case.modality in m.modalities] for case in cases]
    sizes = [size[case.modality] if size else None for case in cases]
    costs = []
    progress.stage("forecast")
    for case, able, crop in zip(cases, chosen, sizes, strict=True):
        costs.append(seconds_left(case, able, data_root, crop, cache, settings, retime))
        progress.advance(len(costs) / len(cases))
    progress.say(f"{len(cases)} scans: about {in_words(sum(costs))} on two idle cores for what is not kept yet")
    progress.stage("compare")
    kept = ignored_folder(cache)
    for n, (case, able, crop) in enumerate(zip(cases, chosen, sizes, strict=True)):
        given = case_input(case, data_root, crop, kept)
        for done, method in enumerate(able, start=1):
            parameters = parameters_for(method, case.modality, given.scan.sigma, settings)
            output = output_of(method, given.scan, parameters, kept, retime=retime)
            if case.has_truth:
                rows += rows_of(given, method, output)
            else:
                observations.append(observe(given, method, output))
            spent = sum(costs[:n]) + costs[n] * done / len(able)
            progress.advance(spent / sum(costs), f"{case.name}: {method.title}")
    progress.finish()
    levels = levels_of(rows)
    return DenoiseBenchmark(
        tuple(rows), tuple(observations), tuple(levels), tuple(verdicts(levels, observations)), bool(settings)
    )


def tune_rivals(
    tuned: Path,
    data_root: Path,
    *,
    rivals: Sequence[Method] = RIVALS,
    cache: Path | None = None,
    cases: Sequence[Case] = VALIDATION_CASES,
    parts: Sequence[str] = (),
    size: dict[str, Shape] | None = None,
    progress: Progress | None = None,
) -> list[Tuned]:
    """Search each rival's grid on the validation cases, level by level, and write the best to the file `tuned`.

    parts   of the test cases (`PARTS`): only modalities that they have are tuned

    Resumable through `cache` (default: `cache` beside the file); a rival that is not installed keeps what the file says
    of it.
    """
    progress = progress or silent()
    _check_names(rivals)
    tuned.parent.mkdir(parents=True, exist_ok=True)
    kept = ignored_folder(cache or tuned.parent / "cache")
    modalities = {case.modality for case in of_parts(TEST_CASES, parts)}
    cases = [case for case in cases if case.modality in modalities]
    former = {(t.method, t.modality, round(t.sigma, 5)): t for t in read_tuned(tuned)}
    found: dict[tuple[str, str, float], Tuned] = {}
    most = tuning_seconds(cases, rivals, size or TUNING_SIZE)
    progress.say(f"tuning: at most {in_words(most)} on two idle cores")
    for key, group in _by_level(cases).items():
        progress.stage(f"tune {key[0]} {group[0].label}")
        sizes = size or TUNING_SIZE
        given = [case_input(case, data_root, sizes[case.modality], kept) for case in group]
        pairs = [ValidationPair(g.scan, g.target, g.tissue) for g in given]
        for done, method in enumerate(rivals, start=1):
            best = tune(method, pairs, tuning_score, kept)
            if best is not None:
                found[best.method, best.modality, round(best.sigma, 5)] = best
            progress.advance(done / len(rivals), method.title)
    progress.finish()
    merged = {**former, **found}
    order = {method.name: place for place, method in enumerate(RIVALS)}
    result = sorted(merged.values(), key=lambda t: (order.get(t.method, len(order)), t.modality, t.sigma))
    write_tuned(result, tuned)
    return result


def first_of_each(cases: Sequence[Case]) -> list[Case]:
    """The first case of each table, modality and level."""
    found: dict[tuple[str, str, str], Case] = {}
    for case in cases:
        found.setdefault((case.table, case.modality, case.label), case)
    return list(found.values())


def _by_level(cases: Sequence[Case]) -> dict[tuple[str, str], list[Case]]:
    groups: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        groups.setdefault((case.modality, case.label), []).append(case)
    return groups


def _check_names(methods: Sequence[Method]) -> None:
    names = [method.name for method in methods]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise UsageError(f"two methods are called {', '.join(doubled)}; each needs a name of its own")


def _write(folder: Path, found: DenoiseBenchmark, parts: Sequence[str], quick: bool) -> list[Path]:
    """Tables and plots in `folder`; what is not of the whole has a name of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    first = "denoise-quick" if quick else "denoise"
    plots = write_plots(found.levels, folder, first)
    name = "-".join([first, *parts])
    text = markdown(found.levels, found.observations, found.gates, found.tuned, plots)
    written = [write_text(folder / f"{name}.md", text)]
    if found.rows:
        written.append(write_rows(found.rows, folder / f"{name}.csv"))
    if found.observations:
        written.append(write_observations(found.observations, folder / f"{name}-without-truth.csv"))
    return [*written, *plots]
