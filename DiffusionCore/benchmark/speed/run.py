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
from DiffusionCore.volume.free_memory import free_memory

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
LARGEST, LARGEST_MEMORY, LARGEST_NEEDS = 512, "6G", 8 << 30
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
    large: bool | None = None,
    repeats: int | None = None,
    progress: Progress | None = None,
    job: Job = run_job,
    run: Run = run_python,
) -> SpeedResult:
    """Measure every goal and write performance.md, .csv and .png to `out_folder`.

    model    folder or name; default: the installed model for MR
    quick    small scans, which only try the command
    large    512³ on the CPU too, which takes minutes; None: if 8 GB of memory are free, and not if `quick`
    repeats  runs of each measurement (default 5, quick 2)
    job, run  how a measurement and a command are run, for tests

    Takes about ten minutes on two idle cores. Raises `UsageError` where MONAI, BM4D or
    nilearn are not installed, `ModelError` where there is no model.
    """
    from DiffusionCore.models import best_model, find_model, read_card
    from DiffusionCore.models.registry import CARD

    progress = progress or silent()
    folder = find_model(model or best_model("enhance", "MR")).resolve()
    extent = QUICK if quick else FULL
    if large is None:
        large = not quick and (free_memory() or 0) >= LARGEST_NEEDS
    bench = Bench(job, run, folder, extent, repeats or extent.repeats, progress)
    measured = Measured(
        model=read_card(folder / CARD).name,
        quick=quick,
        **bench.machine(),
        start_up=bench.start_up(),
        **bench.files(),
        **bench.networks(large),
        **bench.rivals(),
        **bench.gpu(),
    )
    progress.stage("write")
    rows = goal_rows(measured)
    paths = write_speed_report(Path(out_folder), measured, rows, reference_cost())
    progress.finish()
    return SpeedResult(tuple(rows), measured, tuple(paths))


@dataclass(frozen=True)
class Bench:
    """What all measurements share; each method gives some fields of `Measured`."""

    job: Job
    run: Run
    folder: Path
    extent: Extent
    repeats: int
    progress: Progress

    def machine(self) -> dict[str, Any]:
        self.progress.stage("machine")
        gemm = self.job("gemm", {"size": self.extent.gemm, "repeats": self.repeats})
        return {"machine": as_record(Machine, self.job("machine", {})), "gemm": as_record(GemmRate, gemm)}

    def start_up(self) -> StartUp:
        """What a person waits for before anything happens; one run first that fills the caches."""
        self.progress.stage("start-up")

        def typical(*arguments: str) -> float:
            self.run(arguments)
            return median(self.run(arguments).seconds for _ in range(self.repeats))

        return StartUp(
            bare=typical("-c", "pass"),
            package=typical("-c", "import DiffusionCore"),
            help=typical("-m", "DiffusionCore", "--help"),
            enhance_help=typical("-m", "DiffusionCore", "enhance", "--help"),
        )

    def files(self) -> dict[str, Any]:
        """From file to file, and in float32 too where bfloat16 is the machine's choice."""
        self.progress.stage("enhance")
        head = self.enhancement(self.extent.head, self.repeats)
        if head.dtype == "float32":
            return {"enhancement": head, "float32": None}
        self.progress.stage("enhance in float32")
        return {"enhancement": head, "float32": self.enhancement(self.extent.head, min(self.repeats, 3), float32=True)}

    def networks(self, large: bool) -> dict[str, Any]:
        """One pass of the model and of a wider network, over scans of several sizes and within limits of memory."""
        extent, repeats = self.extent, self.repeats
        self.progress.stage("network")
        network = self.timed(extent.head, repeats=repeats)
        halved = network.dtype != "float32"
        network_float32 = self.timed(extent.head, repeats=2, dtype="float32") if halved else None
        wide = self.timed(extent.wide, repeats=repeats, channels=WIDE)
        self.progress.stage("sizes")
        sizes = [self.timed(edge, repeats=repeats) for edge in extent.sizes]
        (edge, memory), (wide_edge, wide_memory) = extent.limited, extent.limited_wide
        limited = [
            (memory, self.timed(edge, repeats=2, memory=memory), sizes[-1]),
            (wide_memory, self.timed(wide_edge, repeats=2, memory=wide_memory, channels=WIDE), wide),
        ]
        return {
            "network": network,
            "network_float32": network_float32,
            "wide": wide,
            "sizes": sizes,
            "limited": limited,
            "largest": self.timed(LARGEST, repeats=1, memory=LARGEST_MEMORY) if large else None,
        }

    def rivals(self) -> dict[str, Any]:
        extent, named = self.extent, {"shape": self.extent.head, "model": str(self.folder)}
        self.progress.stage("sliding window")
        tiled = {"compared_shape": extent.compared, "roi": extent.roi, "repeats": min(self.repeats, 3)}
        sliding = as_record(SlidingWindow, self.job("sliding_window", {**named, **tiled}))
        self.progress.stage("BM4D")
        return {"sliding": sliding, "rival": as_record(AgainstBM4D, self.job("bm4d", {**named, "crop": extent.crop}))}

    def gpu(self) -> dict[str, Any]:
        self.progress.stage("GPU")
        cube, repeats = (self.extent.gpu,) * 3, min(self.repeats, 3)
        asked = {"shape": cube, "steps": GPU_STEPS, "repeats": repeats, "model": str(self.folder)}
        gpu = as_record(OnGPU, self.job("on_gpu", asked))
        return {"gpu": gpu, "gpu_file": self.enhancement(cube, repeats) if gpu.name else None}

    def timed(self, edge: int | Shape, **options: Any) -> Pass:
        """Passes of the model, or with `channels` of a network of that width, over a scan or a cube of `edge`."""
        shape = (edge,) * 3 if isinstance(edge, int) else edge
        network = {} if "channels" in options else {"model": str(self.folder)}
        asked = {"shape": shape, "gemm_size": self.extent.gemm // 2, **network, **options}
        return as_record(Pass, self.job("network_pass", asked))

    def enhancement(self, shape: Shape, repeats: int, *, float32: bool = False) -> Enhancement:
        """The command on the noisy head of `shape` as int16 .nii.gz, from process start to process end."""
        module = "DiffusionCore.benchmark.speed.float32" if float32 else "DiffusionCore"
        seconds, stages, peaks, dtype = [], [], [], ""
        with tempfile.TemporaryDirectory(prefix="diffusioncore-speed-") as name:
            folder = Path(name)
            head, result, report = folder / "head.nii.gz", folder / "enhanced.nii.gz", folder / "report.json"
            self.job("write_head", {"path": str(head), "shape": shape})
            command = ["-m", module, "enhance", str(head), str(result), "--model", str(self.folder), "--modality", "MR"]
            for n in range(repeats):
                self.progress.advance(n / repeats)
                spent = self.run([*command, "--report", str(report), "--overwrite", "--quiet"])
                made = json.loads(report.read_text(encoding="utf-8"))["provenance"]
                seconds.append(spent.seconds)
                peaks.append(spent.peak_bytes)
                stages.append(made["seconds"])
                dtype = made["plan"]["dtype"]
        return Enhancement(shape, dtype, seconds, stages, peaks)


def as_record(kind: type, fields: Mapping[str, Any]) -> Any:
    """A record of `measured` from JSON, whose lists are tuples there."""
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()})
