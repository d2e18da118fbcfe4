"""The tables of `benchmark trust` as Markdown and CSV, and the verdicts on its gates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from DiffusionCore.benchmark.markdown_table import markdown_table
from DiffusionCore.benchmark.report_files import write_csv
from DiffusionCore.benchmark.trust.contrast_detail import SHOWN, Cell
from DiffusionCore.benchmark.trust.extent import Extent
from DiffusionCore.benchmark.trust.intervals import Coverage
from DiffusionCore.benchmark.trust.planted import Detection, GoodResult
from DiffusionCore.metrics.bootstrap import Interval
from DiffusionCore.metrics.trust_structure import FLAGGED
from DiffusionCore.metrics.trust_words import FLAGGED_SHARE

LEAST_AUC = 0.95
COVERED, COVERED_GOAL = (0.85, 0.95), (0.88, 0.92)

EXPLAINED = """\
{whose} subjects. **Planted failures**: spheres of {sigmas:g} sigma contrast, brighter and darker in turn, at up to {sites}
places a scan. *Erased*: the scan shows the sphere, the result is what the model made of the scan without it. *Invented*:
the result has a sphere that the scan has not. The score of a place is the largest standard score within a voxel of the
sphere; AUC is over the same places with and without. *Named* is the share of places whose score reaches the threshold
from which the words name them, with and without a failure. **Good results** are what the model made of the scans as they
are: the share of tissue voxels with a score over {flagged:g}. **Intervals**: the conditional mean ± 1.645 times the
spread of {samples} samples of {steps} steps times the factor on the model's card; the truth holds noise of its own.
**Small structures**: spheres inserted into scans; the observer is a channelised Hotelling observer (differences of
Gaussians, cross-validated), which has no noise of its own and so loses with whatever a result loses; *contrast kept* is
the part of the spheres' contrast that is in the result. Brackets are 95 % bootstrap intervals over places *within these
subjects*, from six subjects on over subjects. Radii are in the size of the finest voxel side."""

BY_STRENGTH = """\
The same when the result is blended with the scan (`--strength`): how much of the noise has to stay so that no size and
contrast that the scan shows is lost (Holm's correction at each strength)."""


@dataclass(frozen=True)
class TrustFigures:
    """Everything a run found."""

    detections: tuple[Detection, ...]
    good: tuple[GoodResult, ...]
    covered: tuple[Coverage, ...]
    cells: tuple[Cell, ...]

    @property
    def at_full_strength(self) -> list[Cell]:
        """The cells of the model's result itself, not blended with the scan."""
        return [cell for cell in self.cells if cell.strength == 1]


@dataclass(frozen=True)
class Verdict:
    """A gate: what, for which modality, what was asked, what was measured, whether it holds."""

    what: str
    modality: str
    gate: str
    measured: str
    holds: bool


def verdicts(figures: TrustFigures, extent: Extent) -> Iterator[Verdict]:
    """The gates that the run had figures for, by modality."""
    for modality in ("MR", "CT"):
        planted = [d for d in figures.detections if d.modality == modality]
        for kind in dict.fromkeys(d.kind for d in planted):
            worst = min((d for d in planted if d.kind == kind), key=lambda d: d.auc.estimate)
            where = f"{_area(worst.auc)} at {worst.label}, radius {worst.radius:g}"
            yield Verdict(
                f"{kind} lesion of {extent.sigmas:g} sigma, worst AUC",
                modality,
                f">= {LEAST_AUC}",
                where,
                worst.auc.estimate >= LEAST_AUC,
            )
        good = [g for g in figures.good if g.modality == modality]
        if good:
            worst_share = max(good, key=lambda g: g.share)
            yield Verdict(
                "tissue flagged in good results, worst scan",
                modality,
                f"< {FLAGGED_SHARE:.0%}",
                f"{worst_share.share:.3%} ({worst_share.subject}, {worst_share.label}); places named {_places(good)}",
                worst_share.share < FLAGGED_SHARE,
            )
        covered = [c.covered for c in figures.covered if c.modality == modality]
        if covered:
            mean = float(np.mean(covered))
            yield Verdict(
                "coverage of the 90 % interval, mean over scans",
                modality,
                f"{COVERED[0]:.0%} to {COVERED[1]:.0%}",
                f"{mean:.1%} (scans {min(covered):.1%} to {max(covered):.1%})",
                COVERED[0] <= mean <= COVERED[1],
            )
        shown = [c for c in figures.at_full_strength if c.modality == modality and c.shown]
        if shown:
            falls = [c for c in shown if c.falls]
            fewest = min(c.insertions for c in shown)
            yield Verdict(
                f"sizes and contrasts that the scan shows (AUC >= {SHOWN}) and the result loses",
                modality,
                f"none (Holm), >= {extent.insertions} insertions each",
                f"{len(falls)} of {len(shown)}, {fewest} insertions each or more",
                not falls and fewest >= extent.insertions,
            )


def markdown(figures: TrustFigures, gates: Sequence[Verdict], extent: Extent, *, validation: bool) -> str:
    """The whole report."""
    explained = EXPLAINED.format(
        whose="**Validation**" if validation else "Test",
        sigmas=extent.sigmas,
        sites=extent.sites,
        flagged=FLAGGED,
        samples=extent.samples,
        steps=extent.steps,
    )
    parts = ["# Trust: are failures flagged, do intervals hold, do small structures survive?", explained]
    parts += ["## Gates", markdown_table(("what", "modality", "gate", "measured", "holds"), map(_gate_row, gates))]
    if figures.detections:
        head = ("modality", "noise", "failure", "radius", "places", "AUC", "named", "named without")
        parts += ["## Planted failures", markdown_table(head, map(_detection_row, figures.detections))]
    if figures.good:
        head = ("subject", "noise", "flagged, % of tissue", "places named", "largest score", "excess")
        parts += ["## Good results", markdown_table(head, map(_good_row, figures.good))]
    if figures.covered:
        head = (
            "subject",
            "noise",
            "90 % interval covers, %",
            "without the factor, %",
            "covered at " + _levels(figures),
        )
        parts += ["## Intervals", markdown_table(head, map(_covered_row, figures.covered))]
    if figures.cells:
        head = (
            "modality",
            "noise",
            "radius",
            "contrast, sigma",
            "n",
            "contrast kept",
            "AUC scan",
            "AUC result",
            "change",
            "p",
            "lost",
        )
        parts += ["## Small structures", markdown_table(head, map(_cell_row, figures.at_full_strength))]
        head = ("modality", "noise", "strength", "contrast kept", "largest fall of AUC", "lost of those shown")
        parts += ["### By strength", BY_STRENGTH, markdown_table(head, _strength_rows(figures.cells))]
    return "\n\n".join(parts) + "\n"


def write_tables(figures: TrustFigures, folder: Path, stem: str) -> list[Path]:
    """A CSV file for each table that has rows."""
    tables = {
        "planted": (
            ("modality", "noise", "failure", "radius", "places", "auc", "low", "high", "named", "named_without"),
            [
                (d.modality, d.label, d.kind, d.radius, d.sites, *_numbers(d.auc), d.named, d.named_without)
                for d in figures.detections
            ],
        ),
        "good": (
            ("modality", "subject", "noise", "flagged_share", "places", "largest", "excess", "tissue_voxels"),
            [(g.modality, g.subject, g.label, g.share, g.places, g.largest, g.excess, g.tissue) for g in figures.good],
        ),
        "intervals": (
            ("modality", "subject", "noise", "level", "covered"),
            [(c.modality, c.subject, c.label, level, found) for c in figures.covered for level, found in c.curve],
        ),
        "detail": (
            (
                *("modality", "noise", "strength", "radius", "contrast", "insertions", "kept"),
                *("scan", "scan_low", "scan_high"),
                *("result", "result_low", "result_high", "change", "change_low", "change_high", "p", "falls"),
            ),
            [
                (
                    *(c.modality, c.label, c.strength, c.radius, c.contrast, c.insertions, c.kept),
                    *(*_numbers(c.scan), *_numbers(c.result), *_numbers(c.change), c.p, int(c.falls)),
                )
                for c in figures.cells
            ],
        ),
    }
    written = []
    for name, (head, rows) in tables.items():
        if rows:
            rounded = ([round(v, 5) if isinstance(v, float) else v for v in row] for row in rows)
            written.append(write_csv(folder / f"{stem}-{name}.csv", head, rounded))
    return written


def _gate_row(gate: Verdict) -> list[str]:
    return [gate.what, gate.modality, gate.gate, gate.measured, "yes" if gate.holds else "**no**"]


def _detection_row(d: Detection) -> list[str]:
    numbers = [f"{d.radius:g}", str(d.sites), _area(d.auc), f"{d.named:.0%}", f"{d.named_without:.0%}"]
    return [d.modality, d.label, d.kind, *numbers]


def _good_row(g: GoodResult) -> list[str]:
    return [g.subject, g.label, f"{100 * g.share:.3f}", str(g.places), f"{g.largest:.1f}", f"{g.excess:.2f}"]


def _covered_row(c: Coverage) -> list[str]:
    curve = " / ".join(f"{100 * found:.0f}" for _, found in c.curve)
    return [c.subject, c.label, f"{100 * c.covered:.1f}", f"{100 * c.without_factor:.1f}", curve]


def _cell_row(c: Cell) -> list[str]:
    lost = "**yes**" if c.falls else ("no" if c.shown else "not shown by the scan")
    change = f"{c.change.estimate:+.3f} [{c.change.low:+.3f}, {c.change.high:+.3f}]".replace("-", "−")
    head = [c.modality, c.label, f"{c.radius:g}", f"{c.contrast:g}", str(c.insertions), f"{c.kept:.0%}"]
    return [*head, _area(c.scan), _area(c.result), change, f"{c.p:.2g}", lost]


def _strength_rows(cells: Sequence[Cell]) -> Iterator[list[str]]:
    groups: dict[tuple[str, str, float], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.modality, cell.label, cell.strength), []).append(cell)
    for (modality, label, strength), group in sorted(groups.items(), key=lambda one: (*one[0][:2], -one[0][2])):
        shown = [cell for cell in group if cell.shown]
        kept = f"{min(c.kept for c in group):.0%} to {max(c.kept for c in group):.0%}"
        fall = f"{min(c.change.estimate for c in shown):+.3f}".replace("-", "−") if shown else ""
        lost = f"{sum(c.falls for c in shown)} of {len(shown)}"
        yield [modality, label, f"{strength:g}", kept, fall, lost]


def _levels(figures: TrustFigures) -> str:
    return " / ".join(f"{100 * level:.0f}" for level, _ in figures.covered[0].curve) + " %"


def _places(good: Sequence[GoodResult]) -> str:
    return f"{sum(g.places for g in good)} in {len(good)} scans"


def _area(interval: Interval) -> str:
    return f"{interval.estimate:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def _numbers(interval: Interval) -> tuple[float, float, float]:
    return interval.estimate, interval.low, interval.high
