"""What a configuration says of the card that a training run ends with."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..models.card import DataSpec, Range
from .section import Section


class CardSection(Section):
    """What the model's card says besides what the run knows itself (models.card.Card)."""

    modality: Literal["MR", "CT", "OTHER"] = "OTHER"
    version: str = "1"
    summary: str = "Trained with DiffusionCore."
    spacing_mm: Range = Range(low=0.3, high=3.0)
    slice_spacing_mm: Range = Range(low=0.3, high=8.0)
    min_slices: int = Field(1, gt=0)
    data: tuple[DataSpec, ...] = ()
    licence: str = "MIT"
    limits: tuple[str, ...] = ()
