"""What a label-diffusion classifier is made of, and the two presets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from ..errors import UsageError
from .regions import candidate_starts, most_blocked


@dataclass(frozen=True)
class S4Config:
    """Sizes of every part; the defaults are S4's full size. Sizes of images and regions are voxels along (K, J, I).

    classes          number of classes, 2 or more
    normal_class     the class that has nothing to point at: regions are where the evidence is against it. None: regions
                     follow the classes by their probability
    grid             size of the image that the model was made for; others are taken too, if the regions fit in
    window           (low, high): values are cut off there and brought to 0..1 first; None: left as they are
    encoder          channels of the global encoder; each halves the size
    features         channels of its feature map and of the feature prior
    norm             "group", or "batch" where batches are large: it keeps the size of a structure visible
    dropout          share of features dropped before every linear classifier, in training
    pooling          share of the saliency map's cells, the highest, whose mean is a class's evidence
    regions          K, how many; `region` their size; `region_step` voxels between the places they may begin at
    on_structure     regions are chosen by the evidence where the image is not 0: for outlines, whose empty cells show nothing
    local            channels of the local encoder, its first at the region's size, each later one halves it
    local_features   features per region; `attention` is the width of the gate over the regions
    local_stream     False: no regions (an ablation); the local answer is then the global one
    dense_map        False: the two answers are averaged instead of spread over the grid (an ablation)
    prior_hidden     width between a region's features and the prior's
    label_grid       edge of the cube that the label is repeated on
    unet, embedding  channels of the denoiser per level; width of its timestep embedding
    steps            T; `schedule` and `schedule_options` are of `diffusion.make_process`
    prediction       what the denoiser's output means: "epsilon", "x0" or "v"
    spread           in sampling: 0, all grid points share t; above 0, each lags behind by its own part of it
                     (`timestep_maps.staggered`)
    """

    classes: int = 2
    normal_class: int | None = 0
    grid: tuple[int, ...] = (64, 128, 128)
    window: tuple[float, float] | None = None
    encoder: tuple[int, ...] = (32, 64, 128, 144)
    features: int = 256
    norm: str = "group"
    dropout: float = 0.0
    pooling: float = 0.2
    regions: int = 5
    region: tuple[int, ...] = (8, 16, 16)
    region_step: tuple[int, ...] = (8, 16, 16)
    on_structure: bool = False
    local: tuple[int, ...] = (32, 64, 80)
    local_features: int = 128
    attention: int = 64
    local_stream: bool = True
    dense_map: bool = True
    prior_hidden: int = 160
    label_grid: int = 8
    unet: tuple[int, ...] = (128, 256, 288)
    embedding: int = 128
    steps: int = 500
    schedule: str = "linear"
    schedule_options: Mapping[str, Any] = field(default_factory=lambda: {"beta_start": 2e-4, "beta_end": 0.04})
    prediction: str = "epsilon"
    spread: float = 0.0

    def __post_init__(self) -> None:
        for name in ("grid", "encoder", "region", "region_step", "local", "unet"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.window is not None:
            object.__setattr__(self, "window", tuple(self.window))
            if not self.window[0] < self.window[1]:
                raise UsageError(f"window is a range, low below high, got {self.window}")
        object.__setattr__(self, "schedule_options", dict(self.schedule_options))
        if self.classes < 2:
            raise UsageError(f"a classifier needs 2 classes or more, got {self.classes}")
        if self.normal_class is not None and not 0 <= self.normal_class < self.classes:
            raise UsageError(f"normal_class must be one of 0 to {self.classes - 1}, got {self.normal_class}")
        if self.norm not in ("group", "batch"):
            raise UsageError(f"norm must be 'group' or 'batch', got {self.norm!r}")
        if not 0 < self.pooling <= 1:
            raise UsageError(f"pooling must be above 0 and at most 1, got {self.pooling:g}")
        if not 0 <= self.dropout < 1 or self.spread < 0:
            raise UsageError("dropout must be 0 or more and below 1, and spread 0 or more")
        if self.prediction not in ("epsilon", "x0", "v"):
            raise UsageError(f"prediction must be epsilon, x0 or v, got {self.prediction!r}")
        if any(len(size) != 3 or min(size) < 1 for size in (self.grid, self.region, self.region_step)):
            raise UsageError("grid, region and region_step are three positive sizes each")
        levels = len(self.unet)
        if self.label_grid < 2 or self.label_grid % 2 ** (levels - 1):
            raise UsageError(
                f"label_grid must be a multiple of {2 ** (levels - 1)} for {levels} levels of the denoiser"
            )
        self.check_size(self.grid)

    def check_size(self, size: tuple[int, ...]) -> None:
        """Raises `UsageError` unless an image of this size has room for all regions wherever the first of them lie."""
        if any(n < s for n, s in zip(size, self.region, strict=True)):
            raise UsageError(f"an image of {_by(size)} voxels is smaller than a region of {_by(self.region)}")
        starts = candidate_starts(size, self.region, self.region_step)
        places = math.prod(len(axis) for axis in starts)
        if self.local_stream and places <= (self.regions - 1) * most_blocked(starts, self.region):
            raise UsageError(
                f"{self.regions} regions of {_by(self.region)} voxels may not fit side by side into {_by(size)}; "
                "ask for fewer or smaller ones"
            )


def _by(size: tuple[int, ...]) -> str:
    return "×".join(map(str, size))


PRESETS: Mapping[str, S4Config] = MappingProxyType(
    {
        "s4": S4Config(window=(-1.0, 0.4)),  # -1000 to 400 HU, of HU / 1000
        "small": S4Config(
            grid=(28, 28, 28),
            encoder=(16, 32, 64),
            features=64,
            norm="batch",
            dropout=0.2,
            region=(8, 8, 8),
            region_step=(4, 4, 4),
            local=(16, 32),
            local_features=32,
            attention=16,
            prior_hidden=32,
            label_grid=4,
            unet=(32, 64),
            embedding=32,
            steps=500,
            schedule="cosine_zero_snr",
            schedule_options={},
            prediction="v",
        ),
    }
)


def preset(name: str, **changes: Any) -> S4Config:
    """A preset with some fields changed. Raises `UsageError` for an unknown name or field."""
    if name not in PRESETS:
        raise UsageError(f"no preset {name!r}; there are {', '.join(PRESETS)}")
    unknown = sorted(set(changes) - {f.name for f in fields(S4Config)})
    if unknown:
        raise UsageError(f"a classifier has no setting {unknown[0]!r}; see classification.S4Config")
    return replace(PRESETS[name], **changes)
