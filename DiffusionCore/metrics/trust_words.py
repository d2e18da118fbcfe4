"""Findings in words: one plain sentence each, with units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from DiffusionCore.metrics.trust_bias import Amount, Bias
from DiffusionCore.metrics.trust_places import Place
from DiffusionCore.metrics.trust_uncertainty import Sureness

FLAGGED_SHARE = 0.05
"""Share of the tissue from which flagged voxels are an alarm."""
EXCESS = 1.2
"""Size of what was removed at coarse scales over that of noise, from which it is an alarm."""
CHANGED_ML_PERCENT, CHANGED_HU, CHANGED_MEAN_PERCENT = 3.0, 2.0, 1.0
"""Changes of volume and of mean from which they are an alarm."""
PLACES_NAMED = 3


@dataclass(frozen=True)
class Finding:
    """`kind` is structure, bias, uncertainty or range; `alarm` says that a person should look."""

    kind: str
    alarm: bool
    sentence: str


def structure_findings(share: float, excess: float, known: bool, places: Sequence[Place], unit: str) -> list[Finding]:
    """How much of the tissue is flagged, the strongest places, and whether the noise model holds at all."""
    alarm = share > FLAGGED_SHARE or bool(places)
    where = f"{_percent(share)} of the tissue shows structure in it"
    if share > FLAGGED_SHARE:
        sentence = f"what was removed is not only noise: {where} (an alarm from 5 %)"
    elif places:
        many = "one place" if len(places) == 1 else f"{len(places)} places"
        sentence = f"what was removed is not only noise in {many}; {where}"
    else:
        sentence = f"what was removed looks like noise: {where} (an alarm from 5 %)"
    found = [Finding("structure", alarm, sentence)]
    for place in places[:PLACES_NAMED]:
        did = "shows something that the scan did not" if place.invented else "lost something that the scan showed"
        r, a, s = place.ras
        found.append(
            Finding(
                "structure",
                True,
                f"look at {_side(r, 'R', 'L')}, {_side(a, 'A', 'P')}, {_side(s, 'S', 'I')} mm: the result {did}, "
                f"{place.volume_mm3:.3g} mm³ (contrast {place.scan:+.3g} {unit} in the scan, {place.result:+.3g} in the "
                f"result; {abs(place.score):.1f} standard deviations of the noise)".replace("-", "−"),
            )
        )
    if len(places) > PLACES_NAMED:
        found.append(Finding("structure", True, f"{len(places) - PLACES_NAMED} more such places are in the map"))
    if excess > EXCESS:
        words = f"over a few millimetres what was removed is {excess:.2g} times as strong as the noise would be"
        why = "; the noise may be stronger than was measured" if known else "; the noise's spectrum is not known"
        found.append(Finding("structure", True, words + why))
    return found


def bias_findings(bias: Bias) -> list[Finding]:
    """The mean in tissue and the volumes, with the part of the scan that changed most."""
    mean = bias.mean
    found = []
    if mean.before == mean.before:
        part = f"; most in the {mean.part} part ({_signed(mean.part_after - mean.part_before)} {mean.unit})"
        large = _mean_changed(mean, mean.before, mean.after) or _mean_changed(mean, mean.part_before, mean.part_after)
        sentence = f"the mean in tissue went from {mean.before:.4g} to {mean.after:.4g} {mean.unit}"
        found.append(Finding("bias", large, sentence + (part if mean.part else "")))
    for amount in bias.volumes:
        if not amount.before > 0:
            continue
        part = f"; most in the {amount.part} part ({_change(amount.part_percent)})"
        large = max(abs(amount.percent), abs(amount.part_percent) if amount.part else 0) > CHANGED_ML_PERCENT
        sentence = (
            f"{amount.name}: {amount.before:.4g} mL before, {amount.after:.4g} mL after ({_change(amount.percent)})"
        )
        found.append(Finding("bias", large, sentence + (part if amount.part else "")))
    return found


def uncertainty_findings(sure: Sureness | None, unit: str) -> list[Finding]:
    """How wide the 90 % interval is, and whether it was calibrated."""
    if sure is None:
        return []
    width = f"half of the tissue is known to ±{sure.median:.3g} {unit}, all but 1 % of it to ±{sure.highest:.3g} {unit}"
    if sure.calibrated:
        sentence = f"{width} (90 % interval, calibrated on the model's validation subjects)"
        return [Finding("uncertainty", False, sentence)]
    sentence = f"{width}, by the spread of the samples, which is not calibrated for this model"
    return [Finding("uncertainty", False, sentence)]


def range_findings(warnings: Sequence[str]) -> list[Finding]:
    """What of the scan is outside what the model was trained on."""
    if not warnings:
        return [Finding("range", False, "the scan is like those that the model was trained on")]
    return [Finding("range", True, warning) for warning in warnings]


def _mean_changed(mean: Amount, before: float, after: float) -> bool:
    change = abs(after - before)
    return change > CHANGED_HU if mean.unit == "HU" else change > CHANGED_MEAN_PERCENT / 100 * abs(before)


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share >= 1e-4 else "under 0.01 %"


def _change(percent: float) -> str:
    return f"{_signed(percent)} %" if abs(percent) >= 0.01 else "under 0.01 %"


def _signed(value: float) -> str:
    return f"{value:+.2g}".replace("-", "−")


def _side(value: float, positive: str, negative: str) -> str:
    return f"{positive if value >= 0 else negative} {abs(value):.0f}"
