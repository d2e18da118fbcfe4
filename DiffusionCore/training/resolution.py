"""What a configuration says of super-resolution's pairs."""

from __future__ import annotations

from pydantic import Field, model_validator

from ..models.card import ResolutionSpec


class ResolutionConfig(ResolutionSpec):
    """How the input of super-resolution is made: what the card says of it, and how it is drawn.

    other_factors  share of the examples whose factor is drawn log-uniformly from `factor`, not the typical one
    whole, in_plane, slices   weights of examples with coarse voxels along all axes, along all but the first, along the first
    softened       share of the examples whose coarse scan is blurred by up to `softening`, as what a former stage gives
    margin         voxels around a patch that are degraded with it and cut off
    """

    other_factors: float = Field(0.2, ge=0, le=1)
    whole: float = Field(1.0, ge=0)
    in_plane: float = Field(0.0, ge=0)
    slices: float = Field(0.0, ge=0)
    softened: float = Field(0.0, ge=0, le=1)
    margin: tuple[int, ...] = (8, 8, 8)

    @model_validator(mode="after")
    def _some_axes(self) -> ResolutionConfig:
        if self.whole + self.in_plane + self.slices <= 0:
            raise ValueError("whole, in_plane and slices must not all be 0")
        return self

    @property
    def spec(self) -> ResolutionSpec:
        """What goes on the card."""
        return ResolutionSpec(**self.model_dump(include=set(ResolutionSpec.model_fields)))
