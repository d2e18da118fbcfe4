"""CT noise for training: projected through the scans themselves, computed once and kept; or of a random kernel's spectrum."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..degradation import noise_map, radial_spectrum, shaped_noise, unit_noise, varying_sigma_map
from ..errors import OutputError
from ..volume.atomic import atomic_file
from .config import DegradationConfig
from .readers import Scan
from .sampling import symmetric

FORMAT = 1  # to be raised when what is kept changes meaning
SHIFT = 24  # pixels; noise is taken from a little beside its place, so that no patch sees the same noise twice


@dataclass(frozen=True, eq=False)
class NoiseBank:
    """Projected noise of one scan, at some of its slices.

    unit      (kernels, B, J, I) float16, noise of standard deviation 1 in soft tissue
    relative  (B, J, I) float16, its standard deviation in theory, 1 in soft tissue
    slices    (B,) the scan's slices that they belong to
    """

    unit: np.ndarray
    relative: np.ndarray
    slices: np.ndarray

    def draw(
        self, start: Sequence[int], size: Sequence[int], mix: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Noise and its relative deviation, (K, J, I) each, for the block of `size` at `start`.

        `mix` (kernels,), of unit length, weighs the kernels. Slices are independent: each comes from one of the two
        nearest kept ones, shifted by up to SHIFT pixels, with either sign.
        """
        noise, relative = np.empty((2, *size), np.float32)
        height, width = self.relative.shape[1:]
        for n in range(size[0]):
            nearest = np.argsort(np.abs(self.slices - (start[0] + n)), kind="stable")[:2]
            kept = nearest[rng.integers(len(nearest))]
            dj, di = rng.integers(-SHIFT, SHIFT + 1, 2)
            sign = rng.choice((-1.0, 1.0))
            place = np.ix_(symmetric(start[1] + dj, size[1], height), symmetric(start[2] + di, size[2], width))
            noise[n] = sum(
                np.float32(sign * weight) * unit[kept][place] for weight, unit in zip(mix, self.unit, strict=True)
            )
            relative[n] = self.relative[kept][place]
        return noise, relative


def make_banks(scans: Sequence[Scan], config: DegradationConfig, quiet: bool = True) -> list[NoiseBank]:
    """One bank per scan, read from the cache or computed (about a second per slice and kernel) and kept there."""
    from tqdm import tqdm

    return [_bank(scan, config) for scan in tqdm(scans, "CT noise", disable=quiet, unit="scan")]


def _bank(scan: Scan, config: DegradationConfig) -> NoiseBank:
    depth = scan.voxels.shape[0]
    slices = np.unique(np.linspace(0, depth - 1, min(config.slices, depth)).round().astype(int))
    recipe = repr((FORMAT, scan.name, scan.voxels.shape, scan.spacing, config.kernels, slices.tolist()))
    key = hashlib.sha256(recipe.encode()).hexdigest()
    path = config.cache / f"ct-noise-{key[:16]}.npz"
    if path.is_file():
        with np.load(path, allow_pickle=False) as kept:
            return NoiseBank(kept["unit"], kept["relative"], slices)
    unit, relative = _project(scan, slices, config.kernels, int(key[:8], 16))
    try:
        config.cache.mkdir(parents=True, exist_ok=True)
        with atomic_file(path, overwrite=True) as temporary, Path(temporary).open("wb") as file:
            np.savez(file, unit=unit, relative=relative)
    except OSError as error:
        raise OutputError(f"{config.cache}: the CT noise can't be kept there ({error.strerror})") from error
    return NoiseBank(unit, relative, slices)


def _project(scan: Scan, slices: np.ndarray, kernels: Sequence[str], seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shape = scan.voxels.shape[1:]
    unit = np.empty((len(kernels), len(slices), *shape), np.float16)
    relative = np.empty((len(slices), *shape), np.float16)
    for n, k in enumerate(slices):
        hu = 1000 * scan.normalised((int(k),))
        for c, kernel in enumerate(kernels):
            unit[c, n] = unit_noise(hu, rng, pixel_mm=scan.spacing[1:], kernel=kernel)[0]
        deviation = noise_map(hu, 1e6, pixel_mm=scan.spacing[1:], kernel=kernels[len(kernels) // 2], electronic=0.0)
        soft = deviation[(hu > -150) & (hu < 250)]
        relative[n] = deviation / (np.median(soft) if soft.size else deviation[shape[0] // 2, shape[1] // 2])
    return unit, relative


def kernel_mix(kernels: int, rng: np.random.Generator) -> np.ndarray:
    """Weights of unit length: half of the time one kernel alone, else a mixture."""
    if kernels == 1 or rng.random() < 0.5:
        return np.eye(kernels)[rng.integers(kernels)]
    weights = rng.random(kernels)
    return weights / np.linalg.norm(weights)


def shaped_ct_noise(
    shape: tuple[int, ...], config: DegradationConfig, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Noise of a random kernel's spectrum (ramp times Hann window, random cut-off), and its relative deviation.

    One example in ten is white.
    """
    relative = np.ones((1,) * len(shape), np.float32)
    if rng.random() < config.varying:
        relative = varying_sigma_map(shape, rng, config.spread)
    if rng.random() < 0.1:
        noise = rng.standard_normal(shape, dtype=np.float32)
    else:
        cutoff = math.exp(rng.uniform(math.log(0.3), math.log(1.0)))  # cycles per pixel; Nyquist's is 0.5
        frequency = np.linspace(0, 0.75, 64)
        window = np.where(frequency < cutoff, 0.5 + 0.5 * np.cos(np.pi * frequency / cutoff), 0.0)
        # two filters of the views, and one view per frequency's length: power goes as f times the window squared
        power = radial_spectrum(frequency, frequency * window**2 + 1e-4, (64, 64))
        noise = shaped_noise(shape, rng, power)
    return noise * relative, relative
