"""The configuration of a classifier's training, typed: every key, its meaning and its default. Defaults are S4's."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from ...models.card import ModelName
from ..card_section import CardSection
from ..clock import ClockName
from ..section import Section


class ClassifyData(Section):
    """What is learnt from.

    target         reader: `medmnist` (a .npz with train_images, train_labels, val_..., test_...), `folders` (a folder of
                   scans for each class), `mosmed` (MosMedData: studies/CT-0 ... CT-4, normal and COVID-19)
    root           folder that paths start from; by default the environment variable DIFFUSIONCORE_DATA
    file           `medmnist`: the .npz, under the root
    index          `medmnist`: a CSV under the root with columns split, index, subject, where several cases are one
                   person's; without it every case is a subject of its own
    split          `folders`, `mosmed`: JSON file of the cases of each split, relative to the configuration file;
                   `diffusioncore train CONFIG --make-split` writes one
    most           `--make-split` takes this many subjects of each class at most, one for each split at least; by default all
    classes        their names, in the order of the labels; the first is the normal one. `folders`: names of the folders
    groups         `folders`: the folders of each class, where they have other names than the classes or are several
    input          `volume` (grey values) or `labelmap` (0 and 1)
    normalisation  "p99.5" (MR), "hu" (CT: HU / 1000), "unit" (label maps)
    scale          `medmnist`: the stored value that becomes 1
    size           (K, J, I) voxels of the network's input; scans are resized to it, a .npz must have it
    spacing_mm     of a .npz's voxels; of scans it is what comes of resizing
    """

    target: Literal["medmnist", "folders", "mosmed"]
    root: Path | None = None
    file: Path | None = None
    index: Path | None = None
    split: Path | None = None
    most: int | None = Field(None, ge=3)
    classes: tuple[str, ...] = Field(min_length=2)
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    input: Literal["volume", "labelmap"] = "volume"
    normalisation: Literal["p99.5", "hu", "unit"] = "p99.5"
    scale: float = Field(1.0, gt=0)
    size: tuple[int, int, int]
    spacing_mm: float = Field(1.0, gt=0)

    @model_validator(mode="after")
    def _check(self) -> ClassifyData:
        if self.target == "medmnist" and self.file is None:
            raise ValueError("target 'medmnist' needs file, the .npz")
        if self.target != "medmnist" and self.split is None:
            raise ValueError("split names the JSON file that says which scans train and which validate")
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("two classes have the same name")
        if self.target == "mosmed" and len(self.classes) != 2:
            raise ValueError("MosMedData has two classes here, normal and COVID-19; name both")
        if self.groups and set(self.groups) != set(self.classes):
            raise ValueError("groups names the folders of each class, and of nothing else")
        return self


class ClassifyAugmentation(Section):
    """What is done to an image before it is learnt from.

    flip       axes, of "k" (feet to head), "i" (left to right), that half of the images are flipped along. Along "j",
               front and back would change places: no such person exists, and the axis is refused
    affine     share of the images that are turned by up to `degrees` about every axis, scaled by up to `zoom` in all and
               `stretch` along each axis, sheared by up to `shear` and moved by up to `shift` voxels
    cutmix     share of the images of phase 1 that are put together from two (`cutmix.cutmix`): what is learnt from them
               is where things are
    thickness  label maps: their surface is cut anew at a level of 0.5 ± this
    gamma, gain, offset, noise, bias_field   grey values: largest exponent - 1, gain - 1, offset, standard deviation of
               noise, logarithm of a smooth field, all in normalised units
    """

    flip: str = "i"
    affine: float = Field(0.8, ge=0, le=1)
    degrees: float = Field(10.0, ge=0, le=45)
    zoom: float = Field(0.1, ge=0, le=1)
    stretch: float = Field(0.0, ge=0, le=1)
    shear: float = Field(0.0, ge=0, le=0.5)
    shift: float = Field(2.0, ge=0)
    cutmix: float = Field(0.0, ge=0, le=1)
    thickness: float = Field(0.0, ge=0, lt=0.5)
    gamma: float = Field(0.0, ge=0, le=2)
    gain: float = Field(0.0, ge=0, le=2)
    offset: float = Field(0.0, ge=0)
    noise: float = Field(0.0, ge=0)
    bias_field: float = Field(0.0, ge=0, le=1)

    @field_validator("flip")
    @classmethod
    def _axes(cls, flip: str) -> str:
        if "j" in flip:
            raise ValueError("a flip along j swaps front and back, which no patient does; use k, i or both")
        if set(flip) - set("ki") or len(set(flip)) < len(flip):
            raise ValueError("flip names axes: k, i, both or none")
        return flip


class ClassifyNetwork(Section):
    """A preset of `classification.preset`, "s4" or "small", and what differs from it, e.g. {regions: 3}."""

    preset: Literal["s4", "small"] = "s4"
    options: dict[str, Any] = Field(default_factory=dict)


class GuidancePhase(Section):
    """Phase 1: cross-entropy of the global and of the local answer, by AdamW.

    schedule   `plateau` halves the rate after `plateau_patience` epochs without a better validation loss (S4);
               `cosine` warms up over the first tenth and falls to 0
    patience   epochs without a better `monitor` before the phase ends; 0: never
    ema        decay of the averaged weights that are validated and kept; 0: the weights themselves
    """

    epochs: int = Field(15, gt=0)
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    schedule: Literal["plateau", "cosine"] = "plateau"
    plateau_patience: int = Field(3, ge=0)
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    patience: int = Field(7, ge=0)
    clip: float = Field(1.0, gt=0)
    ema: float = Field(0.0, ge=0, lt=1)
    monitor: Literal["val_loss", "val_auc"] = "val_loss"


class LabelPhase(Section):
    """Phase 2: the encoders stay as they are; mean squared error of the diffusion, plus `head_weight` times the
    cross-entropy of a linear classifier of the feature prior, by AdamW.

    schedule     `restarts`: cosine with warm restarts after 10, 30, ... epochs (S4); `cosine` as in phase 1
    timesteps    `classification.training_timesteps`: shared, staggered or independent; `spread` and `at_T` are its own
    samples, steps   how validation draws labels, and what the card proposes
    """

    epochs: int = Field(30, gt=0)
    prior_rate: float = Field(5e-5, gt=0)
    denoiser_rate: float = Field(5e-5, gt=0)
    head_rate: float = Field(1e-4, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    schedule: Literal["restarts", "cosine"] = "restarts"
    restart_epochs: int = Field(10, gt=0)
    head_weight: float = Field(0.5, ge=0)
    patience: int = Field(10, ge=0)
    clip: float = Field(1.0, gt=0)
    ema: float = Field(0.0, ge=0, lt=1)
    monitor: Literal["val_loss", "val_auc"] = "val_loss"
    timesteps: Literal["shared", "staggered", "independent"] = "staggered"
    spread: float = Field(1.0, ge=0)
    at_T: float = Field(0.1, ge=0, le=1)
    samples: int = Field(10, gt=0)
    steps: int = Field(10, gt=0)


class ClassifyTrainer(Section):
    """On what, and how much at once.

    balance        class imbalance: `weights` in phase 1's cross-entropy, `sampling` (as many cases of each class in both
                   phases), or `none`. With `weights` phase 2 keeps the classes' own frequencies, so that
                   probabilities mean what they say
    max_minutes    of both phases together, half of them for the first; a cosine ends with them if they end before the epochs
    clock          what minutes are: `wall`, or `processor` time of all threads, for comparisons at equal cost on a machine
                   that does other things too
    checkpointing  activations are computed again for the gradients instead of kept: less memory, more time
    precision, accelerator, threads   as for the other trainings
    """

    batch_size: int = Field(4, gt=1)
    balance: Literal["weights", "sampling", "none"] = "weights"
    max_minutes: float | None = Field(None, gt=0)
    clock: ClockName = "wall"
    checkpointing: bool = True
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    accelerator: Literal["auto", "cpu", "gpu", "mps"] = "auto"
    threads: int = Field(0, ge=0)


class ClassifierConfig(Section):
    """A whole run. `runs` is the folder that holds the run's own folder `name`."""

    task: Literal["classify"]
    name: ModelName
    seed: int = Field(0, ge=0)
    runs: Path = Path("runs")
    data: ClassifyData
    augmentation: ClassifyAugmentation = ClassifyAugmentation()
    network: ClassifyNetwork = ClassifyNetwork()
    guidance: GuidancePhase = GuidancePhase()
    labels: LabelPhase = LabelPhase()
    trainer: ClassifyTrainer = ClassifyTrainer()
    tensorboard: bool = True
    card: CardSection = CardSection()

    @property
    def folder(self) -> Path:
        """Where the run's checkpoints, figures and model go."""
        return self.runs / self.name
