"""`benchmark speed`: every goal of speed measured as a ratio in one run, each measurement in a process of its own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from DiffusionCore.benchmark.speed.goals import Row, goal_rows
from DiffusionCore.benchmark.speed.measured import (
    AgainstBM4D,
    Enhancement,
    GemmRate,
    Machine,
    Measured,
    OnGPU,
    Pass,
    SlidingWindow,
    StartUp,
)
from DiffusionCore.benchmark.speed.process import ProcessRun, run_job, run_python
from DiffusionCore.benchmark.speed.reference import reference_cost
from DiffusionCore.benchmark.speed.report import write_speed_report
from DiffusionCore.progress import Progress, silent

Shape = tuple[int, int, int]
Job = Callable[[str, Mapping[str, Any]], dict[str, Any]]
Run = Callable[[Sequence[str]], ProcessRun]


@dataclass(frozen=True)
class Extent:
    """How large everything is: (K, J, I), edges of cubes in voxels.

    head     the scan that is enhanced         compared  where differences between tilings are taken
    sizes    cost per voxel is taken at these  crop      for BM4D
    roi      edge of MONAI's tiles             wide      edge of the scan for the wider network
    limited  (edge, memory) for the model, and for the wider network
    gpu      edge of the scan on a GPU         repeats   runs of each, for medians and fastest
    """

    head: Shape
    sizes: tuple[int, ...]
    compared: Shape
    crop: Shape
    roi: int
    wide: int
    limited: tuple[int, str]
    limited_wide: tuple[int, str]
    gpu: int
    gemm: int
    repeats: int


FULL = Extent(
    head=(128, 256, 256),
    sizes=(64, 96, 128, 192, 256),
    compared=(128, 160, 160),
    crop=(96, 128, 128),
    roi=96,
    wide=128,
    limited=(256, "2G"),
    limited_wide=(256, "6G"),
    gpu=512,
    gemm=4096,
    repeats=5,
)
QUICK = Extent(
    head=(24, 32, 32),
    sizes=(16, 32),
    compared=(32, 32, 32),
    crop=(16, 24, 24),
    roi=16,
    wide=16,
    limited=(32, "2G"),
    limited_wide=(32, "6G"),
    gpu=32,
    gemm=128,
    repeats=2,
)
WIDE = (32, 96, 192)  # channels of the wider network, random weights: 32 and up at full resolution
LARGEST, LARGEST_MEMORY = 512, "6G"
GPU_STEPS = (1, 8, 50)


@dataclass(frozen=True)
class SpeedResult:
    """The rows of the table, everything they were made of, and the files that were written."""

    rows: tuple[Row, ...]
    measured: Measured
    paths: tuple[Path, ...]


def run_speed_benchmark(
    out_folder: Path,
    model: str | Path | None = None,
    quick: bool = False,
    *,
    large: bool = False,
    repeats: int | None = None,
    progress: Progress | None = None,
    job: Job = run_job,
    run: Run = run_python,
) -> SpeedResult:
    """Measure every goal and write performance.md, .csv and .png to `out_folder`.

    model    folder or name; default: the installed model for MR
    quick    small scans, which only try the command
    large    512³ on the CPU too: about 7 GB of memory and minutes
    repeats  runs of each measurement (default 5, quick 2)
    job, run  how a measurement and a command are run, for tests

    Takes about ten minutes on two idle cores. Raises `UsageError` where MONAI, BM4D or
    nilearn are not installed, `ModelError` where there is no model.
    """
    from DiffusionCore.models import best_model, find_model
    from DiffusionCore.models.card import read_card

    progress = progress or silent()
    folder = find_model(model or best_model("enhance", "MR")).resolve()
    extent = QUICK if quick else FULL
    repeats = repeats or extent.repeats
    named = {"model": str(folder)}

    def timed(edge: int | Shape, **options: Any) -> Pass:
        shape = (edge,) * 3 if isinstance(edge, int) else edge
        network = {} if "channels" in options else named
        return as_record(
            Pass, job("network_pass", {"shape": shape, "gemm_size": extent.gemm // 2, **network, **options})
        )

    progress.stage("machine")
    machine = as_record(Machine, job("machine", {}))
    gemm = as_record(GemmRate, job("gemm", {"size": extent.gemm, "repeats": repeats}))

    progress.stage("start-up")
    start_up = measure_start_up(run, repeats)

    progress.stage("enhance")
    enhancement = measure_enhance(job, run, folder, extent.head, repeats, progress)
    progress.stage("enhance in float32")
    halved = enhancement.dtype != "float32"
    float32 = measure_enhance(job, run, folder, extent.head, min(repeats, 3), progress, True) if halved else None

    progress.stage("network")
    network = timed(extent.head, repeats=repeats)
    network_float32 = timed(extent.head, repeats=2, dtype="float32") if halved else None
    wide = timed(extent.wide, repeats=repeats, channels=WIDE)

    progress.stage("sizes")
    sizes = [timed(edge, repeats=repeats) for edge in extent.sizes]
    limited = [
        (memory, timed(edge, repeats=2, memory=memory, **options), free)
        for (edge, memory), free, options in (
            (extent.limited, sizes[-1], {}),
            (extent.limited_wide, wide, {"channels": WIDE}),
        )
    ]
    largest = timed(LARGEST, repeats=1, memory=LARGEST_MEMORY) if large else None

    progress.stage("sliding window")
    windows = {"shape": extent.head, "compared_shape": extent.compared, "roi": extent.roi, **named}
    sliding = as_record(SlidingWindow, job("sliding_window", {**windows, "repeats": min(repeats, 3)}))

    progress.stage("BM4D")
    rival = as_record(AgainstBM4D, job("bm4d", {"shape": extent.head, "crop": extent.crop, **named}))

    progress.stage("GPU")
    cube = (extent.gpu,) * 3
    gpu = as_record(OnGPU, job("on_gpu", {"shape": cube, "steps": GPU_STEPS, "repeats": min(repeats, 3), **named}))
    gpu_file = measure_enhance(job, run, folder, cube, min(repeats, 3), progress) if gpu.name else None

    progress.stage("write")
    measured = Measured(
        machine=machine,
        model=read_card(folder / "card.yaml").name,
        gemm=gemm,
        enhancement=enhancement,
        float32=float32,
        network=network,
        network_float32=network_float32,
        wide=wide,
        sizes=sizes,
        limited=limited,
        largest=largest,
        sliding=sliding,
        rival=rival,
        start_up=start_up,
        gpu=gpu,
        gpu_file=gpu_file,
        quick=quick,
    )
    rows = goal_rows(measured)
    paths = write_speed_report(Path(out_folder), measured, rows, reference_cost())
    progress.finish()
    return SpeedResult(tuple(rows), measured, tuple(paths))


def measure_enhance(
    job: Job, run: Run, model: Path, shape: Shape, repeats: int, progress: Progress, float32: bool = False
) -> Enhancement:
    """The command on the noisy head of `shape` as int16 .nii.gz, from process start to process end."""
    module = "DiffusionCore.benchmark.speed.float32" if float32 else "DiffusionCore"
    seconds, stages, peaks, dtype = [], [], [], ""
    with tempfile.TemporaryDirectory(prefix="diffusioncore-speed-") as name:
        folder = Path(name)
        head, result, report = folder / "head.nii.gz", folder / "enhanced.nii.gz", folder / "report.json"
        job("write_head", {"path": str(head), "shape": shape})
        command = ["-m", module, "enhance", str(head), str(result), "--model", str(model), "--modality", "MR"]
        for n in range(repeats):
            progress.advance(n / repeats)
            spent = run([*command, "--report", str(report), "--overwrite", "--quiet"])
            made = json.loads(report.read_text(encoding="utf-8"))["provenance"]
            seconds.append(spent.seconds)
            peaks.append(spent.peak_bytes)
            stages.append(made["seconds"])
            dtype = made["plan"]["dtype"]
    return Enhancement(shape, dtype, seconds, stages, peaks)


def measure_start_up(run: Run, repeats: int) -> StartUp:
    """What a person waits for before anything happens; one run first that fills the caches."""

    def typical(*arguments: str) -> float:
        run(arguments)
        return median(run(arguments).seconds for _ in range(repeats))

    return StartUp(
        bare=typical("-c", "pass"),
        package=typical("-c", "import DiffusionCore"),
        help=typical("-m", "DiffusionCore", "--help"),
        enhance_help=typical("-m", "DiffusionCore", "enhance", "--help"),
    )


def as_record(kind: type, fields: Mapping[str, Any]) -> Any:
    """A record of `speed_measured` from JSON, whose lists are tuples there."""
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()})
