"""How long one classification takes after loading: at S4's full size, and by the model that was trained."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

from DiffusionCore.classification import LabelDiffusion, preset
from DiffusionCore.models import Classifier

SAMPLES, STEPS = 10, 10  # S4's full size draws so many; the steps are those of the default configuration
FULL_SECONDS, SMALL_SECONDS = 5.0, 1.0
RUNS = 3


@dataclass(frozen=True)
class Timed:
    """The median of wall-clock seconds of some runs after a first one, and how long it may take."""

    what: str
    limit: float
    seconds: float
    threads: int


def timings(model: Classifier) -> list[Timed]:
    """Encoders once, then all samples: with random weights at S4's full size, and as the model's card proposes."""
    import torch

    with torch.random.fork_rng(devices=[]):
        full = LabelDiffusion(preset("s4")).eval()
    spec = model.card.classify
    size = "×".join(map(str, full.config.grid[::-1]))
    threads = torch.get_num_threads()
    return [
        Timed(
            f"one classification of {size}, S4's full size, {SAMPLES} samples of {STEPS} steps",
            FULL_SECONDS,
            seconds(full, SAMPLES, STEPS),
            threads,
        ),
        Timed(
            f"one case, {spec.samples} samples of {spec.steps} steps",
            SMALL_SECONDS,
            seconds(model.network, spec.samples, spec.steps),
            threads,
        ),
    ]


def seconds(network: LabelDiffusion, samples: int, steps: int) -> float:
    """Of one random image of the network's size."""
    import torch

    x = torch.rand((1, 1, *network.config.grid), generator=torch.Generator().manual_seed(0))
    taken = []
    with torch.inference_mode():
        for _ in range(1 + RUNS):
            started = time.perf_counter()
            network.sample(network.encode(x), samples=samples, steps=steps)
            taken.append(time.perf_counter() - started)
    return statistics.median(taken[1:])
