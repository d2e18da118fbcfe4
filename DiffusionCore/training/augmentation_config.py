"""The part of a training configuration that is about augmentation."""

from __future__ import annotations

from pydantic import Field

from .section import Section


class AugmentationConfig(Section):
    """What is done to a target before it is spoilt; every number is the share of the examples that it is done to.

    flip         mirrored along each axis
    rotate90     turned by quarter turns in the planes whose sides and spacings are equal
    affine       turned by up to `degrees` and scaled by up to `zoom` (MONAI RandAffine)
    elastic      bent by up to `elastic_range` of half the patch (MONAI RandSmoothDeform)
    gamma        contrast bent by an exponent between 1 / `gamma_range` and `gamma_range` (MR)
    invert       contrast inverted within the tissue (MR)
    bias_field   multiplied by a smooth field (MONAI RandBiasField, MR)
    resolution   blurred and resampled to a spacing log-uniform in `spacing` mm
    shift        CT: a constant of up to `shift_range` (normalised) added
    """

    flip: float = Field(0.5, ge=0, le=1)
    rotate90: float = Field(0.5, ge=0, le=1)
    affine: float = Field(0.1, ge=0, le=1)
    degrees: float = Field(15.0, ge=0, le=180)
    zoom: float = Field(0.1, ge=0, lt=0.5)
    elastic: float = Field(0.05, ge=0, le=1)
    elastic_range: float = Field(0.1, ge=0, le=0.5)
    gamma: float = Field(0.2, ge=0, le=1)
    gamma_range: float = Field(2.0, ge=1)
    invert: float = Field(0.1, ge=0, le=1)
    bias_field: float = Field(0.1, ge=0, le=1)
    bias_strength: float = Field(0.3, ge=0)
    resolution: float = Field(0.25, ge=0, le=1)
    spacing: tuple[float, float] = (0.6, 2.0)
    shift: float = Field(0.0, ge=0, le=1)
    shift_range: float = Field(0.05, ge=0)
