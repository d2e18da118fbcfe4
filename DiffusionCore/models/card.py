"""The model card: what a model is, what it was trained on, where it holds and how well it did. Kept as YAML."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import ModelError
from ..volume.atomic import atomic_file

NOT_CLINICAL = "Research only. Not for clinical use."
ModelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
"""Names a folder too, so it leads nowhere else."""


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class NetworkSpec(Part):
    """The network: fields of `networks.UNetConfig`, and of `networks.DenoiserConfig` around it."""

    unet: dict[str, Any]
    state: Literal["residual", "image", "upscale"] = "residual"
    body: Literal["unet", "dncnn"] = "unet"
    prediction: Literal["epsilon", "x0", "v"] = "v"
    smoothing: float = 1.2
    detail: float = 0.05
    shrink: bool = True
    dncnn_width: int = 32
    dncnn_depth: int = 17
    parameters: int = 0
    macs_per_voxel: float = 0.0


class DiffusionSpec(Part):
    """The process, by the name that `diffusion.make_process` knows."""

    process: str = "cosine_zero_snr"
    steps: int = 1000
    options: dict[str, Any] = Field(default_factory=dict)


class Range(Part):
    """Closed interval of a quantity that the model is valid for."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


class ValidRanges(Part):
    """Where the model was trained: outside it warns, or refuses where `refuse` names the quantity.

    extent_mm         longest side of the scan
    histogram         normalised values that a tenth, half and nine tenths of the tissue are below: "p10", "p50", "p90"
    correlated_noise  whether it was also trained on noise that neighbouring voxels share, as a scanner's mostly is
    """

    sigma_normalised: Range
    spacing_mm: Range
    slice_spacing_mm: Range
    min_slices: int = 1
    extent_mm: Range | None = None
    histogram: dict[str, Range] = Field(default_factory=dict)
    correlated_noise: bool = False
    refuse: tuple[str, ...] = ("modality",)


class SampleWidth(Part):
    """By how much the noise that a sample is drawn from is widened at a noise level, so that the sample lies as far from
    the mean as the truth does: a network that has not learnt everything draws samples that are too narrow."""

    sigma_normalised: Annotated[float, Field(gt=0)]
    width: Annotated[float, Field(ge=0.5, le=2)]


class FamiliarSpec(Part):
    """What a classifier's inputs looked like in training, by simple features, so that others are told apart.

    names, mean, whitening  the features, their mean, and the (F, F) matrix that gives their distance unit variance
    limit                   a distance above it is not what the model was made for
    false_alarms, misses    how often that is said of test inputs, and not said of each kind of foreign input
    """

    names: list[str]
    mean: list[float]
    whitening: list[list[float]]
    limit: float
    false_alarms: float
    misses: dict[str, float] = Field(default_factory=dict)


class ClassifySpec(Part):
    """What a classifier answers, and what it must be given.

    classes      the answers, in the order of the network's outputs; of two, the second is what is looked for
    network      fields of `classification.S4Config`
    takes        "cube": a field of `size` voxels of `spacing_mm`; "whole": the whole scan, resized to `size`
    size         (K, J, I) voxels of the network's input
    spacing_mm   between them
    temperature  that the validation cases asked for: probabilities are p^(1/T)
    threshold    of two classes: the probability from which the second is the answer
    steps        of the sampler, and how many samples are drawn, unless somebody asks otherwise
    """

    classes: Annotated[list[str], Field(min_length=2)]
    network: dict[str, Any] = Field(default_factory=dict)
    takes: Literal["cube", "whole"] = "cube"
    size: tuple[int, int, int]
    spacing_mm: Annotated[float, Field(gt=0)]
    temperature: Annotated[float, Field(gt=0)] = 1.0
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    steps: Annotated[int, Field(ge=1, le=1000)] = 10
    samples: Annotated[int, Field(ge=1, le=1000)] = 10
    familiar: FamiliarSpec | None = None


class LabelSpec(Part):
    """A number that an image can be asked for by: one in [low, high], or, where `classes` names them, 0, 1, 2, ..."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    low: float = 0.0
    high: float = 1.0
    classes: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _ordered(self) -> LabelSpec:
        if not self.low < self.high:
            raise ValueError(f"the label {self.name!r} needs a range with low below high")
        if self.classes and (self.low, self.high) != (0, max(len(self.classes) - 1, 1)):
            raise ValueError(f"the label {self.name!r} has {len(self.classes)} classes: its range is 0 to one less")
        return self


class SynthesisSpec(Part):
    """What a synthesis model makes.

    size           (J, I) or (K, J, I) of its images
    spacing_mm     (K, J, I) of them; of 2D images K is the distance that slices are written at
    labels         what an image can be asked for by
    upscale        1: made from noise; else from an image smaller by this factor
    augmentation   of an upscaler: standard deviation of the noise that its input is spoilt with, normalised
    then           names of the upscalers that follow, looked for beside this model first, then among the installed
    steps          of the sampler, unless somebody asks otherwise
    guidance       likewise, where the model has labels
    """

    size: tuple[int, ...]
    spacing_mm: tuple[float, float, float]
    labels: list[LabelSpec] = Field(default_factory=list)
    upscale: Annotated[int, Field(ge=1)] = 1
    augmentation: Annotated[float, Field(ge=0)] = 0.0
    then: list[ModelName] = Field(default_factory=list)
    steps: Annotated[int, Field(ge=1, le=1000)] = 50
    guidance: Annotated[float, Field(ge=0, le=20)] = 1.0


class ResolutionSpec(Part):
    """How the coarse scans that a super-resolution model was trained on are made of fine ones.

    kind         `kspace`, `profile` or `spline` (degradation.axis_lowering)
    axes         along which voxels may be coarse: all; the two of the `plane`; the one across the `slices`
    factor       range of coarse over fine spacing; `typical` is the commonest
    thickness    range of a profile's full width at half maximum, in coarse voxels; `profiles` are its shapes
    softening    strongest blur of the coarse scan that was trained on, full width at half maximum in coarse voxels
    amplitude, correlation, content   what the residual's scale is computed from (degradation.expected_residual): standard
                 deviation, normalised, and lengths in fine voxels
    """

    kind: Literal["kspace", "profile", "spline"]
    axes: tuple[Literal["all", "plane", "slices"], ...] = ("all",)
    factor: Range = Range(low=2.0, high=2.0)
    typical: Annotated[float, Field(ge=1)] = 2.0
    thickness: Range = Range(low=1.0, high=1.0)
    profiles: tuple[Literal["gaussian", "rect", "sinc"], ...] = ("gaussian",)
    softening: Annotated[float, Field(ge=0)] = 0.0
    amplitude: Annotated[float, Field(gt=0)] = 0.1
    correlation: Annotated[float, Field(gt=0)] = 4.0
    content: Annotated[float, Field(ge=0)] = 0.0


class DataSpec(Part):
    """One source of training data with its licence and attribution."""

    name: str
    licence: str
    attribution: str = ""
    subjects: dict[str, list[str]] = Field(default_factory=dict)


class Card(Part):
    """Everything about a model but its weights."""

    name: ModelName
    task: Literal["enhance", "super_resolve", "synthesize", "classify"]
    modality: Literal["CT", "MR", "OTHER"]
    input: Literal["volume", "labelmap", "none"] = "volume"
    version: str = "1"
    summary: str
    network: NetworkSpec
    diffusion: DiffusionSpec
    normalisation: Literal["p99.5", "hu", "unit"]
    valid: ValidRanges
    classify: ClassifySpec | None = None
    synthesis: SynthesisSpec | None = None
    resolution: ResolutionSpec | None = None
    data: list[DataSpec] = Field(default_factory=list)
    recipe: dict[str, Any] = Field(default_factory=dict)
    figures: dict[str, Any] = Field(default_factory=dict)
    sample_width: list[SampleWidth] = Field(default_factory=list)
    uncertainty_factor: float | None = None
    limits: list[str] = Field(default_factory=list)
    licence: str = "MIT"
    notice: str = NOT_CLINICAL
    sha256: str = ""
    golden: str = ""

    @model_validator(mode="after")
    def classes_are_named(self) -> Card:
        if (self.task == "classify") != (self.classify is not None):
            raise ValueError("a card has the part 'classify' if, and only if, its task is classify")
        return self

    def width_at(self, sigma: float) -> float:
        """`sample_width` at a normalised noise level: over its logarithm linear between those measured, constant beyond."""
        measured = sorted((math.log(one.sigma_normalised), one.width) for one in self.sample_width)
        return float(np.interp(math.log(sigma), *zip(*measured, strict=True))) if measured else 1.0


def read_card(path: Path) -> Card:
    """The card at `path`. Raises `ModelError` if it is missing, is not YAML, or has a field too many or too few."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Card.model_validate(content)
    except FileNotFoundError:
        raise ModelError(f"no model at {path.parent}: there is no {path.name}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ModelError(f"{path.name} of {path.parent.name!r} is not readable YAML; add the model again") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ModelError(f"{path.name} of {path.parent.name!r} is not a model card: {where}: {first['msg']}") from None


def write_card(card: Card, path: Path) -> None:
    """Write `card` as YAML, fields in the order of the class, in the place of one that is there. Raises `OutputError`."""
    import yaml

    text = yaml.safe_dump(card.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)
    with atomic_file(path, overwrite=True) as temporary:
        temporary.write_text(text, encoding="utf-8")
