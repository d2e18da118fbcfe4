"""Batches of cases for the two phases: their order and everything random in them a function of the seed and the epoch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from .cases import Cases

Batch = dict[str, torch.Tensor]


class CaseBatches(Dataset):
    """A batch for a list of indices: `x` (N, 1, K, J, I) float32, `y` (N,) int64 and the `seed` of its randomness."""

    def __init__(self, cases: Cases) -> None:
        self.cases = cases

    def __getitem__(self, item: tuple[tuple[int, ...], int]) -> Batch:
        indices, seed = list(item[0]), item[1]
        x = torch.from_numpy(self.cases.images[indices].astype(np.float32))[:, None]
        return {"x": x, "y": torch.from_numpy(self.cases.labels[indices]), "seed": torch.tensor(seed)}


class EpochOrder(Sampler):
    """Whole batches of an epoch, in an order drawn from (seed, epoch); a rest smaller than a batch is left out.

    balanced   every class is drawn equally often, cases of rare ones repeatedly
    """

    def __init__(self, labels: np.ndarray, batch_size: int, seed: int, balanced: bool) -> None:
        self.labels, self.size, self.seed, self.balanced = labels, min(batch_size, len(labels)), seed, balanced
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.labels) // self.size

    def __iter__(self) -> Iterator[tuple[tuple[int, ...], int]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        order = self._balanced(rng) if self.balanced else rng.permutation(len(self.labels))
        seeds = rng.integers(2**62, size=len(self))
        for n in range(len(self)):
            yield tuple(order[n * self.size : (n + 1) * self.size].tolist()), int(seeds[n])

    def _balanced(self, rng: np.random.Generator) -> np.ndarray:
        kinds = np.unique(self.labels)
        each = -(-len(self.labels) // len(kinds))
        drawn = []
        for kind in kinds:
            own = np.flatnonzero(self.labels == kind)
            rounds = [rng.permutation(own) for _ in range(-(-each // len(own)))]
            drawn.append(np.concatenate(rounds)[:each])
        return rng.permutation(np.concatenate(drawn))


def training_loader(cases: Cases, batch_size: int, seed: int, balanced: bool) -> DataLoader:
    """Augmentation is left to the training step, which does a batch at once."""
    order = EpochOrder(cases.labels, batch_size, seed, balanced)
    return DataLoader(CaseBatches(cases), batch_size=None, sampler=order)


def evaluation_loader(cases: Cases, batch_size: int) -> DataLoader:
    """Every case once, in its order."""
    starts = range(0, len(cases.labels), batch_size)
    batches = [(tuple(range(n, min(n + batch_size, len(cases.labels)))), 0) for n in starts]
    return DataLoader(CaseBatches(cases), batch_size=None, sampler=batches)


def class_weights(labels: np.ndarray, classes: int) -> torch.Tensor:
    """(classes,) weights in inverse proportion to how often each class occurs, one on average over the cases."""
    counts = np.bincount(labels, minlength=classes)
    return torch.from_numpy(len(labels) / (classes * np.maximum(counts, 1))).float()
