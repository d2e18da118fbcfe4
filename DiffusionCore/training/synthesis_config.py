"""The part of a training configuration that is about making whole images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from ..models.card import LabelSpec, ModelName
from .section import Section


class SynthesisConfig(Section):
    """Images from noise, or a stage of a cascade: images from images of `1 / upscale` of their size.

    canvas          (J, I) or (K, J, I): every image is padded with background, or cropped, to it about its middle
    size            of the model's images: the canvas divided by a whole number, each voxel a mean. `data.patch` may be less
                    for an upscaler, which then sees crops
    upscale         1: from noise; 2: from images of half the size
    augmentation    of an upscaler: range of the noise's standard deviation that its input is spoilt with in training,
                    drawn evenly; in sampling the middle of it is used
    labels          what an image can be asked for by; `z_fraction` is known of every slice, others come from `label_file`
    label_file      CSV under the data root: a column `stack` (the file's name) or `file`, `index` (the slice) for slices,
                    and one column a label
    mirror          share of the images that are mirrored along `mirror_axes` (heads: left and right alone)
    warp            share that is turned by up to `degrees`, scaled by up to `zoom` and moved by up to `shift` of the canvas
    then            names of the upscalers that follow this model
    steps, guidance that sampling uses unless somebody asks otherwise, and for the sample sheets
    sheet           images on a sheet of samples, saved at every validation; 0: none
    """

    canvas: tuple[int, ...]
    size: tuple[int, ...]
    upscale: int = Field(1, ge=1)
    augmentation: tuple[float, float] = (0.0, 0.0)
    labels: tuple[LabelSpec, ...] = ()
    label_file: Path | None = None
    mirror: float = Field(0.0, ge=0, le=1)
    mirror_axes: tuple[int, ...] = (-1,)
    warp: float = Field(0.0, ge=0, le=1)
    degrees: float = Field(5.0, ge=0, le=180)
    zoom: float = Field(0.05, ge=0, lt=0.5)
    shift: float = Field(0.02, ge=0, lt=0.5)
    then: tuple[ModelName, ...] = ()
    steps: Annotated[int, Field(ge=1, le=1000)] = 50
    guidance: Annotated[float, Field(ge=0, le=20)] = 1.0
    sheet: int = Field(16, ge=0, le=64)

    @model_validator(mode="after")
    def _check(self) -> SynthesisConfig:
        if len(self.canvas) not in (2, 3) or len(self.size) != len(self.canvas):
            raise ValueError("canvas and size have 2 or 3 numbers, both alike")
        factors = {c / s for c, s in zip(self.canvas, self.size, strict=True)}
        if len(factors) != 1 or not factors.pop().is_integer():
            raise ValueError("size is the canvas divided by one whole number")
        if any(s % self.upscale for s in self.size):
            raise ValueError(f"size must be a multiple of upscale ({self.upscale})")
        if not 0 <= self.augmentation[0] <= self.augmentation[1]:
            raise ValueError("augmentation is a range, 0 <= low <= high")
        return self

    def check(self, patch: tuple[int, ...], degradation: str, state: str) -> None:
        """Raise `ValueError` unless the rest of the configuration goes with this."""
        if degradation != "none" or state != ("image" if self.upscale == 1 else "upscale"):
            raise ValueError("synthesis has degradation.target none, and state image, or upscale where it enlarges")
        if len(patch) != len(self.size) or any(p > s for p, s in zip(patch, self.size, strict=True)):
            raise ValueError("data.patch is synthesis.size, or a part of it for an upscaler")
        if self.upscale == 1 and patch != self.size:
            raise ValueError("images from noise are learnt whole: data.patch must be synthesis.size")

    @property
    def factor(self) -> int:
        """Voxels of the canvas to one of the model's images, along each axis."""
        return self.canvas[0] // self.size[0]

    @property
    def told(self) -> float:
        """The noise that an upscaler's input is spoilt with in sampling."""
        return sum(self.augmentation) / 2
