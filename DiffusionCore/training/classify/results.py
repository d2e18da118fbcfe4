"""What a run leaves to read: probabilities of the validation cases, confusion matrix, learning curves."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ...classification import LabelDiffusion
from ...metrics.bootstrap import Interval
from ...metrics.calibration import fit_temperature, with_temperature
from ...metrics.classifier import Predictions, accuracy, auc, balanced_accuracy, confusion, interval
from .cases import Cases
from .config import ClassifierConfig
from .loader import evaluation_loader
from .threshold import balanced_threshold


@dataclass(frozen=True, eq=False)
class Found:
    """What a classifier says of cases: `labels` by label diffusion after calibration, `guidance` by the guidance network
    alone; `temperature` is the calibration's."""

    labels: Predictions
    guidance: Predictions
    temperature: float

    def figures(self) -> dict[str, Interval]:
        """Accuracy, balanced accuracy and AUC of both, with intervals."""
        measures = {"accuracy": accuracy, "balanced accuracy": balanced_accuracy, "AUC": auc}
        return {
            name + measure: interval(given, figure)
            for name, given in (("", self.labels), ("guidance ", self.guidance))
            for measure, figure in measures.items()
        }


@torch.no_grad()
def predict(network: LabelDiffusion, cases: Cases, config: ClassifierConfig) -> Found:
    """Probabilities of validation cases, with the temperature and, of two classes, the threshold that they ask for."""
    drawn, guided = [], []
    device = next(network.parameters()).device
    for batch in evaluation_loader(cases, 4 * config.trainer.batch_size):
        guidance = network.encode(batch["x"].to(device))
        samples = network.sample(guidance, samples=config.labels.samples, steps=config.labels.steps, seed=config.seed)
        drawn.append(samples.mean(dim=0).double().cpu())
        guided.append(guidance.probabilities.double().cpu())
    raw = _predictions(torch.cat(drawn).numpy(), cases)
    temperature = fit_temperature(raw)
    calibrated = _predictions(with_temperature(raw.probabilities, temperature), cases)
    return Found(calibrated, _predictions(torch.cat(guided).numpy(), cases), temperature)


def _predictions(probabilities: np.ndarray, cases: Cases) -> Predictions:
    given = Predictions(probabilities / probabilities.sum(axis=1, keepdims=True), cases.labels, cases.subjects)
    if given.classes == 2:
        given = Predictions(given.probabilities, cases.labels, cases.subjects, balanced_threshold(given))
    return given


def write_results(folder: Path, found: Found, cases: Cases, classes: Sequence[str]) -> None:
    """`validation.csv` (a row a case), `confusion.csv`, `confusion.png` and `curves.png` in the run's folder."""
    given = found.labels
    with (folder / "validation.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["case", "subject", "class", "answer", *(f"p({name})" for name in classes)])
        for n, name in enumerate(cases.names):
            shares = (f"{p:.4f}" for p in given.probabilities[n])
            rows.writerow([name, cases.subjects[n], classes[given.labels[n]], classes[given.answers[n]], *shares])
    counts = confusion(given)
    with (folder / "confusion.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["truth \\ answer", *classes])
        rows.writerows([name, *row] for name, row in zip(classes, counts.tolist(), strict=True))
    _draw_confusion(folder / "confusion.png", counts, classes)
    _draw_curves(folder)


def _draw_confusion(path: Path, counts: np.ndarray, classes: Sequence[str]) -> None:
    from matplotlib.figure import Figure

    longest = max(map(len, classes))
    figure = Figure(
        figsize=(1.5 + len(classes) + 0.09 * longest, 1.5 + len(classes) + 0.06 * longest), layout="constrained"
    )
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        dark = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, f"{count}\n{shares[row, column]:.0%}", ha="center", va="center", color=dark)
    axes.set_xticks(range(len(classes)), classes, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="answer", ylabel="truth", title="Validation cases")
    figure.savefig(path, dpi=120)


def _draw_curves(folder: Path) -> None:
    """Loss and AUC of both phases against the epoch."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots(2, 2, sharex="col", squeeze=False)
    for column, (phase, title) in enumerate(
        (("guidance", "Phase 1: guidance"), ("labels", "Phase 2: label diffusion"))
    ):
        curves = read_curves(folder, phase)
        for name, label in (("train_loss", "training loss"), ("val_loss", "validation: −log p of the class")):
            axes[0, column].plot(*_points(curves, name), label=label)
        axes[1, column].plot(*_points(curves, "val_auc"), color="tab:green", label="validation AUC")
        axes[0, column].set_title(title)
        axes[1, column].set_xlabel("epoch")
        for row in axes[:, column]:
            row.legend(loc="best", fontsize=8)
            row.grid(alpha=0.3)
    figure.savefig(folder / "curves.png", dpi=120)


def read_curves(folder: Path, phase: str) -> dict[str, dict[int, float]]:
    """Per figure its value in each epoch, from the logs of all starts of the run, the later ones counting."""
    curves: dict[str, dict[int, float]] = {}
    for path in sorted(
        folder.glob(f"csv/{phase}-*/metrics.csv"), key=lambda path: int(path.parent.name.split("-")[-1])
    ):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                for name, value in row.items():
                    if value and name not in ("epoch", "step"):
                        curves.setdefault(name, {})[int(row["epoch"])] = float(value)
    return curves


def _points(curves: dict[str, dict[int, float]], name: str) -> tuple[list[int], list[float]]:
    points = sorted(curves.get(name, {}).items())
    return [epoch + 1 for epoch, _ in points], [value for _, value in points]
