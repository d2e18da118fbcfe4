"""What the speed benchmark measures: one small record for each measurement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Machine:
    """Where it was measured, without names; `bfloat16`: the CPU has it; `others`: processors taken by other work then."""

    cpu: str
    cores: int
    threads: int
    memory_gb: float
    python: str
    torch: str
    system: str
    bfloat16: bool
    gpu: str
    others: float | None


@dataclass(frozen=True)
class Enhancement:
    """`enhance` on a file, repeated: seconds of each whole process and of its stages, peak memory in bytes."""

    shape: tuple[int, int, int]
    dtype: str
    seconds: Sequence[float]
    stages: Sequence[Mapping[str, float]]
    peaks: Sequence[int | None]

    @property
    def typical(self) -> float:
        return median(self.seconds)

    def stage_seconds(self) -> dict[str, float]:
        """Median seconds of each stage, and of what is outside of them: interpreter, imports, arguments."""
        spent = {name: median(run.get(name, 0.0) for run in self.stages) for name in self.stages[0]}
        outside = median(total - sum(run.values()) for total, run in zip(self.seconds, self.stages, strict=True))
        return {"start and imports": outside, **spent}

    @property
    def network_share(self) -> float:
        """Share of the whole process that the stage `denoise` takes."""
        return median(run.get("denoise", 0.0) / total for total, run in zip(self.seconds, self.stages, strict=True))

    @property
    def peak(self) -> int | None:
        known = [peak for peak in self.peaks if peak is not None]
        return max(known) if known else None


@dataclass(frozen=True)
class GemmRate:
    """Fastest multiplication of two square matrices, GFLOP/s; None where a format is only imitated."""

    float32: float
    bfloat16: float | None

    def of(self, dtype: str) -> float | None:
        return self.bfloat16 if dtype == "bfloat16" else self.float32


@dataclass(frozen=True)
class Pass:
    """One pass of a network over a scan: fastest seconds of a few, GFLOP counted, plan, the process's peak memory.

    `gemm` is the machine's rate in the same format at the same time; `base_bytes` the peak before the pass.
    """

    shape: tuple[int, int, int]
    dtype: str
    seconds: float
    gflop: float
    plan: str
    work_factor: float
    gemm: float | None
    base_bytes: int | None
    peak_bytes: int | None

    @property
    def voxels(self) -> int:
        return self.shape[0] * self.shape[1] * self.shape[2]

    @property
    def microseconds_per_voxel(self) -> float:
        return 1e6 * self.seconds / self.voxels

    @property
    def rate(self) -> float:
        """GFLOP/s that a person gets: work done twice does not count."""
        return self.gflop / self.seconds

    @property
    def share_of_gemm(self) -> float | None:
        return self.rate / self.gemm if self.gemm else None


@dataclass(frozen=True)
class SlidingWindow:
    """The same network through MONAI's `sliding_window_inference`, and ours; seconds as fast as possible for either.

    The differences are the largest from the whole scan in one pass, float32, in units of the 99.5th percentile.
    """

    shape: tuple[int, int, int]
    roi: int
    overlap: float
    dtype: str
    ours: float
    monai: float
    compared_shape: tuple[int, int, int]
    our_plan: str
    our_difference: float
    monai_difference: float


@dataclass(frozen=True)
class AgainstBM4D:
    """Both on one crop with noise of known sigma; PSNR in tissue, dB."""

    shape: tuple[int, int, int]
    sigma: float
    ours: float
    bm4d: float
    psnr_input: float
    psnr_ours: float
    psnr_bm4d: float


@dataclass(frozen=True)
class OnGPU:
    """int16 array in to int16 array out on a GPU: median seconds by number of steps; no name where there is none."""

    name: str
    shape: tuple[int, int, int]
    seconds: Mapping[str, float]
    peak_bytes: int | None


@dataclass(frozen=True)
class StartUp:
    """Seconds, medians: a bare interpreter, `import DiffusionCore`, `diffusioncore --help`, `enhance --help`."""

    bare: float
    package: float
    help: float
    enhance_help: float


@dataclass(frozen=True)
class Measured:
    """Everything of one run; None what was not measured on this machine. `largest` is 512³."""

    machine: Machine
    model: str
    gemm: GemmRate
    enhancement: Enhancement
    float32: Enhancement | None
    network: Pass
    network_float32: Pass | None
    wide: Pass
    sizes: Sequence[Pass]
    limited: Sequence[tuple[str, Pass, Pass]]
    largest: Pass | None
    sliding: SlidingWindow
    rival: AgainstBM4D
    start_up: StartUp
    gpu: OnGPU
    gpu_file: Enhancement | None
    quick: bool
