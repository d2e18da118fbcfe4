"""The configuration of a training run, typed: every key, its meaning and its default.

Names of things to build (`target:`) come from closed lists, never from import paths, so that a configuration from a
stranger can choose among what is here and run nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ..models.card import ModelName
from .augmentation_config import AugmentationConfig
from .card_section import CardSection
from .clock import ClockName
from .resolution import ResolutionConfig
from .section import Section
from .synthesis_config import SynthesisConfig


class DataConfig(Section):
    """What is learnt from.

    target         reader: `volumes` (3D), `slices` (2D, cut from volumes along their first axis), `hdf5_patches`, `digits`,
                   `mrnet` (knee exams as .npy of one `plane`, for synthesis)
    root           folder that the split's paths start from; by default the environment variable DIFFUSIONCORE_DATA
    split          JSON file of the scans of each split, relative to the configuration file (not for `digits`, `mrnet`)
    normalisation  "p99.5" (MR), "hu" (CT: HU / 1000) or "none"
    patch          size of a training example in voxels, (K, J, I) or (J, I)
    foreground     share of the patches that are centred on tissue; the others lie anywhere
    prefer_clean   scans are drawn in proportion to (least noise / their noise) to this power; 0: evenly
    singles        share of the 3D patches that are stacks of unrelated single slices, where the split has such files
    smooth_target  standard deviation in voxels of a Gaussian that calms the targets' own noise; 0: not
    workers        processes that draw examples; 0: the training process does it itself
    """

    target: Literal["volumes", "slices", "hdf5_patches", "digits", "mrnet"] = "volumes"
    plane: Literal["axial", "coronal", "sagittal"] = "sagittal"
    root: Path | None = None
    split: Path | None = None
    normalisation: Literal["p99.5", "hu", "none"] = "p99.5"
    patch: tuple[int, ...] = (48, 48, 48)
    foreground: float = Field(0.9, ge=0, le=1)
    prefer_clean: float = Field(0.0, ge=0)
    singles: float = Field(0.2, ge=0, le=1)
    smooth_target: float = Field(0.0, ge=0)
    workers: int = Field(1, ge=0)

    @model_validator(mode="after")
    def _check(self) -> DataConfig:
        if len(self.patch) not in (2, 3) or min(self.patch) < 1:
            raise ValueError("patch is 2 or 3 positive sizes")
        if self.target not in ("digits", "mrnet") and self.split is None:
            raise ValueError("split names the JSON file that says which scans train and which validate")
        return self


class DegradationConfig(Section):
    """How an example's input is made from its target; sigma is in normalised units (MR: of p99.5; CT: HU / 1000).
    Of CT it is the noise in soft tissue.

    target       `rician`, `gaussian`, `noncentral_chi` (MR), `ct_low_dose` (CT), `none` (unconditional)
    sigma        range, drawn log-uniformly
    coils        numbers of receiver coils to choose from (`noncentral_chi`); one coil is Rician, so [1, 4, 8] mixes both
    varying      share of the examples whose sigma varies slowly in space
    spread       standard deviation of the logarithm of such a sigma
    correlated   share of the MR examples whose noise is correlated between voxels as zero filling and filters of k-space
                 leave it: along each axis the central 50 to 100 %, with a random taper (`rician`)
    sigma_error  standard deviation of the logarithm of the error of the sigma that the network is told
    projected    share of the CT examples with noise projected through the scan itself; the others have noise of a
                 random kernel's spectrum and all of the augmentation
    kernels      reconstruction kernels of the projected noise, mixed at random
    slices       slices of each scan to project noise through
    clipped      share of the CT examples cut off at -1024 HU, as files are
    cache        folder where projected noise is kept, by the scan's path, size and spacing: to be emptied where other
                 scans take the place of these
    """

    target: Literal["rician", "gaussian", "noncentral_chi", "ct_low_dose", "none"] = "rician"
    sigma: tuple[float, float] = (0.005, 0.15)
    coils: tuple[Annotated[int, Field(gt=0)], ...] = Field((4, 8, 32), min_length=1)
    varying: float = Field(0.0, ge=0, le=1)
    spread: float = Field(0.3, ge=0)
    correlated: float = Field(0.0, ge=0, le=1)
    sigma_error: float = Field(0.0, ge=0)
    projected: float = Field(0.7, ge=0, le=1)
    kernels: tuple[Literal["soft", "standard", "sharp"], ...] = Field(("soft", "standard", "sharp"), min_length=1)
    slices: int = Field(8, gt=0)
    clipped: float = Field(0.3, ge=0, le=1)
    cache: Path = Path("runs/cache")

    @model_validator(mode="after")
    def _check(self) -> DegradationConfig:
        if not 0 < self.sigma[0] <= self.sigma[1]:
            raise ValueError("sigma is a range, 0 < low <= high")
        if self.correlated and self.target != "rician":
            raise ValueError(f"correlated noise is for target rician, not {self.target}")
        return self


class NetworkConfig(Section):
    """The network.

    target             preset (networks.presets): fast, fast-2d, reference, reference-quarter, s3, toy, ...
    options            what differs from the preset, e.g. {channels: [16, 48, 96]}
    body               `unet`, or `dncnn` (a rival) of `dncnn_width` and `dncnn_depth`
    smoothing, detail  the residual family's Wiener prior: voxels, normalised units
    shrink             whether the scan's details are noise in part; false for super-resolution, where they only lack
    """

    target: str = "fast"
    options: dict[str, Any] = Field(default_factory=dict)
    body: Literal["unet", "dncnn"] = "unet"
    dncnn_width: int = Field(32, gt=0)
    dncnn_depth: int = Field(17, gt=1)
    smoothing: float = Field(1.2, gt=0)
    detail: float = Field(0.05, gt=0)
    shrink: bool = True


class DiffusionConfig(Section):
    """What is diffused, and how.

    schedule     a name of `diffusion.make_process`; `options` are its keywords
    state        `residual` (fast family: (x - y) / sigma), `image` (reference family: 2 x - 1) or `upscale` (a stage of a
                 synthesis cascade: (x - y) / `network.detail`)
    prediction   what the network's output means: `v`, `epsilon`, `x0`
    loss         `l2` (needed for a one-step conditional mean), `l1`, `huber`
    share_at_T   share of the examples at t = T, where the network sees zeros: the one-step result
    warp         the others: t = T u^warp with u uniform; 1: uniform, below 1: more of the noisy end
    drop         share of the examples whose condition y is replaced by 0.5 (nothing, to the network), so that
                 classifier-free guidance has an unconditional answer (image state); in synthesis the labels are left out
    """

    schedule: str = "cosine_zero_snr"
    options: dict[str, Any] = Field(default_factory=dict)
    steps: int = Field(1000, gt=0)
    state: Literal["residual", "image", "upscale"] = "residual"
    prediction: Literal["v", "epsilon", "x0"] = "v"
    loss: Literal["l1", "l2", "huber"] = "l2"
    share_at_T: float = Field(0.5, ge=0, le=1)
    warp: float = Field(1.0, gt=0)
    drop: float = Field(0.0, ge=0, lt=1)


class OptimiserConfig(Section):
    """AdamW; the rate rises linearly over `warmup_steps`, then falls as a cosine to `final` of itself.

    ema     decay of the running mean of the weights, which is what is validated and kept
    clip    largest norm of the gradient
    """

    learning_rate: float = Field(1.5e-3, gt=0)
    weight_decay: float = Field(1e-4, ge=0)
    betas: tuple[float, float] = (0.9, 0.99)
    warmup_steps: int = Field(200, ge=0)
    final: float = Field(0.01, ge=0, le=1)
    clip: float = Field(1.0, gt=0)
    ema: float = Field(0.999, ge=0, lt=1)


class TrainerConfig(Section):
    """How long, how large, on what.

    max_steps    optimiser steps of the whole run; the learning rate reaches its end there
    max_minutes  the run ends after this time of training, resumed parts included, and the learning rate with it: for
                 comparisons at equal time. Which step a run ends at then depends on the machine
    batch_size   examples per step and device
    clock        what minutes are: `wall`, or `processor` time of all threads of the first process, for comparisons at
                 equal cost on a machine that does other work too
    precision    `bf16` autocasts the network, `fp32` does not, `auto` asks the machine
    accelerator, devices, num_nodes   as Lightning has them; `auto` takes one GPU or the CPU
    threads      CPU threads; 0: as many as there are
    """

    max_steps: int = Field(gt=0)
    max_minutes: float | None = Field(None, gt=0)
    batch_size: int = Field(4, gt=0)
    clock: ClockName = "wall"
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    accelerator: Literal["auto", "cpu", "gpu", "mps"] = "auto"
    devices: int = Field(1, gt=0)
    num_nodes: int = Field(1, gt=0)
    threads: int = Field(0, ge=0)


class ValidationConfig(Section):
    """Fixed crops of the validation subjects with fixed noise, restored with the averaged weights.

    every_minutes, every_steps   when; steps count before minutes; with neither, at the end only
    scans        only validation scans whose path contains one of these; empty: all
    crops        crops per scan, at most
    size         of a crop in voxels; by default twice the patch
    levels       noise levels in normalised units
    steps        sampling steps: 1 is the conditional mean, more are DDIM (the reference family needs them)
    window       values are clipped to it and its width is the PSNR's data range (CT); by default 1, without clipping
    patience     validations without a better figure before the run ends; 0: never
    """

    every_minutes: float | None = Field(10.0, gt=0)
    every_steps: int | None = Field(None, gt=0)
    scans: tuple[str, ...] = ()
    crops: int = Field(1, gt=0)
    size: tuple[int, ...] | None = None
    levels: tuple[float, ...] = (0.02, 0.05, 0.09)
    steps: int = Field(1, gt=0)
    window: tuple[float, float] | None = None
    patience: int = Field(0, ge=0)


class CheckpointConfig(Section):
    """When weights, averaged weights, optimiser and step are kept (`last.ckpt`), whichever of the two comes first."""

    every_minutes: float | None = Field(10.0, gt=0)
    every_steps: int | None = Field(None, gt=0)


class LoggingConfig(Section):
    """Where figures go: TensorBoard and CSV in the run's folder; Weights & Biases if asked for, offline by default."""

    tensorboard: bool = True
    csv: bool = True
    wandb: bool = False
    wandb_mode: Literal["offline", "online"] = "offline"
    every_steps: int = Field(10, gt=0)


class CardConfig(CardSection):
    """The same for a diffusion model, which is for one of several tasks."""

    task: Literal["enhance", "super_resolve", "synthesize", "classify"] = "enhance"


class TrainingConfig(Section):
    """A whole run. `runs` is the folder that holds the run's own folder `name`; `init` a model folder to start from;
    with `resolution`, inputs are coarse scans brought up to the target's grid, with `degradation`'s noise."""

    name: ModelName
    seed: int = Field(0, ge=0)
    runs: Path = Path("runs")
    init: Path | None = None
    data: DataConfig
    augmentation: AugmentationConfig = AugmentationConfig()
    degradation: DegradationConfig = DegradationConfig()
    resolution: ResolutionConfig | None = None
    network: NetworkConfig = NetworkConfig()
    diffusion: DiffusionConfig = DiffusionConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    trainer: TrainerConfig
    validation: ValidationConfig = ValidationConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()
    logging: LoggingConfig = LoggingConfig()
    card: CardConfig = CardConfig()
    synthesis: SynthesisConfig | None = None

    @model_validator(mode="after")
    def _check(self) -> TrainingConfig:
        if self.diffusion.state == "residual" and self.degradation.target == "none":
            raise ValueError("state 'residual' needs a degradation; an unconditional model has state 'image'")
        if self.synthesis is not None:
            self.synthesis.check(self.data.patch, self.degradation.target, self.diffusion.state)
        elif self.diffusion.state == "upscale":
            raise ValueError("state 'upscale' is for a stage of a synthesis cascade; it needs the section synthesis")
        elif self.diffusion.drop > 0 and (self.diffusion.state == "residual" or self.degradation.target == "none"):
            raise ValueError("diffusion.drop is for a conditional model of state 'image'")
        if self.resolution is not None and len(self.resolution.margin) != len(self.data.patch):
            raise ValueError("resolution.margin has as many numbers as data.patch")
        if self.validation.size is not None and len(self.validation.size) != len(self.data.patch):
            raise ValueError("validation.size has as many numbers as data.patch")
        return self

    @property
    def folder(self) -> Path:
        """Where the run's checkpoints, figures and model go."""
        return self.runs / self.name
