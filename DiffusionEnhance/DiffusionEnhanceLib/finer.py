"""The finer grid that is asked for, before anything is run: in words, or why there cannot be one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from slicer import util

from DiffusionCore.errors import DiffusionCoreError
from DiffusionCore.slicerbridge.overlays import ijk_to_ras
from DiffusionCore.slicerbridge.scans import region_of
from DiffusionCore.slicerbridge.words import in_panel_words
from DiffusionCore.volume import Volume
from DiffusionCore.volume.geometry import crop

from .choices import finer_options
from .input_group import why_not_reference


@dataclass(frozen=True)
class Finer:
    """What super-resolution would make.

    why_not   why it cannot, and what to do; "" if it can
    patterns  what its models have to be trained for, as on a card's `resolution.axes`, in the order they work
    voxels    of the result
    words     one line on the result's grid
    """

    why_not: str = ""
    patterns: tuple[str, ...] = ()
    voxels: int = 0
    words: str = ""


def finer_of(parameters: Any, look: Any, cards: Iterable[Any]) -> Finer:
    """What the parameter node asks for, of a scan that was seen to be `look`, with the installed models' cards."""
    from DiffusionCore.tasks.superres.cascade import WORDS, axis_groups

    try:
        volume, grid = finer_grid_of(parameters)
    except (ValueError, DiffusionCoreError) as error:
        return Finer(sentence_of(error))
    patterns = tuple(pattern for _axes, pattern in axis_groups(volume.spacing, grid.factors))
    able = {
        axes for card in cards if card.modality == look.modality and card.resolution for axes in card.resolution.axes
    }
    for pattern in patterns if not parameters.model else ():
        if pattern not in able:
            return Finer(
                f"No installed model makes {WORDS[pattern]} of {look.modality} scans finer; choose other axes."
            )
    if why_not := why_not_reference(parameters, grid.shape, "the finer"):
        return Finer(why_not, patterns)
    return Finer("", patterns, math.prod(grid.shape), in_words(grid, volume.spacing))


def sentence_of(error: Exception) -> str:
    """What an error says, as a sentence of its own."""
    words = str(error)
    return f"{words[:1].upper()}{words[1:]}."


def finer_grid_of(parameters: Any) -> tuple[Any, Any]:
    """(the part of the input that is worked on, its `FinerGrid`), nothing copied. Raises ValueError with a sentence."""
    from DiffusionCore.tasks.superres.finer_grid import finer_grid
    from DiffusionCore.tasks.superres.options import SuperResolveOptions

    node = parameters.inputVolume
    volume = Volume(util.arrayFromVolume(node), ijk_to_ras(node))
    region = region_of(volume, parameters.roi)
    if region is not None:
        volume = crop(volume, tuple(slice(*ends) for ends in region))
    try:
        return volume, finer_grid(volume, SuperResolveOptions(**finer_options(parameters)))
    except DiffusionCoreError as error:
        raise ValueError(in_panel_words(str(error))) from None


def in_words(grid: Any, spacing: tuple[float, float, float]) -> str:
    """One line on a finer grid of a scan with this spacing (k, j, i)."""
    size = "×".join(str(n) for n in reversed(grid.shape))
    new = "×".join(f"{mm / f:.3g}" for mm, f in zip(reversed(spacing), reversed(grid.factors), strict=True))
    return f"Result: {size} voxels of {new} mm."
