"""The arms of the comparison, and what they need from outside: our own training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from DiffusionCore.benchmark.classify.cnn_rivals import Augment
from DiffusionCore.benchmark.classify.datasets import Dataset, Source
from DiffusionCore.errors import UsageError
from DiffusionCore.metrics.classifier import Predictions

OURS, GUIDANCE, BUNDLED, RESNET, DENSENET = "ours", "guidance", "bundled", "resnet18", "densenet121"
LOGISTIC, MAJORITY = "logistic", "majority"


@dataclass(frozen=True)
class Arm:
    """One thing that is compared.

    kind       "ours" and "ablation" are trained by our own `train`, "cnn" here, "simple" hardly at all; "guidance" is
               what the encoders of the arm "ours" say before any diffusion; "bundled" is the model that a person gets
    overrides  of our training's configuration
    second     the overrides are about phase 2 only, so that phase 1 is that of ours with the same seed
    """

    name: str
    title: str
    kind: str
    overrides: tuple[str, ...] = ()
    second: bool = False

    @property
    def trained(self) -> bool:
        """Whether it takes the minutes of the budget."""
        return self.kind in ("ours", "ablation", "cnn")

    @property
    def once(self) -> bool:
        """Whether one seed is all there is: nothing is drawn, or it was trained before."""
        return self.kind in ("simple", "bundled")


ARMS = (
    Arm(OURS, "label diffusion (ours)", "ours"),
    Arm(GUIDANCE, "its guidance network alone", "guidance"),
    Arm(BUNDLED, "the bundled model", "bundled"),
    Arm(RESNET, "3D ResNet-18 (MONAI)", "cnn"),
    Arm(DENSENET, "3D DenseNet-121 (MONAI)", "cnn"),
    Arm(LOGISTIC, "logistic regression on simple features", "simple"),
    Arm(MAJORITY, "majority class", "simple"),
    Arm("no-local", "ours without local stream", "ablation", ("network.options.local_stream=false",)),
    Arm(
        "shared-timesteps",
        "ours without heterogeneous timesteps",
        "ablation",
        ("labels.timesteps=shared",),
        second=True,
    ),
    Arm("no-dense-map", "ours without dense map", "ablation", ("network.options.dense_map=false",), second=True),
)


@dataclass(frozen=True)
class Toolbox:
    """What a benchmark is given, as rooms beside it do it.

    read       source -> its cases, as our own training sees them
    train      (source, overrides, seed, minutes of processor time, folder, first) -> folder of the trained model; goes on
               where it was stopped in that folder. Phase 1 is that of the finished run in `first`, unless None
    recipe     source -> what `train` and `augment` follow, as text
    augment    source -> how a batch of its images is changed in training
    threshold  validation predictions -> the probability from which class 1 is the answer; the same rule for all arms
    """

    read: Callable[[Source], Dataset]
    train: Callable[[Source, Sequence[str], int, float, Path, Path | None], Path]
    recipe: Callable[[Source], str]
    augment: Callable[[Source], Augment]
    threshold: Callable[[Predictions], float]


def chosen_arms(names: Sequence[str] | None) -> tuple[Arm, ...]:
    """The arms of these names, or all; ours and its guidance are always there. Raises `UsageError` for another name."""
    known = {arm.name: arm for arm in ARMS}
    if names is None:
        return ARMS
    if unknown := sorted(set(names) - set(known)):
        raise UsageError(f"there is no arm {unknown[0]!r}; there are {', '.join(known)}")
    return tuple(arm for arm in ARMS if arm.name in {OURS, GUIDANCE, *names})
