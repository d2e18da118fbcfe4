"""Training examples: each a pure function of (seed, step, index in the global batch), so that a resumed run repeats none
and misses none, and the ranks of a distributed run share a batch without talking to each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from ..networks import NO_CONDITION
from .augmentation import Augmentation, make_augmentation
from .config import TrainingConfig
from .corruption import Corrupt, Noisy, as_file, draw_sigma, make_corruption, misjudgement
from .ct_noise import NoiseBank, kernel_mix, make_banks
from .lowering import make_lowering, make_target, without_margin
from .readers import Scan
from .sampling import place_patch, region, scan_weights
from .timestep import draw_timestep
from .whole_images import make_image_source

Batch = dict[str, torch.Tensor]


@dataclass(frozen=True)
class ExampleSource:
    """Makes examples from scans.

    `example(step, index)` gives numpy arrays: `x` (1, *patch) the clean target, normalised; `y` (1, *patch) the input and
    `sigma` (1, *patch) its noise (absent where unconditional); `level` the typical sigma, where that is not its median;
    `t` the timestep; `epsilon` (1, *patch) standard normal.
    """

    config: TrainingConfig
    scans: Sequence[Scan]
    weights: np.ndarray
    augment: Augmentation
    corrupt: Corrupt | None
    banks: Sequence[NoiseBank] | None

    def example(self, step: int, index: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng([self.config.seed, step, index])
        made = {"t": np.int64(draw_timestep(self.config, index, rng))}
        if self.corrupt is None:
            made["x"] = self._target(rng)
        else:
            degradation = self.config.degradation
            sigma = draw_sigma(degradation, rng)
            if self.banks is not None and rng.random() < degradation.projected:
                made["x"], noisy = self._projected(sigma, rng)
            else:
                made["x"], noisy = self._corrupted(sigma, rng)
            made["y"] = noisy.y if rng.random() >= self.config.diffusion.drop else np.full_like(noisy.y, NO_CONDITION)
            told = misjudgement(degradation, rng) * noisy.sigma
            made["sigma"] = np.broadcast_to(told, noisy.y.shape)
            if noisy.level is not None:
                made["level"] = np.float32(noisy.level)
        made["epsilon"] = rng.standard_normal(made["x"].shape, dtype=np.float32)
        return {name: value[None] if np.ndim(value) else value for name, value in made.items()}

    def batch(self, step: int, indices: Sequence[int]) -> Batch:
        """The examples `indices` of a step, stacked: (N, 1, *patch) float32 and `t` (N,) int64."""
        examples = [self.example(step, index) for index in indices]
        return {name: torch.from_numpy(np.stack([e[name] for e in examples])) for name in examples[0]}

    def _corrupted(self, sigma: float, rng: np.random.Generator) -> tuple[np.ndarray, Noisy]:
        """A clean patch and its input; what was degraded around the patch, where ends would tell, is cut off."""
        scan = self._target(rng)
        return without_margin(self.target(scan), self.corrupt(scan, sigma, rng), self.margin)

    @cached_property
    def target(self) -> Callable[[np.ndarray], np.ndarray]:
        """What is learnt from a part of a scan."""
        return make_target(self.config.resolution)

    @property
    def margin(self) -> tuple[int, ...]:
        """Voxels on either side of a patch that are made and degraded with it."""
        resolution = self.config.resolution
        return (0,) * len(self.config.data.patch) if resolution is None else resolution.margin

    def _target(self, rng: np.random.Generator) -> np.ndarray:
        """A clean patch, and the margin around it, with all of the augmentation."""
        data, flat = self.config.data, len(self.config.data.patch) == 2
        n = self._choose(rng)
        scan = self.scans[n]

        def cut(size: Sequence[int]) -> np.ndarray:
            block = np.concatenate([region(*part) for part in self._parts(n, (1, *size) if flat else size, rng)])
            return block[0] if flat else block

        target = self.augment(cut, scan.spacing[1:] if flat else scan.spacing, rng)
        if data.smooth_target > 0:
            from scipy.ndimage import gaussian_filter

            target = gaussian_filter(target, data.smooth_target)
        return target

    def _projected(self, sigma: float, rng: np.random.Generator) -> tuple[np.ndarray, Noisy]:
        """A clean CT patch, and the same with noise that was projected through its own scan: turned and mirrored with
        it, not resampled, which would change the noise's spectrum."""
        data, flat = self.config.data, len(self.config.data.patch) == 2
        n = self._choose(rng)
        mix = kernel_mix(len(self.config.degradation.kernels), rng)
        parts = []
        for scan, start, size in self._parts(n, (1, *data.patch) if flat else data.patch, rng):
            bank = self.banks[self.scans.index(scan)]
            parts.append(np.stack([region(scan, start, size), *bank.draw(start, size, mix, rng)]))
        three = np.concatenate(parts, axis=1)
        spacing = self.scans[n].spacing
        three = self.augment.mirrored(three[:, 0] if flat else three, spacing[1:] if flat else spacing, rng)
        x = self.augment.contrast(np.ascontiguousarray(three[0]), rng)
        return x, as_file(x, sigma * three[1], sigma * three[2], self.config.degradation, rng)

    def _choose(self, rng: np.random.Generator) -> int:
        return int(rng.choice(len(self.scans), p=self.weights))

    def _parts(
        self, n: int, size: Sequence[int], rng: np.random.Generator
    ) -> list[tuple[Scan, list[int], tuple[int, ...]]]:
        """The blocks (scan, start, size) that make up a patch: one; or, of a scan that is a single slice, as many
        unrelated ones as the patch is deep, which teaches that the neighbours of a thick slice may be no help."""
        scan, foreground = self.scans[n], self.config.data.foreground
        if scan.voxels.shape[0] > 1 or size[0] == 1:
            return [(scan, place_patch(scan, size, rng, foreground), tuple(size))]
        singles = [other for other in self.scans if other.voxels.shape[0] == 1]
        chosen = [singles[rng.integers(len(singles))] for _ in range(size[0])]
        size = (1, *size[1:])
        return [(other, place_patch(other, size, rng, foreground), size) for other in chosen]


class Source(Protocol):
    """What makes examples; `corrupt` is None where a model is validated by its loss."""

    config: TrainingConfig
    scans: Sequence[Scan]
    corrupt: Corrupt | None

    def batch(self, step: int, indices: Sequence[int]) -> Batch: ...


def make_source(config: TrainingConfig, scans: Sequence[Scan], quiet: bool = True) -> Source:
    """The source of examples that a configuration describes."""
    if config.synthesis is not None:
        return make_image_source(config, scans)
    degradation, corrupt, outer = config.degradation, make_corruption(config.degradation), config.data.patch
    if config.resolution is not None:
        corrupt = make_lowering(config.resolution, corrupt)
        factor, margins = config.resolution.target_factor, config.resolution.margin
        outer = tuple(factor * (size + 2 * margin) for size, margin in zip(outer, margins, strict=True))
    projects = degradation.target == "ct_low_dose" and degradation.projected > 0
    return ExampleSource(
        config,
        list(scans),
        scan_weights(scans, config.data.prefer_clean, config.data.singles),
        make_augmentation(config.augmentation, outer),
        corrupt,
        make_banks(scans, degradation, quiet) if projects else None,
    )


class ExampleStream(IterableDataset):
    """Endless batches from `first_step` on, of the examples that belong to `rank` of `world`."""

    def __init__(self, source: Source, first_step: int, rank: int, world: int) -> None:
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


def make_loader(source: Source, first_step: int, rank: int, world: int) -> DataLoader:
    """A loader of whole batches; workers take turns, so their order is that of the steps."""
    workers = source.config.data.workers
    return DataLoader(
        ExampleStream(source, first_step, rank, world),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=2 if workers else None,
    )
