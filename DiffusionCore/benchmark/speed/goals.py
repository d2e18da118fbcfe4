"""The goals of speed, each a ratio or a figure of one run: goal, what was measured, met or missed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from DiffusionCore.benchmark.speed.measured import Enhancement, Measured, Pass

MET, MISSED, OPEN = "met", "missed", "not measured"
NO_GOAL = ""
GIB = 2**30


@dataclass(frozen=True)
class Row:
    """A line of the table. `value` is the number that `verdict` was decided by, None where there is none."""

    what: str
    goal: str
    measured: str
    verdict: str
    value: float | None = None


def at_most(what: str, value: float | None, limit: float, goal: str, measured: str) -> Row:
    """A row whose figure may be `limit` or less."""
    return Row(what, goal, measured, judged(value, value is not None and value <= limit), value)


def at_least(what: str, value: float | None, limit: float, goal: str, measured: str) -> Row:
    """A row whose figure must be `limit` or more."""
    return Row(what, goal, measured, judged(value, value is not None and value >= limit), value)


def judged(value: float | None, holds: bool) -> str:
    return OPEN if value is None or not math.isfinite(value) else MET if holds else MISSED


def goal_rows(found: Measured) -> list[Row]:
    """Every row, in the order of the goals."""
    return [
        *enhancement_rows(found),
        *throughput_rows(found),
        *sliding_rows(found),
        *rival_rows(found),
        *size_rows(found),
        *start_rows(found),
        *gpu_rows(found),
    ]


def enhancement_rows(found: Measured) -> Iterator[Row]:
    run = found.enhancement
    limit = 8.0 if run.dtype == "bfloat16" else 15.0
    yield at_most(
        f"`enhance` {size(run.shape)}, process start to file written, {run.dtype}",
        run.typical,
        limit,
        f"≤ {limit:.0f} s",
        f"{run.typical:.1f} s ({spread(run)})",
    )
    if found.float32 is not None:
        yield at_most(
            "the same without bfloat16",
            found.float32.typical,
            15.0,
            "≤ 15 s",
            f"{found.float32.typical:.1f} s ({spread(found.float32)})",
        )
    yield at_least("network's share of it", run.network_share, 0.6, "≥ 60 %", f"{run.network_share:.0%}")
    yield Row("its peak memory", NO_GOAL, gigabytes(run.peak), NO_GOAL, run.peak)


def throughput_rows(found: Measured) -> Iterator[Row]:
    network, wide = found.network, found.wide
    if network.dtype == "bfloat16":
        yield share_row("network against this machine's bfloat16 gemm", network, 0.7)
        yield share_row("the same at 32 channels and up", wide, 0.8)
    else:
        yield Row("network against this machine's bfloat16 gemm", "≥ 70 %", "no bfloat16 here", OPEN)
    full = found.network_float32 if network.dtype == "bfloat16" else network
    if full is not None and full.share_of_gemm is not None:
        measured = f"{full.share_of_gemm:.0%} ({full.rate:.0f} of {full.gemm:.0f} GFLOP/s)"
        yield Row("network against this machine's float32 gemm", NO_GOAL, measured, NO_GOAL, full.share_of_gemm)


def share_row(what: str, run: Pass, limit: float) -> Row:
    share = run.share_of_gemm
    measured = "–" if share is None else f"{share:.0%} ({run.rate:.0f} of {run.gemm:.0f} GFLOP/s)"
    return at_least(what, share, limit, f"≥ {limit:.0%}", measured)


def sliding_rows(found: Measured) -> Iterator[Row]:
    run = found.sliding
    ratio = run.monai / run.ours
    yield at_least(
        f"against MONAI sliding_window_inference, same network, {run.roi}³, overlap {run.overlap:g}",
        ratio,
        3.0,
        "≥ 3 × faster",
        f"{ratio:.1f} × ({run.ours:.2f} s, {run.monai:.2f} s)",
    )
    yield at_most(
        "largest difference from one pass over the whole, float32",
        run.our_difference,
        1e-5,
        "≤ 1e-5 where it blends",
        f"{run.our_difference:.1e} of p99.5 ({run.our_plan}); MONAI {run.monai_difference:.1e}",
    )


def rival_rows(found: Measured) -> Iterator[Row]:
    run = found.rival
    ratio = run.bm4d / run.ours
    yield at_least(
        f"against BM4D on the same {size(run.shape)}",
        ratio,
        50.0,
        "≥ 50 × faster",
        f"{ratio:.0f} × ({run.ours:.2f} s, {run.bm4d:.1f} s; "
        f"{per_voxel(run.ours, run.shape):.2f} and {per_voxel(run.bm4d, run.shape):.0f} µs a voxel)",
    )
    gain = run.psnr_ours - run.psnr_bm4d
    yield Row(
        "and its PSNR there",
        "better",
        f"{gain:+.2f} dB ({run.psnr_ours:.2f}, BM4D {run.psnr_bm4d:.2f}, input {run.psnr_input:.2f})",
        judged(gain, gain > 0),
        gain,
    )


def size_rows(found: Measured) -> Iterator[Row]:
    costs = [run.microseconds_per_voxel for run in found.sizes]
    sizes = [run.shape[0] for run in found.sizes]
    if found.largest is not None and found.largest.work_factor == 1:
        costs.append(found.largest.microseconds_per_voxel)
        sizes.append(found.largest.shape[0])
    excess = max(costs) / min(costs) - 1
    yield at_most(
        f"cost per voxel, {min(sizes)}³ to {max(sizes)}³, memory free",
        excess,
        0.15,
        "within 15 %",
        f"within {excess:.0%} ({min(costs):.2f} to {max(costs):.2f} µs)",
    )
    if found.largest is None:
        yield Row("512³", "≤ 6.5 GB", "needs 8 GB of free memory, and no --quick", OPEN)
    else:
        peak = None if found.largest.peak_bytes is None else found.largest.peak_bytes / GIB
        measured = f"{gigabytes(found.largest.peak_bytes)}, {found.largest.seconds:.0f} s ({found.largest.plan})"
        yield at_most("512³ under --memory 6G", peak, 6.5, "≤ 6.5 GB", measured)
    for memory, limited, free in found.limited:
        more = limited.microseconds_per_voxel / free.microseconds_per_voxel - 1
        yield at_most(
            f"cost per voxel of {size(limited.shape)} under --memory {memory}{wider(limited, found)}",
            more,
            0.5,
            "within 50 %",
            f"{more:+.0%} ({limited.plan}, work × {limited.work_factor:.2f}, {gigabytes(limited.peak_bytes)})",
        )


def wider(run: Pass, found: Measured) -> str:
    """Says so where a run is not of the model but of the wider network."""
    per_voxel_flop = run.gflop / run.voxels
    return "" if math.isclose(per_voxel_flop, found.network.gflop / found.network.voxels) else ", wider network"


def start_rows(found: Measured) -> Iterator[Row]:
    start = found.start_up
    bare = f"(a bare interpreter: {start.bare:.2f} s)"
    yield at_most("`import DiffusionCore`", start.package, 0.3, "≤ 0.3 s", f"{start.package:.2f} s {bare}")
    yield at_most("`--help`", start.help, 0.3, "≤ 0.3 s", f"{start.help:.2f} s")
    yield at_most("`enhance --help`", start.enhance_help, 0.3, "≤ 0.3 s", f"{start.enhance_help:.2f} s")


def gpu_rows(found: Measured) -> Iterator[Row]:
    gpu = found.gpu
    if not gpu.name:
        for what, goal in (("one step", "≤ 1 s"), ("50 steps", "≤ 2 s"), ("file to file", "≤ 4 s")):
            yield Row(f"{size(gpu.shape)} on a GPU, {what}", goal, "no GPU here", OPEN)
        return
    limits = {"1": (1.0, "≤ 1 s"), "50": (2.0, "≤ 2 s")}
    for steps, seconds in gpu.seconds.items():
        what = f"{size(gpu.shape)} on {gpu.name}, array to array, {steps} step{'s' * (steps != '1')}"
        if steps in limits:
            yield at_most(what, seconds, *limits[steps], f"{seconds:.2f} s")
        else:
            yield Row(what, NO_GOAL, f"{seconds:.2f} s", NO_GOAL, seconds)
    if found.gpu_file is None:
        yield Row("file to file", "≤ 4 s", "–", OPEN)
    else:
        yield at_most("file to file", found.gpu_file.typical, 4.0, "≤ 4 s", f"{found.gpu_file.typical:.1f} s")


def size(shape: tuple[int, ...]) -> str:
    """(K, J, I) as people say it: I×J×K, or 512³."""
    return f"{shape[0]}³" if len(set(shape)) == 1 else "×".join(map(str, reversed(shape)))


def spread(run: Enhancement) -> str:
    return f"{min(run.seconds):.1f} to {max(run.seconds):.1f} in {len(run.seconds)}"


def gigabytes(size_in_bytes: int | None) -> str:
    return "–" if size_in_bytes is None else f"{size_in_bytes / GIB:.2f} GB"


def per_voxel(seconds: float, shape: tuple[int, ...]) -> float:
    """Microseconds."""
    return 1e6 * seconds / math.prod(shape)
