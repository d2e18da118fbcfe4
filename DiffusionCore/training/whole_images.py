"""Examples for synthesis: whole images on one canvas, or crops of them beside the same from half the size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch.nn import functional as F

from ..networks import NO_LABEL, enlarged, halved
from .config import TrainingConfig
from .labels import labelled, normalised_label
from .readers import Scan
from .splits import data_root
from .timestep import draw_timestep


@dataclass(frozen=True)
class ImageSource:
    """Makes examples of whole images; a pure function of (seed, step, index), like `examples.ExampleSource`.

    `batch` gives `x` (N, 1, *patch) normalised, `t` (N,), `epsilon`, with labels `label` (N, labels), and for an upscaler
    `y` (N, 1, *patch), the same from a smaller image that was spoilt by noise of `sigma` (N, 1, ...).
    """

    config: TrainingConfig
    scans: Sequence[Scan]
    corrupt: None = None

    @cached_property
    def images(self) -> list[tuple[Scan, int | None]]:
        """Every image: a scan and its slice, or a whole scan."""
        if len(self.config.data.patch) == 3:
            return [(scan, None) for scan in self.scans]
        return [(scan, k) for scan in self.scans for k in range(len(scan.voxels))]

    def batch(self, step: int, indices: Sequence[int]) -> dict[str, torch.Tensor]:
        examples = [self.example(step, index) for index in indices]
        return {name: torch.stack([example[name] for example in examples]) for name in examples[0]}

    def example(self, step: int, index: int) -> dict[str, torch.Tensor]:
        config, wanted = self.config, self.config.synthesis
        rng = np.random.default_rng([config.seed, step, index])
        t = draw_timestep(config, index, rng)
        number = int(rng.integers(len(self.images)))
        image = self.augmented(self.on_canvas(number), rng)
        made = {"t": torch.tensor(t)}
        if wanted.labels:
            label = self.label(number)
            dropped = rng.random() < config.diffusion.drop
            made["label"] = torch.from_numpy(np.full_like(label, NO_LABEL) if dropped else label)
        if wanted.upscale > 1:
            sigma = rng.uniform(*wanted.augmentation)
            part = self._crop(image, rng)
            made["y"] = self.from_smaller(image, sigma, rng)[part]
            made["sigma"] = torch.full((1,) * image.ndim, sigma, dtype=torch.float32)[0]
            image = image[(slice(None), *part)]
            made["x"] = image[0]
        else:
            made["x"] = image[0]
        noise = rng.standard_normal(tuple(made["x"].shape), dtype=np.float32)
        return {**made, "epsilon": torch.from_numpy(noise)}

    def on_canvas(self, number: int) -> torch.Tensor:
        """(1, 1, *canvas): image `number` in the middle of the canvas, background around it."""
        scan, k = self.images[number]
        canvas = self.config.synthesis.canvas
        shape = scan.voxels.shape if k is None else scan.voxels.shape[1:]
        into, out_of = [], []
        for n, size in zip(shape, canvas, strict=True):
            kept, before = min(n, size), (n - size) // 2
            out_of.append(slice(max(before, 0), max(before, 0) + kept))
            into.append(slice(max(-before, 0), max(-before, 0) + kept))
        filled = np.full(canvas, scan.background, np.float32)
        filled[tuple(into)] = scan.normalised(tuple(out_of) if k is None else (k, *out_of))
        return torch.from_numpy(filled)[None, None]

    def label(self, number: int) -> np.ndarray:
        """(labels,) in 0..1, of image `number`."""
        scan, k = self.images[number]
        specs = self.config.synthesis.labels
        return normalised_label([float(scan.labels[spec.name][k or 0]) for spec in specs], specs)

    def image(self, number: int) -> torch.Tensor:
        """(1, 1, *size): image `number` as it is, in the model's size."""
        return halved(self.on_canvas(number), self.config.synthesis.factor)

    def augmented(self, canvas: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        """(1, 1, *size): mirrored, turned, scaled and moved as configured, in the model's size."""
        wanted = self.config.synthesis
        mirrors = [axis for axis in wanted.mirror_axes if rng.random() < wanted.mirror]
        warps = rng.random() < wanted.warp
        if not warps:
            image = halved(canvas, wanted.factor)
        else:
            background = self.scans[0].background
            image = warped(canvas - background, random_affine(self.config, rng), wanted.factor) + background
        return torch.flip(image, mirrors) if mirrors else image

    def from_smaller(self, image: torch.Tensor, sigma: float, rng: np.random.Generator) -> torch.Tensor:
        """(1, *size) from (1, 1, *size): made smaller, spoilt by noise, and enlarged again."""
        small = halved(image, self.config.synthesis.upscale)
        noise = torch.from_numpy(rng.standard_normal(tuple(small.shape), dtype=np.float32))
        return enlarged(small + sigma * noise, image.shape[2:])[0]

    def _crop(self, image: torch.Tensor, rng: np.random.Generator) -> tuple[slice, ...]:
        """Where an upscaler's example is cut: (slice(None), ...) for (1, *size), mostly about a voxel of tissue."""
        patch, sizes = self.config.data.patch, image.shape[2:]
        tissue = torch.nonzero(image[0, 0] > self.scans[0].background + 0.05)
        if len(tissue) and rng.random() < self.config.data.foreground:
            centre = tissue[int(rng.integers(len(tissue)))].tolist()
        else:
            centre = [int(rng.integers(n)) for n in sizes]
        starts = [min(max(c - p // 2, 0), n - p) for c, p, n in zip(centre, patch, sizes, strict=True)]
        return (slice(None), *(slice(start, start + p) for start, p in zip(starts, patch, strict=True)))


def make_image_source(config: TrainingConfig, scans: Sequence[Scan]) -> ImageSource:
    """The source of a synthesis configuration, with what is known of each image."""
    wanted = config.synthesis
    table = None if wanted.label_file is None else data_root(config.data.root) / wanted.label_file
    slices = len(config.data.patch) == 2
    return ImageSource(config, labelled(scans, [spec.name for spec in wanted.labels], table, slices))


def random_affine(config: TrainingConfig, rng: np.random.Generator) -> torch.Tensor:
    """(1, dims, dims + 1) for `affine_grid`: turned in the plane of rows and columns, scaled, moved."""
    wanted = config.synthesis
    dims = len(wanted.canvas)
    angle = math.radians(rng.uniform(-1, 1) * wanted.degrees)
    matrix = np.eye(dims, dims + 1)
    # affine_grid's first axis is the last of the image; its unit is half the canvas along each
    ratio = wanted.canvas[-2] / wanted.canvas[-1]
    matrix[:2, :2] = [[math.cos(angle), -math.sin(angle) * ratio], [math.sin(angle) / ratio, math.cos(angle)]]
    matrix[:, :dims] *= 1 + rng.uniform(-1, 1) * wanted.zoom
    matrix[:, dims] = 2 * rng.uniform(-1, 1, dims) * wanted.shift
    return torch.from_numpy(matrix.astype(np.float32))[None]


def warped(canvas: torch.Tensor, matrix: torch.Tensor, factor: int) -> torch.Tensor:
    """The canvas (1, 1, *S) under an affine map, zeros from outside, in `1 / factor` of its size."""
    # twice the final resolution is enough to interpolate at, before voxels are averaged
    finer = 2 if factor % 2 == 0 else 1
    sizes = [n // factor * finer for n in canvas.shape[2:]]
    source = halved(canvas, factor // finer)
    grid = F.affine_grid(matrix, [1, 1, *sizes], align_corners=False)
    mode = "bicubic" if canvas.ndim == 4 else "bilinear"
    return halved(F.grid_sample(source, grid, mode=mode, padding_mode="zeros", align_corners=False), finer)
