"""What the comparison found: each arm's figures over seeds with intervals, differences from ours, verdicts on the gates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from DiffusionCore.benchmark.classify.arms import BUNDLED, GUIDANCE, OURS, RESNET, Arm
from DiffusionCore.benchmark.classify.datasets import Dataset
from DiffusionCore.benchmark.classify.explanation import Explained
from DiffusionCore.benchmark.classify.record import Record
from DiffusionCore.benchmark.classify.timing import Timed
from DiffusionCore.metrics.bootstrap import Interval
from DiffusionCore.metrics.calibration import ReliabilityBin, fit_temperature, reliability_curve, with_temperature
from DiffusionCore.metrics.classifier import Predictions, auc, classifier_figures, interval
from DiffusionCore.metrics.paired_classifiers import McNemar, difference, mcnemar

ADRENAL = {"AUC": 0.86, "balanced accuracy": 0.76}
GATES = {"adrenal": ADRENAL, "adrenal-64": ADRENAL, "mr-sarcoma": {"AUC": 0.92}}
JUDGED = (OURS, BUNDLED)
NOT_BELOW = (GUIDANCE, RESNET)
DELETION, MOSAIC = 0.90, 0.80
HEAD = ("gate", "wanted", "measured", "verdict")


@dataclass(frozen=True, eq=False)
class ArmResult:
    """One arm over its seeds, on test cases.

    runs         calibrated predictions, one a seed; thresholds and temperatures are of validation cases
    figures      means over the seeds, with bootstrap intervals over subjects
    gain         ours less this arm's AUC, the same subjects drawn for both; None for ours
    tests        McNemar's test against ours, seed by seed
    noisy        AUC of test cases spoilt at each level
    """

    arm: Arm
    runs: tuple[Predictions, ...]
    temperatures: tuple[float, ...]
    figures: dict[str, Interval]
    gain: Interval | None
    tests: tuple[McNemar, ...]
    noisy: tuple[Interval, ...]
    cpu_minutes: float
    parameters: int

    @property
    def reliability(self) -> list[ReliabilityBin]:
        """Of the first seed."""
        return reliability_curve(self.runs[0])


@dataclass(frozen=True)
class Verdict:
    """Whether a gate holds."""

    gate: str
    wanted: str
    measured: str
    verdict: str


def arm_results(
    records: dict[str, list[Record]], arms: Sequence[Arm], data: Dataset, threshold: Callable[[Predictions], float]
) -> list[ArmResult]:
    """The results of the arms that have run, ours first."""
    runs = {
        arm.name: [calibrated(record, data, threshold) for record in records[arm.name]]
        for arm in arms
        if records.get(arm.name)
    }
    return [result_of(arm, runs, records, data) for arm in arms if arm.name in runs]


def calibrated(record: Record, data: Dataset, threshold: Callable[[Predictions], float]) -> tuple[Predictions, float]:
    """Test predictions at the temperature and threshold that validation cases ask for, and the temperature.

    One that says the same of all cases has neither.
    """
    if np.ptp(record.val[:, 1]) < 1e-9:
        return Predictions(record.test, data.test.labels, data.test.subjects), 1.0
    temperature = fit_temperature(Predictions(record.val, data.val.labels, data.val.subjects))
    cooled = Predictions(with_temperature(record.val, temperature), data.val.labels, data.val.subjects)
    answers = with_temperature(record.test, temperature)
    return Predictions(answers, data.test.labels, data.test.subjects, threshold(cooled)), temperature


def result_of(
    arm: Arm, runs: dict[str, list[tuple[Predictions, float]]], records: dict[str, list[Record]], data: Dataset
) -> ArmResult:
    own = [run for run, _ in runs[arm.name]]
    ours = [run for run, _ in runs[OURS]]
    kept = records[arm.name]
    noisy = [
        interval([Predictions(record.noisy[level], data.test.labels, data.test.subjects) for record in kept], auc)
        for level in range(kept[0].noisy.shape[0])
    ]
    return ArmResult(
        arm=arm,
        runs=tuple(own),
        temperatures=tuple(temperature for _, temperature in runs[arm.name]),
        figures=classifier_figures(own),
        gain=None if arm.name == OURS else difference(ours, own, auc),
        tests=()
        if arm.name == OURS
        else tuple(mcnemar(ours[n % len(ours)], own[n % len(own)]) for n in range(max(len(ours), len(own)))),
        noisy=tuple(noisy),
        cpu_minutes=float(np.mean([record.facts.cpu_minutes for record in kept])),
        parameters=kept[0].facts.parameters,
    )


def verdicts(found: Sequence[ArmResult], data: Dataset, explained: Explained, timed: Sequence[Timed]) -> list[Verdict]:
    """Each gate: what was wanted, what was measured, whether it holds."""
    by_name = {result.arm.name: result for result in found}
    rows = [
        at_least(f"{name}, {by_name[arm].arm.title}", by_name[arm].figures[name], least)
        for arm in JUDGED
        if arm in by_name
        for name, least in GATES.get(data.source.name, {}).items()
    ]
    for name in NOT_BELOW:
        if name in by_name:
            gain = by_name[name].gain
            rows.append(
                Verdict(
                    f"AUC less that of: {by_name[name].arm.title}",
                    "interval not below 0",
                    shown(gain),
                    judged(gain.high >= 0),
                )
            )
    rows.append(at_least("deletion beats random, by the encoders' answer", explained.deletion, DELETION))
    rows.append(at_least("deletion beats random, by the label drawn", explained.drawn, DELETION))
    if explained.mosaic is not None:
        rows.append(at_least("first region in mosaics", explained.mosaic, MOSAIC))
    for one in timed:
        measured = f"{one.seconds:.2f} s, {one.threads} threads"
        rows.append(Verdict(one.what, f"≤ {one.limit:g} s", measured, judged(one.seconds <= one.limit)))
    return rows


def at_least(gate: str, measured: Interval, least: float) -> Verdict:
    """A gate whose figure must be `least` or more."""
    return Verdict(gate, f"≥ {least:g}", shown(measured), judged(measured.estimate >= least))


def judged(holds: bool) -> str:
    return "holds" if holds else "missed"


def shown(found: Interval) -> str:
    """An estimate with its interval; a dash where there is none, as of precision where nothing is called positive."""
    if np.isnan(found.estimate):
        return "–"
    return f"{found.estimate:.3f} [{found.low:.3f}, {found.high:.3f}]".replace("-", "−")
