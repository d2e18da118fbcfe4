"""The models that are compared, and the images they draw: kept on disk, since drawing is what takes the time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from DiffusionCore.benchmark.rivals.learned import code_checksum
from DiffusionCore.benchmark.rivals.other_work import Stopwatch, disturbs
from DiffusionCore.benchmark.synthesis.real import HEIGHT
from DiffusionCore.errors import ModelError
from DiffusionCore.models import Model, load_model
from DiffusionCore.models.cascade import Drawing, cascade_of, sample
from DiffusionCore.progress import Progress
from DiffusionCore.volume.atomic import atomic_file

BLOCK = 20  # images that are drawn, and kept, at once


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

    @property
    def clock(self) -> str:
        """What these hours are of: `wall`, `processor`, or both."""
        found = {stage.card.recipe.get("config", {}).get("trainer", {}).get("clock", "wall") for stage in self.stages}
        return " and ".join(sorted(found))


def load_arms(models: Sequence[str | Path]) -> list[Arm]:
    """The arms with all their stages. Raises `ModelError` if they do not make images of one size, in 2D, or two have one
    name."""
    arms = [Arm(tuple(cascade_of(load_model(model)))) for model in models]
    for number, arm in enumerate(arms):
        if arm.name in (other.name for other in arms[:number]):
            raise ModelError(
                f"two of the models are called {arm.name!r}; train one with name=ANOTHER to tell them apart"
            )
        if arm.stages[-1].card.synthesis is None or len(arm.size) != 2:
            raise ModelError(f"{arm.name!r} does not make 2D images; the synthesis benchmark compares those")
        if arm.size != arms[0].size:
            raise ModelError(
                f"{arm.name!r} and {arms[0].name!r} make images of different sizes; compare like with like"
            )
    return arms


@dataclass(frozen=True)
class Timed:
    """Seconds for one image, and the processors that other work took meanwhile; None where nobody tells."""

    seconds: float
    others: float | None = None

    def __str__(self) -> str:
        """In brackets where other work makes it longer than it need be."""
        return f"({self.seconds:.3g})" if disturbs(self.others) else f"{self.seconds:.3g}"


@dataclass(frozen=True, eq=False)
class Drawn:
    """images (n, J, I) normalised; asked (n,) the heights asked for, or None; timed: seconds for one image."""

    images: npt.NDArray[np.float32]
    asked: npt.NDArray[np.float64] | None
    timed: Timed


def asked_heights(arm: Arm, count: int) -> npt.NDArray[np.float64] | None:
    """(count,) heights spread evenly over what the arm can be asked for; None where it cannot be asked."""
    spec = {label.name: label for label in arm.stages[0].card.synthesis.labels}.get(HEIGHT)
    return None if spec is None else np.linspace(spec.low, spec.high, count)


def draw(arm: Arm, count: int, seed: int, folder: Path, progress: Progress, steps: int | None = None) -> Drawn:
    """Images of an arm, of evenly spread heights where it can be asked for them; what was drawn before is read again."""
    asked = asked_heights(arm, count)
    images, seconds, others = [], 0.0, []
    for block in blocks_of(arm, count, seed, folder, steps):
        if not block.place.is_file():
            draw_block(arm, block, seed, asked, steps, progress)
        with np.load(block.place, allow_pickle=False) as found:
            images.append(found["images"].astype(np.float32))
            seconds += float(found["seconds"])
            others.append(float(found["others"]))
    most = float(np.max(others))
    return Drawn(np.concatenate(images), asked, Timed(seconds / count, None if np.isnan(most) else most))


@dataclass(frozen=True)
class Block:
    """Images of a seed that are drawn and kept together: numbers `first` to `end` - 1, in the file `place`."""

    first: int
    end: int
    place: Path


def blocks_of(arm: Arm, count: int, seed: int, folder: Path, steps: int | None = None) -> list[Block]:
    """The blocks that `count` images of a seed are drawn in; their files are named after all that the images depend on."""
    made_of = [*(stage.card.sha256 for stage in arm.stages), code_checksum()]
    found = []
    for first in range(0, count, BLOCK):
        end = min(first + BLOCK, count)
        key = hashlib.sha256(f"{made_of} {count} {first} {end} {seed} {steps}".encode()).hexdigest()
        found.append(Block(first, end, folder / f"{arm.name}-{seed}-{first:04d}-{key[:12]}.npz"))
    return found


def draw_block(
    arm: Arm,
    block: Block,
    seed: int,
    asked: npt.NDArray[np.float64] | None,
    steps: int | None,
    progress: Progress,
) -> None:
    """Draw the images of a block and keep them, in half precision, with how long they took beside how much other work."""
    condition = None if asked is None else {HEIGHT: asked[block.first : block.end].tolist()}
    drawing = Drawing(seed=seed, steps=steps, upscaler_steps=steps, first=block.first)
    watch = Stopwatch()
    images = sample(arm.stages, condition, block.end - block.first, drawing, progress)[:, 0].numpy()
    seconds, others = watch.read()
    block.place.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(block.place, overwrite=True) as temporary, temporary.open("wb") as file:
        told = np.nan if others is None else others
        np.savez_compressed(file, images=images.astype(np.float16), seconds=seconds, others=told)


def timed_alone(arm: Arm, steps: int | None = None) -> Timed:
    """For one image by itself, once the network has been warmed up by one of few steps."""
    asked = asked_heights(arm, 1)
    condition = None if asked is None else {HEIGHT: asked.tolist()}
    sample(arm.stages, condition, 1, Drawing(steps=1, upscaler_steps=1))
    watch = Stopwatch()
    sample(arm.stages, condition, 1, Drawing(steps=steps, upscaler_steps=steps))
    return Timed(*watch.read())
