"""The models that are compared, and the images they draw: kept on disk, since drawing is what takes the time."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from DiffusionCore.benchmark.synthesis.real import HEIGHT
from DiffusionCore.errors import ModelError
from DiffusionCore.models import Model, load_model
from DiffusionCore.models.cascade import Drawing, cascade_of, sample
from DiffusionCore.progress import Progress


@dataclass(frozen=True, eq=False)
class Arm:
    """A model or cascade, in its stages' order."""

    stages: tuple[Model, ...]

    @property
    def name(self) -> str:
        return self.stages[0].card.name

    @property
    def cascade(self) -> bool:
        return len(self.stages) > 1

    @property
    def swin(self) -> bool:
        return any(stage.card.network.unet.get("swin", False) for stage in self.stages)

    @property
    def size(self) -> tuple[int, ...]:
        return tuple(self.stages[-1].card.synthesis.size)

    @property
    def title(self) -> str:
        kind = "cascade" if self.cascade else "single stage"
        return f"{self.name}: {kind}, {'with' if self.swin else 'without'} Swin"

    @property
    def hours(self) -> float:
        """Of training, over all stages; 0 where the cards do not say."""
        return sum(float(stage.card.recipe.get("hours", 0.0)) for stage in self.stages)


def load_arms(models: Sequence[str | Path]) -> list[Arm]:
    """The arms with all their stages. Raises `ModelError` if they do not make images of one size, in 2D."""
    arms = [Arm(tuple(cascade_of(load_model(model)))) for model in models]
    for arm in arms:
        if arm.stages[-1].card.synthesis is None or len(arm.size) != 2:
            raise ModelError(f"{arm.name!r} does not make 2D images; the synthesis benchmark compares those")
        if arm.size != arms[0].size:
            raise ModelError(
                f"{arm.name!r} and {arms[0].name!r} make images of different sizes; compare like with like"
            )
    return arms


@dataclass(frozen=True, eq=False)
class Drawn:
    """images (n, J, I) normalised; asked (n,) the heights asked for, or None; seconds for one image."""

    images: npt.NDArray[np.float32]
    asked: npt.NDArray[np.float64] | None
    seconds: float


def draw(arm: Arm, count: int, seed: int, folder: Path, progress: Progress, steps: int | None = None) -> Drawn:
    """Images of an arm, of evenly spread heights where it can be asked for them; read again if they were drawn before."""
    spec = {label.name: label for label in arm.stages[0].card.synthesis.labels}.get(HEIGHT)
    asked = None if spec is None else np.linspace(spec.low, spec.high, count)
    key = hashlib.sha256(f"{[stage.card.sha256 for stage in arm.stages]} {count} {seed} {steps}".encode()).hexdigest()
    kept = folder / f"{arm.name}-{seed}-{key[:12]}.npz"
    if kept.is_file():
        with np.load(kept, allow_pickle=False) as found:
            return Drawn(found["images"].astype(np.float32), asked, float(found["seconds"]))
    condition = None if asked is None else {HEIGHT: asked.tolist()}
    began = time.perf_counter()
    drawing = Drawing(seed=seed, steps=steps, upscaler_steps=steps)
    images = sample(arm.stages, condition, count, drawing, progress)[:, 0].numpy()
    seconds = (time.perf_counter() - began) / count
    folder.mkdir(parents=True, exist_ok=True)
    temporary = kept.with_suffix(".tmp.npz")
    np.savez_compressed(temporary, images=images.astype(np.float16), seconds=seconds)
    temporary.replace(kept)
    return Drawn(images.astype(np.float16).astype(np.float32), asked, seconds)
