"""Preview: a part of the enhanced scan, as it will be in the whole, without figures, soon enough to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..progress import Progress, silent
from ..volume import Volume
from .denoise import Prepared, denoise
from .enhance import parts, prepare, sampling_settings
from .options import EnhanceOptions, parse_options


@dataclass(frozen=True, eq=False)
class Preview:
    """The enhanced part, on the scan's grid at its place; sentences a person should read."""

    volume: Volume
    warnings: tuple[str, ...]


def preview(
    volume: Volume,
    region: Sequence[slice],
    *,
    mask: np.ndarray | None = None,
    ready: Prepared | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Preview:
    """What `enhance` gives with the same options in `region`, slices along (k, j, i).

    ready  what `prepare` found before for this scan and these options: noise and model cost more than a slab

    Raises UsageError, InputError, ModelError, DeviceError, Refused, Cancelled.
    """
    asked = parse_options(EnhanceOptions, **options)
    progress = progress or silent()
    if mask is not None and mask.shape != volume.shape:
        raise InputError("the mask is not on the scan's grid; resample it first")
    ready = ready or prepare(volume, asked, progress=progress)
    before, _, mask = parts(ready.volume, None, mask, region)
    found = denoise(ready, before, sampling_settings(asked), asked, mask=mask, region=region, progress=progress)
    progress.finish()
    return Preview(before.with_voxels(found.voxels, enhanced=True), found.warnings)
