"""A panel with a result that no network has made: what looks at results needs none."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel_hand
from slicer_host import hand

METRICS = {
    "without_reference": {"noise before, grey levels": 14.0, "noise after, grey levels": 2.0, "SNR before": 12.0, "note": "-"},
    "reference": {"before": {"PSNR, dB": 23.0, "measured in": "tissue"}, "after": {"PSNR, dB": 33.0, "measured in": "tissue"}},
}  # fmt: skip

JUDGED = {
    "share": 0.01,
    "bias": {
        "mean": {"name": "mean of tissue", "unit": "grey levels", "before": 150.0, "after": 149.5},
        "volumes": [{"name": "bright tissue", "unit": "mL", "before": 90.0, "after": 89.0}],
    },
    "uncertainty": {"median": 2.5, "highest": 6.0, "calibrated": True},
    "findings": [
        {"kind": "structure", "alarm": True, "sentence": "what was removed is not only noise"},
        {"kind": "bias", "alarm": False, "sentence": "the mean of tissue stayed"},
    ],
}


def answer(head: Any, clean: Any) -> dict[str, Any]:
    """What the worker would have answered, had it found nearly the truth. A little noise stays: the clean sample is a
    stretched 8-bit image, whose own histogram is a comb."""
    from DiffusionCore.slicerbridge.overlays import ijk_to_ras
    from DiffusionCore.volume import Volume

    matrix, noisy, truth = ijk_to_ras(head), panel_hand.voxels_of(head), panel_hand.voxels_of(clean)
    voxels = np.rint(0.9 * truth + 0.1 * noisy).astype(truth.dtype)
    k, j, i = np.indices(voxels.shape)
    ball = ((k - 20) ** 2 + (j - 30) ** 2 + (i - 20) ** 2 < 36).astype(np.float32)
    return {
        "volume": Volume(voxels, matrix, "MR"),
        "uncertainty": Volume((1 + 3 * ball + 0.02 * i).astype(np.float32), matrix, "MR"),
        "trust": {"structure": Volume(8 * ball - 6 * ball[:, ::-1, ::-1], matrix, "OTHER"), **JUDGED},
        "metrics": METRICS,
        "warnings": ["the noise is correlated between neighbouring voxels, so that part of it may remain"],
        "provenance": {"sigma": {"value": 14.0}, "input": {"modality": "MR"}},
    }


def open_panel(host: Any) -> Any:
    """The panel of DiffusionEnhance with a small head and its result, side by side."""
    import slicer

    from DiffusionCore.slicerbridge.results import keep_result

    head, clean = panel_hand.small_head(), panel_hand.small_head("MRHeadReference")
    panel = panel_hand.open_panel(host)
    values = answer(head, clean)
    slicer.mrmlScene.RemoveNode(clean)
    hand.set_value(panel.ui.inputSelector, head)
    panel_hand.ready(panel)
    words = {"uncertainty": "uncertainty", "residual": "residual structure"}
    panel.done(keep_result("MRHeadNoisy enhanced", head, values, words), values)
    hand.run_for(0.05)
    return panel
