"""The gates of synthesis: what must hold before weights are called done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from DiffusionCore.benchmark.synthesis.results import ArmResult, difference

MOST_SECONDS = 30.0  # at the steps on the cards, 50 and twice 10


@dataclass(frozen=True)
class Verdict:
    """One gate: what was measured, whether it holds."""

    arm: str
    gate: str
    measured: str
    holds: bool


def verdicts(results: Sequence[ArmResult], floor: ArmResult) -> list[Verdict]:
    """Of every cascade; against the first single stage where there is one. `floor`: real test images, judged alike."""
    singles = [result for result in results if not result.cascade]
    found = []
    for result in (result for result in results if result.cascade):
        mean = result.mean
        if singles:
            found.append(against_single_stage(result, singles[0], floor))
        measured = f"{mean('precision'):.2f} / {mean('recall'):.2f}"
        among = mean("precision") >= 0.5 and mean("recall") >= 0.3
        found.append(Verdict(result.name, "precision / recall at least 0.5 / 0.3", measured, among))
        share = mean("memorised")
        found.append(
            Verdict(result.name, "at most 10 % nearer to training than 95 % of test", f"{share:.0%}", share <= 0.1)
        )
        found.append(
            Verdict(
                result.name,
                f"one image by itself in {MOST_SECONDS:g} s",
                f"{result.alone} s",
                result.alone.seconds <= MOST_SECONDS,
            )
        )
        if mean("height_r") == mean("height_r"):
            measured = f"r = {mean('height_r'):.3f} (real images {floor.mean('height_r'):.3f})"
            found.append(
                Verdict(result.name, "asked and seen slice height, r at least 0.9", measured, mean("height_r") >= 0.9)
            )
    return found


def against_single_stage(cascade: ArmResult, single: ArmResult, floor: ArmResult) -> Verdict:
    """By the kernel distance; the words say how long each was trained."""
    less = difference(cascade, single, "kernel")
    words = f"kernel distance below {single.name}'s (trained {cascade.training}, against {single.training})"
    each = (
        f"{name} {cascade.cell(figure)} against {single.cell(figure)} (real images {floor.cell(figure)})"
        for figure, name in (("kernel", "kernel"), ("frechet", "Fréchet"))
    )
    return Verdict(cascade.name, words, f"{less}; {'; '.join(each)}", less.estimate < 0)
