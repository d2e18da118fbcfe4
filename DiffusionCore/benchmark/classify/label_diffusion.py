"""Our own arm: a trained model's answers, its guidance network's, its samples' range, its curve over sampling steps."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.benchmark.classify.datasets import Dataset
from DiffusionCore.metrics.calibration import RangeCoverage, range_coverage, with_temperature
from DiffusionCore.metrics.classifier import Predictions, auc, brier
from DiffusionCore.models import Classifier

BATCH = 32
STEPS = (1, 2, 3, 5, 10, 20, 50)
SPREADS = (0.0, 1.0)


def answers(
    model: Classifier, images: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(samples, N, classes) as drawn, before calibration; and (N, classes), the guidance network's own answer."""
    import torch

    spec = model.card.classify
    drawn, guided = [], []
    with torch.inference_mode():
        for part in np.array_split(images, -(-len(images) // BATCH)):
            guidance = model.network.encode(torch.from_numpy(np.array(part, np.float32))[:, None])
            drawn.append(model.network.sample(guidance, samples=spec.samples, steps=spec.steps).double())
            guided.append(guidance.probabilities.double())
    return unit(torch.cat(drawn, dim=1).numpy()), unit(torch.cat(guided).numpy())


def unit(p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Probabilities whose classes sum to 1 in float64 too."""
    return p / p.sum(axis=-1, keepdims=True)


def range_of_samples(model: Classifier, data: Dataset) -> RangeCoverage:
    """Whether the range that nine in ten samples lie in, as `classify` shows it, says anything of the truth: test cases."""
    spec, cases = model.card.classify, data.test
    samples, _ = answers(model, cases.images)
    given = Predictions(with_temperature(samples.mean(axis=0), spec.temperature), cases.labels, cases.subjects)
    low, high = np.percentile(with_temperature(samples, spec.temperature)[..., 1], (5, 95), axis=0)
    return range_coverage(given, low, high)


@dataclass(frozen=True)
class StepPoint:
    """Sampling with so many steps: AUC and Brier score of validation cases, seconds a case beside the encoders' own."""

    steps: int
    spread: float
    auc: float
    brier: float
    seconds: float


def step_curve(model: Classifier, data: Dataset, steps: tuple[int, ...] = STEPS) -> list[StepPoint]:
    """Quality against steps on validation cases, with one shared timestep and with one for each point of the grid."""
    import torch

    cases, samples = data.val, model.card.classify.samples
    with torch.inference_mode():
        guidance = model.network.encode(torch.from_numpy(cases.images)[:, None])
    points = []
    for spread in SPREADS:
        for count in (s for s in steps if s <= model.network.config.steps):
            started = time.process_time()
            with torch.inference_mode():
                drawn = model.network.sample(guidance, samples=samples, steps=count, spread=spread)
            seconds = (time.process_time() - started) / len(cases)
            given = Predictions(unit(drawn.double().mean(dim=0).numpy()), cases.labels, cases.subjects)
            whole = np.ones((1, len(cases)))
            points.append(StepPoint(count, spread, float(auc(given, whole)[0]), float(brier(given, whole)[0]), seconds))
    return points
