"""What a configuration says of super-resolution's pairs."""

from __future__ import annotations

from pydantic import Field, model_validator

from ..models.card import ResolutionSpec


class ResolutionConfig(ResolutionSpec):
    """How the input of super-resolution is made: what the card says of it, and how it is drawn.

    other_factors  share of the examples whose factor is drawn log-uniformly from `factor`, not the typical one
    thickness_error  standard deviation of the logarithm of the error of the thickness that the way back goes by
    shares         weights of examples with coarse voxels along each of `axes`; the plane is the last two axes, across
                   the slices is the first; of 2D examples the plane is all
    softened       share of the examples whose coarse scan is blurred by up to `softening`, as what a former stage gives
    margin         voxels of the target around a patch that are degraded with it and cut off
    target_factor  how many times coarser than the scans the targets are, made so in the same way: for the first stage of a
                   cascade, whose inputs are then made of the scans themselves, as those of the whole cascade are
    """

    thickness_error: float = Field(0.1, ge=0)
    other_factors: float = Field(0.2, ge=0, le=1)
    shares: tuple[float, ...] = (1.0,)
    softened: float = Field(0.0, ge=0, le=1)
    margin: tuple[int, ...] = (8, 8, 8)
    target_factor: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _a_share_each(self) -> ResolutionConfig:
        if len(self.shares) != len(self.axes) or min(self.shares) <= 0:
            raise ValueError("resolution.shares holds a weight above 0 for each of resolution.axes")
        if self.target_factor > 1 and self.axes != ("all",):
            raise ValueError("resolution.target_factor above 1 goes with resolution.axes [all]")
        return self

    @property
    def spec(self) -> ResolutionSpec:
        """What goes on the card."""
        return ResolutionSpec(**self.model_dump(include=set(ResolutionSpec.model_fields)))
