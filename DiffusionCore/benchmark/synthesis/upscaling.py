"""The upscalers by themselves: from real test slices of half the size, beside nearest, bilinear and bicubic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional as F

from DiffusionCore.benchmark.synthesis.real import RealImages
from DiffusionCore.inference import GenerationSettings, Wanted, generate
from DiffusionCore.metrics import Interval, over_subjects, psnr, ssim
from DiffusionCore.metrics.bootstrap import FEWEST_SUBJECTS
from DiffusionCore.models import Model
from DiffusionCore.networks import halved
from DiffusionCore.progress import Progress

TISSUE = 0.05
INTERPOLATIONS = {"nearest": {}, "bilinear": {"align_corners": False}, "bicubic": {"align_corners": False}}
COMPARED_WITH = "bicubic"
Upscale = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class UpscalingRow:
    """PSNR in dB and SSIM in tissue (data range: p99.5), means over subjects with intervals, of so many images; `gain`: the
    PSNR less that of `COMPARED_WITH`, subject by subject."""

    step: str
    method: str
    psnr: Interval
    ssim: Interval
    gain: Interval
    images: int


def upscaling_rows(upscaler: Model, real: RealImages, progress: Progress) -> list[UpscalingRow]:
    """One upscaler and the interpolations on the same real images, made of them by means of blocks of 2."""
    spec = upscaler.card.synthesis
    truth = halved(torch.from_numpy(real.images)[:, None], real.images.shape[-1] // spec.size[-1])
    smaller = halved(truth, spec.upscale)
    methods: dict[str, Upscale] = {
        name: lambda x, name=name, options=options: F.interpolate(x, size=truth.shape[2:], mode=name, **options)
        for name, options in INTERPOLATIONS.items()
    }
    for steps in dict.fromkeys((1, spec.steps)):
        words = "the mean, one step" if steps == 1 else f"a sample, {steps} steps"
        methods[f"{upscaler.card.name}: {words}"] = by_model(upscaler, steps, progress)
    step = f"{spec.size[-1] // spec.upscale} to {spec.size[-1]}"
    found = {name: scores_by_subject(method(smaller), truth, real) for name, method in methods.items()}
    theirs, _ = found[COMPARED_WITH]
    return [
        UpscalingRow(step, name, interval(psnrs), interval(ssims), interval(psnrs - theirs), len(truth))
        for name, (psnrs, ssims) in found.items()
    ]


def by_model(upscaler: Model, steps: int, progress: Progress) -> Upscale:
    """The model's answer to clean images; it is told that they are clean."""

    def enlarge(smaller: torch.Tensor) -> torch.Tensor:
        wanted = Wanted(len(smaller), upscaler.card.synthesis.size, smaller=smaller)
        settings = GenerationSettings(steps=steps)
        return generate(upscaler.denoiser, upscaler.process, wanted, settings, progress=progress).cpu()

    return enlarge


def scores_by_subject(answer: torch.Tensor, truth: torch.Tensor, real: RealImages) -> tuple[np.ndarray, np.ndarray]:
    """(subjects,) PSNR and SSIM: means over each subject's slices."""
    pairs = list(zip(answer[:, 0].numpy(), truth[:, 0].numpy(), strict=True))
    psnrs = np.array([psnr(x, y, 1.0, y > TISSUE) for x, y in pairs])
    ssims = np.array([ssim(x, y, 1.0, y > TISSUE, dimensions=2) for x, y in pairs])
    whose = np.array(real.subjects)
    each = [whose == subject for subject in dict.fromkeys(real.subjects)]
    return np.array([psnrs[own].mean() for own in each]), np.array([ssims[own].mean() for own in each])


def interval(values: np.ndarray) -> Interval:
    """Of the mean over subjects; the range over them where they are too few for an interval."""
    if len(values) < FEWEST_SUBJECTS:
        low, high = float(values.min()), float(values.max())
        return Interval(float(values.mean()), low, high, 1.0, f"range of {len(values)} subjects")
    found = over_subjects(values)
    return replace(found, label=f"95 % intervals {found.label}")
