"""The speed benchmark's results on paper: Markdown, CSV, and a picture of stages and of cost against size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from DiffusionCore.benchmark.markdown_table import markdown_table
from DiffusionCore.benchmark.report_files import write_csv, write_figure, write_text
from DiffusionCore.benchmark.rivals.other_work import disturbs
from DiffusionCore.benchmark.speed.goals import GIB, Row, gigabytes, size
from DiffusionCore.benchmark.speed.measured import Enhancement, Machine, Measured, Pass
from DiffusionCore.benchmark.speed.reference import CLAIMED_SECONDS, PEAK, REACHED, ReferenceCost


def write_speed_report(out: Path, found: Measured, rows: Sequence[Row], cost: ReferenceCost) -> list[Path]:
    """performance.md, performance.csv (goals), performance_sizes.csv and performance.png in `out`; their paths."""
    out.mkdir(parents=True, exist_ok=True)
    goals = [(r.what, r.goal, r.measured, r.verdict, "" if r.value is None else f"{r.value:.6g}") for r in rows]
    return [
        write_text(out / "performance.md", markdown(found, rows, cost)),
        write_csv(out / "performance.csv", ("what", "goal", "measured", "verdict", "value"), goals),
        write_csv(out / "performance_sizes.csv", SIZE_HEAD, timed_passes(found)),
        write_figure(out / "performance.png", draw(found)),
    ]


def markdown(found: Measured, rows: Sequence[Row], cost: ReferenceCost) -> str:
    """docs/performance.md."""
    parts = [
        "# Performance",
        "Made by `diffusioncore benchmark speed`. Each row is a ratio, or a figure, of one run on one machine. "
        "Sizes are I×J×K; GB are 2³⁰ bytes.",
        machine_words(found.machine, found.model),
    ]
    if found.quick:
        parts.append("**A quick run on small scans, to try the command: none of its figures says anything.**")
    if disturbs(found.machine.others):
        parts.append(
            f"**Other work took {found.machine.others:.1f} processors at the start: the seconds are too long; "
            "ratios suffer less.**"
        )
    parts += [
        "## Goals",
        markdown_table(
            ("what", "goal", "measured", "verdict"), [(r.what, r.goal, r.measured, r.verdict) for r in rows]
        ),
        "## Where the seconds go",
        stages_words(found),
        "## Cost with size",
        markdown_table(SIZE_HEAD, timed_passes(found)),
        "Memory is the process's peak, imports and scan included; `work` is voxels computed over voxels of the scan. "
        f"gemm: {found.gemm.float32:.0f} GFLOP/s in float32"
        + (f", {found.gemm.bfloat16:.0f} in bfloat16." if found.gemm.bfloat16 else "; this CPU has no bfloat16."),
        "![stages, and cost with size](performance.png)",
        "## S0's network over 512³, counted",
        reference_words(cost),
    ]
    return "\n\n".join(parts) + "\n"


def machine_words(machine: Machine, model: str) -> str:
    bfloat16 = "with" if machine.bfloat16 else "without"
    gpu = machine.gpu or "no GPU"
    return (
        f"Machine: {machine.cpu}, {machine.cores} cores ({machine.threads} threads used), {bfloat16} bfloat16, "
        f"{machine.memory_gb:.0f} GB free, {gpu}; {machine.system}, Python {machine.python}, torch {machine.torch}. "
        f"Model: {model}."
    )


def stages_words(found: Measured) -> str:
    runs = [found.enhancement, *([found.float32] if found.float32 else [])]
    names = list(found.enhancement.stage_seconds())
    body = [
        (run.dtype, *(f"{run.stage_seconds().get(name, 0.0):.2f}" for name in names), f"{run.typical:.2f}")
        for run in runs
    ]
    run = found.enhancement
    words = f"`enhance` of {size(run.shape)} int16 .nii.gz, medians of {len(run.seconds)} runs, seconds:"
    return words + "\n\n" + markdown_table(("format", *names, "whole process"), body)


SIZE_HEAD = (
    "scan",
    "network",
    "format",
    "memory limit",
    "plan",
    "work",
    "s",
    "µs a voxel",
    "GFLOP/s",
    "of gemm",
    "peak",
)


def timed_passes(found: Measured) -> list[tuple[str, ...]]:
    """A row for every pass that was timed, under `SIZE_HEAD`."""
    lines = [size_line(run, "model", "") for run in (found.network, *found.sizes)]
    if found.network_float32 is not None:
        lines.insert(1, size_line(found.network_float32, "model", ""))
    lines.append(size_line(found.wide, "wider", ""))
    for memory, limited, free in found.limited:
        same = abs(limited.gflop / limited.voxels - found.network.gflop / found.network.voxels) < 1e-6
        name = "model" if same else "wider"
        if free not in (found.wide, *found.sizes):
            lines.append(size_line(free, name, ""))
        lines.append(size_line(limited, name, memory))
    if found.largest is not None:
        lines.append(size_line(found.largest, "model", "6G"))
    return lines


def size_line(run: Pass, network: str, memory: str) -> tuple[str, ...]:
    share = run.share_of_gemm
    return (
        size(run.shape),
        network,
        run.dtype,
        memory or "what is free",
        run.plan,
        f"{run.work_factor:.2f}",
        f"{run.seconds:.2f}",
        f"{run.microseconds_per_voxel:.3f}",
        f"{run.rate:.0f}",
        "–" if share is None else f"{share:.0%}",
        gigabytes(run.peak_bytes),
    )


def reference_words(cost: ReferenceCost) -> str:
    """The claim of 50 DDIM steps over 512³ within two seconds, by arithmetic."""
    steps = cost.steps * CLAIMED_SECONDS / cost.seconds_at_40_percent
    return (
        f"S0's network (preset `reference`, 64-128-256-512) takes {cost.macs_per_voxel / 1e6:.2f} million "
        "multiply-accumulates a voxel in convolutions and linear layers and "
        f"{cost.attention_per_voxel / 1e6:.2f} million in attention. {cost.steps} DDIM steps over 512³ are "
        f"**{cost.pflop:.1f} PFLOP**. One H100 or H200 ({PEAK:.0f} TFLOP/s dense bfloat16) would need "
        f"{cost.seconds_at_peak:.0f} s at its peak and **{cost.seconds_at_40_percent:.0f} s at {REACHED:.0%} of it**; "
        f"with 64³ patches that overlap by half, {cost.overlap:.1f} times that: "
        f"{cost.overlap * cost.seconds_at_40_percent:.0f} s. {CLAIMED_SECONDS:.0f} s are enough for {steps:.1f} steps "
        f"without overlap and {steps / cost.overlap:.1f} with it: the claim can hold for one step of such a network, "
        "not for fifty. The `fast` family, whose first step is the conditional mean, is the answer."
    )


def draw(found: Measured):
    """The matplotlib Figure: seconds by stage; microseconds and peak memory against size."""
    from matplotlib.figure import Figure  # no pyplot: it keeps figures in a global and asks for a screen

    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    runs: list[Enhancement] = [found.enhancement, *([found.float32] if found.float32 else [])]
    colours = [f"C{n}" for n in range(10)]
    for height, run in enumerate(runs):
        done = 0.0
        for n, (stage, seconds) in enumerate(run.stage_seconds().items()):
            label = stage if height == 0 else None
            left.barh(height, seconds, left=done, color=colours[n % len(colours)], label=label, height=0.6)
            done += seconds
    left.set_yticks(range(len(runs)), [run.dtype for run in runs])
    left.set_ylim(-0.6, len(runs) - 0.4)
    left.set_xlabel(f"seconds, enhance of {size(found.enhancement.shape)}")
    left.legend(fontsize=8, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))

    edges = [run.shape[0] for run in found.sizes]
    right.plot(edges, [run.microseconds_per_voxel for run in found.sizes], "o-", color="C0")
    right.set_ylim(0, 1.15 * max(run.microseconds_per_voxel for run in found.sizes))
    right.set_xscale("log", base=2)
    right.set_xticks(edges, [f"{edge}³" for edge in edges])
    right.set_ylabel("µs a voxel", color="C0")
    if all(run.peak_bytes is not None for run in found.sizes):
        memory = right.twinx()
        memory.plot(edges, [run.peak_bytes / GIB for run in found.sizes], "s--", color="C1")
        memory.set_ylim(0, 1.15 * max(run.peak_bytes for run in found.sizes) / GIB)
        memory.set_ylabel("peak memory, GB", color="C1")
    return figure
