"""Training examples: each a pure function of (seed, step, index in the global batch), so that a resumed run repeats none
and misses none, and the ranks of a distributed run share a batch without talking to each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from .augmentation import Augmentation, make_augmentation
from .config import TrainingConfig
from .corruption import Draw, draw_sigma, make_corruption, misjudge
from .readers import Scan
from .sampling import cut_patch, scan_weights

Batch = dict[str, torch.Tensor]


@dataclass(frozen=True)
class ExampleSource:
    """Makes examples from scans.

    `example(step, index)` gives numpy arrays: `x` (1, *patch) the clean target, normalised; `y` (1, *patch) the input and
    `sigma` (1, *patch) its noise (absent where unconditional); `t` the timestep; `epsilon` (1, *patch) standard normal.
    """

    config: TrainingConfig
    scans: Sequence[Scan]
    weights: np.ndarray
    augment: Augmentation
    corrupt: Draw | None

    def example(self, step: int, index: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng([self.config.seed, step, index])
        target = self._target(rng)
        made = {"x": target, "t": np.int64(self._timestep(index, rng))}
        if self.corrupt is not None:
            noisy = self.corrupt(target, draw_sigma(self.config.degradation, rng), rng)
            noisy = misjudge(noisy, self.config.degradation, rng)
            made["y"] = noisy.y
            made["sigma"] = np.broadcast_to(noisy.sigma, target.shape)
        made["epsilon"] = rng.standard_normal(target.shape, dtype=np.float32)
        return {name: value[None] if name != "t" else value for name, value in made.items()}

    def batch(self, step: int, indices: Sequence[int]) -> Batch:
        """The examples `indices` of a step, stacked: (N, 1, *patch) float32 and `t` (N,) int64."""
        examples = [self.example(step, index) for index in indices]
        return {name: torch.from_numpy(np.stack([e[name] for e in examples])) for name in examples[0]}

    def _target(self, rng: np.random.Generator) -> np.ndarray:
        data = self.config.data
        scan = self.scans[rng.choice(len(self.scans), p=self.weights)]
        flat = len(data.patch) == 2

        def cut(size: Sequence[int]) -> np.ndarray:
            if flat:
                return cut_patch(scan, (1, *size), rng, data.foreground)[0]
            if scan.voxels.shape[0] == 1 and size[0] > 1:
                return self._stack(size, rng)
            return cut_patch(scan, size, rng, data.foreground)

        target = self.augment(cut, scan.spacing[1:] if flat else scan.spacing, rng)
        if data.smooth_target > 0:
            from scipy.ndimage import gaussian_filter

            target = gaussian_filter(target, data.smooth_target)
        return target

    def _stack(self, size: Sequence[int], rng: np.random.Generator) -> np.ndarray:
        """A 3D patch of unrelated single slices: teaches that the neighbours of a thick slice may be no help."""
        singles = [scan for scan in self.scans if scan.voxels.shape[0] == 1]
        chosen = [singles[rng.integers(len(singles))] for _ in range(size[0])]
        foreground = self.config.data.foreground
        return np.concatenate([cut_patch(scan, (1, *size[1:]), rng, foreground) for scan in chosen])

    def _timestep(self, index: int, rng: np.random.Generator) -> int:
        """t = T for the configured share of each batch, else 1..T-1; a share that is no whole number is drawn."""
        diffusion, total = self.config.diffusion, global_batch(self.config)
        at_T, late, u = diffusion.share_at_T * total, rng.random(), rng.random()
        if index < int(at_T) or (index == int(at_T) and late < at_T % 1):
            return diffusion.steps
        if diffusion.steps == 1:
            return 1
        last = diffusion.steps if diffusion.share_at_T == 0 else diffusion.steps - 1
        return 1 + min(last - 1, int(last * u**diffusion.warp))


def device_count(config: TrainingConfig) -> int:
    """How many devices a run computes on."""
    return config.trainer.devices * config.trainer.num_nodes


def global_batch(config: TrainingConfig) -> int:
    """Examples per optimiser step over all devices and nodes."""
    return config.trainer.batch_size * device_count(config)


def make_source(config: TrainingConfig, scans: Sequence[Scan]) -> ExampleSource:
    """The source of examples that a configuration describes."""
    return ExampleSource(
        config,
        scans,
        scan_weights(scans, config.data.prefer_clean),
        make_augmentation(config.augmentation, config.data.patch),
        make_corruption(config.degradation),
    )


class ExampleStream(IterableDataset):
    """Endless batches from `first_step` on, of the examples that belong to `rank` of `world`."""

    def __init__(self, source: ExampleSource, first_step: int, rank: int, world: int) -> None:
        super().__init__()
        self.source, self.first_step, self.rank, self.world = source, first_step, rank, world

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        offset, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        size = self.source.config.trainer.batch_size
        indices = range(self.rank, size * self.world, self.world)
        step = self.first_step + offset
        while True:
            yield self.source.batch(step, indices)
            step += stride


def make_loader(source: ExampleSource, first_step: int, rank: int, world: int) -> DataLoader:
    """A loader of whole batches; workers take turns, so their order is that of the steps."""
    workers = source.config.data.workers
    return DataLoader(
        ExampleStream(source, first_step, rank, world),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=2 if workers else None,
    )
