"""The study's slices: patches of the 2D stack's subjects, and the same noise for every method."""

from __future__ import annotations

import csv
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from DiffusionCore.benchmark.denoise.results import MARKED_UNDER
from DiffusionCore.benchmark.denoise.scores import guessed_variance
from DiffusionCore.degradation import gaussian, rician
from DiffusionCore.errors import InputError, UsageError
from DiffusionCore.metrics.masks import MR_TISSUE
from DiffusionCore.volume import read_volume
from DiffusionCore.volume.intensity import normalisation_for

Array = npt.NDArray[np.float32]
FOLDER, NAME = "mr/slices2d", "brain_t1_axial2d"
STEP = 8  # a whole slice is cut to a multiple of this, so that a network takes it as it is


@dataclass(frozen=True, eq=False)
class Window:
    """A patch: number of its slice in `StudySlices.clean`, and where it lies there."""

    subject: str
    slice: int
    region: tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class StudySlices:
    """Slices of some subjects, normalised by each subject's own 99.5th percentile, and the patches to be scored.

    clean    (K, J, I) float32
    windows  patches of one size
    own      the slices' own noise, as a fraction of the 99.5th percentile (the data's index)
    """

    clean: Array
    windows: tuple[Window, ...]
    own: float

    @property
    def subjects(self) -> tuple[str, ...]:
        """Each once."""
        return tuple(dict.fromkeys(window.subject for window in self.windows))

    def cut(self, slices: Array) -> Array:
        """The windows (N, P, P) of images (K, J, I)."""
        return np.stack([slices[window.slice][window.region] for window in self.windows])

    def of(self, subject: str) -> list[int]:
        """Which of the windows are a subject's."""
        return [n for n, window in enumerate(self.windows) if window.subject == subject]

    def noisy(self, level: float, kind: str, seed: int) -> Array:
        """Whole slices with white noise of standard deviation `level`: "gaussian" as in S3, or "rician" as in MR."""
        if kind not in ("gaussian", "rician"):
            raise UsageError(f"the study's noise is gaussian or rician, got {kind!r}")
        add = gaussian if kind == "gaussian" else rician
        return np.stack(
            [
                add(image, np.random.default_rng([seed, round(1e6 * level), k]), level).voxels
                for k, image in enumerate(self.clean)
            ]
        )


def study_slices(
    root: Path, split: str, patch: int | None, per_subject: int, seed: int, subjects: int | None = None
) -> StudySlices:
    """Patches of `patch`² in tissue (None: whole slices) from the stack of a split, of `per_subject` slices each.

    Slices are spread evenly over a subject's stack, patches lie about a random voxel of tissue. `subjects` limits their
    number. Raises `InputError` where the stack is not under `root`.
    """
    stack = f"{NAME}_{split}.nii.gz"
    path = root / FOLDER / stack
    if not path.is_file():
        raise InputError(f"{stack} is not in the data folder; the study needs the 2D slices of its index")
    volume = read_volume(path, modality="MR")
    by_subject = slices_by_subject(root / FOLDER / f"{NAME}.csv", stack)
    clean, windows = [], []
    for subject in list(by_subject)[:subjects]:
        own = volume.voxels[by_subject[subject]]
        scale = normalisation_for(replace(volume, voxels=own), "p99.5")
        for n in range(min(per_subject, len(own))):
            image = scale.apply(own[int((n + 0.5) / min(per_subject, len(own)) * len(own))])
            rng = np.random.default_rng([seed, zlib.crc32(subject.encode()), n])
            windows.append(Window(subject, len(clean), place(image, patch, rng)))
            clean.append(image)
    return StudySlices(np.stack(clean), tuple(windows), own_noise(root, stack))


def slices_by_subject(table: Path, stack: str) -> dict[str, list[int]]:
    """Which slices of a stack are whose, in the order of the stack."""
    found: dict[str, list[int]] = {}
    with table.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            if line["stack"] == stack:
                found.setdefault(line["subject"], []).append(int(line["index"]))
    return {subject: sorted(indices) for subject, indices in found.items()}


def place(image: Array, patch: int | None, rng: np.random.Generator) -> tuple[slice, slice]:
    """A patch within the slice about a random voxel of tissue; without `patch`, the middle of the slice."""
    if patch is None:
        corner = [(length % STEP) // 2 for length in image.shape]
        return tuple(slice(a, a + length // STEP * STEP) for a, length in zip(corner, image.shape, strict=True))
    if patch > min(image.shape):
        raise UsageError(f"patches of {patch}² don't fit into slices of {image.shape[0]}×{image.shape[1]}")
    tissue = np.argwhere(image > MR_TISSUE)
    centre = tissue[rng.integers(len(tissue))] if len(tissue) else np.array(image.shape) // 2
    first = [int(np.clip(c - patch // 2, 0, length - patch)) for c, length in zip(centre, image.shape, strict=True)]
    return slice(first[0], first[0] + patch), slice(first[1], first[1] + patch)


def own_noise(root: Path, stack: str) -> float:
    """The stack's noise from the data's index, as a fraction; 0 where it is not there."""
    index = root / "mr" / "index.csv"
    if not index.is_file():
        return 0.0
    with index.open(encoding="utf-8", newline="") as file:
        found = [line for line in csv.DictReader(file) if line["file"] == f"slices2d/{stack}"]
    return float(found[0]["flat_mad_pct"]) / 100 if found else 0.0


def ceiling(own: float, added: float) -> float:
    """About the best PSNR there can be, dB, as the target's own noise can only be guessed."""
    return float("inf") if own == 0 else float(-10 * np.log10(guessed_variance(own, added)))


def marked(own: float, level: float) -> bool:
    """Whether the added noise is under three times the target's own."""
    return level < MARKED_UNDER * own
