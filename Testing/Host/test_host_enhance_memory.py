"""A device whose memory runs out while a scan is enhanced: smaller pieces, then the CPU, and the panel says so."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import panel_hand
import pytest

# A worker with a graphics card, "cpu:0", whose memory is full for all but the pieces of its first `room` voxels.
CARD = """
import sys
from dataclasses import replace
import torch
from DiffusionCore.inference import run, sample
from DiffusionCore.worker.__main__ import main

room = int(sys.argv.pop(1))
here, apply = run.choose_places, run.apply_exact

def places(*given, **more):
    cpu = here(*given, **more)[-1]
    return [replace(cpu, device=torch.device("cpu:0")), cpu]

def on_card(placed, plan, *given, **more):
    if plan.device == "cpu:0" and torch.Size(plan.core).numel() > room:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
    return apply(placed, plan, *given, **more)

sample.choose_places, run.apply_exact = places, on_card
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def with_card(application: Any, host: Any, tmp_path: Path) -> Iterator[Any]:
    """with_card(room) gives the panel with a head, on a worker with such a card."""
    import slicer

    from DiffusionCore.slicerbridge.application_worker import PROPERTY, application_worker
    from DiffusionCore.slicerbridge.worker_process import WorkerProcess

    own = application_worker(slicer.app)
    program = tmp_path / "card.py"
    program.write_text(CARD)

    def begin(room: int) -> Any:
        command = [sys.executable, str(program), str(room), "--parent", str(os.getpid())]
        slicer.app.setProperty(PROPERTY, WorkerProcess(slicer.app, command=command))
        panel_hand.small_head()
        panel = panel_hand.open_panel(host)
        panel_hand.ready(panel)
        return panel

    yield begin
    slicer.app.property(PROPERTY).shutdown()
    slicer.app.setProperty(PROPERTY, own)


def said(panel: Any) -> tuple[str, str]:
    """The panel's warnings, and the log behind Details."""
    return panel.ui.warningsLabel.text, "\n".join(panel.controls.log)


def test_smaller_pieces_are_enough(with_card: Any) -> None:
    panel = with_card(40 * 64 * 72 // 2)
    panel_hand.apply(panel)
    assert panel.ui.stateLabel.text == "finished"
    for words in said(panel):
        assert "cpu:0 ran out of memory; going on with " in words
        assert "going on with cpu\n" not in f"{words}\n"
    assert panel.ui.detailsButton.enabled


def test_then_the_processor_with_the_same_result(with_card: Any) -> None:
    panel = with_card(0)
    panel_hand.apply(panel)
    assert panel.ui.stateLabel.text == "finished"
    for words in said(panel):
        assert "tiles; going on with cpu" in words
    on_processor = panel_hand.voxels_of(panel.parameters.resultVolume).copy()
    panel.worker.shutdown()
    panel.worker.command[2] = str(1 << 40)
    panel_hand.apply(panel)
    assert "ran out of memory" not in panel.ui.warningsLabel.text
    on_card = panel_hand.voxels_of(panel.parameters.resultVolume)
    assert np.mean(on_card != on_processor) <= 1e-3
    assert np.abs(on_card.astype(int) - on_processor).max() <= 1
