"""Keeping a result: report, derived DICOM series; removing models that were added; the module's own test."""

from __future__ import annotations

import json
import unittest
from pathlib import Path
from typing import Any

import numpy as np
import panel_hand
import pydicom
import pytest
from slicer_host import hand


@pytest.fixture
def panel(host: Any, enhance_worker: Any) -> Any:
    panel_hand.small_head()
    panel = panel_hand.open_panel(host)
    panel_hand.ready(panel)
    panel_hand.apply(panel)
    return panel


def test_a_report_of_three_files(host: Any, panel: Any, tmp_path: Path) -> None:
    host.as_a_person()
    host.dialogs.answer(str(tmp_path), saying="report")
    hand.click(panel.ui.reportButton)
    panel_hand.finish(panel)
    assert panel.ui.stateLabel.text == "finished"
    stem = "MRHeadNoisy_enhanced"
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{stem}.html", f"{stem}.json", f"{stem}.png"]
    report = json.loads((tmp_path / f"{stem}.json").read_text())
    assert report["provenance"]["model"]["name"] == "denoise-mr"
    assert report["notice"] == "Research only. Not for clinical use."
    written = (tmp_path / f"{stem}.png").stat().st_mtime_ns
    panel.keep_in("report", str(tmp_path))  # another result of this name must not take its place
    panel_hand.finish(panel)
    assert (tmp_path / f"{stem}_2.html").is_file()
    assert (tmp_path / f"{stem}.png").stat().st_mtime_ns == written


def test_while_a_scan_is_worked_on_nothing_can_be_written_and_the_buttons_say_so(panel: Any) -> None:
    ui = panel.ui
    hand.open_section(ui.advancedSection)
    hand.click(ui.naturalButton)
    hand.set_value(ui.stepsSpinBox, 200)
    hand.click(ui.applyButton)
    panel_hand.running(panel)
    for button in (ui.reportButton, ui.dicomButton):
        assert (button.enabled, button.toolTip) == (False, "Not while a scan is worked on.")
    hand.click(ui.applyButton)
    panel_hand.finish(panel)
    assert ui.reportButton.enabled and ui.dicomButton.enabled


def test_a_report_that_cannot_be_written_is_said(panel: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    panel.keep_in("report", str(tmp_path / "file" / "below"))
    panel_hand.finish(panel)
    assert panel.ui.stateLabel.text.startswith("failed: ")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_derived_dicom_series(host: Any, panel: Any, tmp_path: Path) -> None:
    panel.keep_in("dicom", str(tmp_path))
    panel_hand.finish(panel)
    assert "of a new, anonymous patient" in host.main_window.statusBar().currentMessage()
    assert panel.ui.stateLabel.text == "finished"
    images = [pydicom.dcmread(path) for path in sorted((tmp_path / "MRHeadNoisy_enhanced").iterdir())]
    assert len(images) == 40
    assert images[0].ImageType[0] == "DERIVED"
    assert "denoise-mr" in images[0].DerivationDescription
    result = panel_hand.voxels_of(panel.parameters.resultVolume)
    stored = images[0].pixel_array * float(images[0].get("RescaleSlope", 1)) + float(
        images[0].get("RescaleIntercept", 0)
    )
    np.testing.assert_allclose(stored, result[0], atol=0.01)


def test_models_that_were_added_can_be_cleared(host: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import qt

    monkeypatch.setenv("DIFFUSIONCORE_MODELS", str(tmp_path))
    panel = panel_hand.open_panel(host)
    hand.open_section(panel.ui.advancedSection)
    assert not panel.ui.clearModelsButton.enabled
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "card.yaml").write_text("name: mine")
    panel.refresh()
    host.as_a_person()
    host.dialogs.answer(qt.QMessageBox.Cancel, saying="Remove mine")
    hand.click(panel.ui.clearModelsButton)
    assert (tmp_path / "mine").exists()
    host.dialogs.answer(qt.QMessageBox.Ok, saying="Remove mine")
    hand.click(panel.ui.clearModelsButton)
    assert not (tmp_path / "mine").exists()
    assert "No model was added" in panel.ui.clearModelsButton.toolTip


def test_the_module_s_own_test_without_packages_sees_that_the_panel_says_so(host: Any, enhance_worker: Any) -> None:
    import sys

    here = enhance_worker.missing
    enhance_worker.missing = lambda: ["torch>=2.4"]
    try:
        host.load_module("DiffusionEnhance")
        host.started()
        sys.modules["DiffusionEnhance"].DiffusionEnhanceTest().runTest()
    finally:
        enhance_worker.missing = here


def test_the_module_s_own_test(host: Any, enhance_worker: Any) -> None:
    import sys

    host.load_module("DiffusionEnhance")
    host.started()
    test = sys.modules["DiffusionEnhance"].DiffusionEnhanceTest()
    outcome = unittest.TestResult()
    test.run(outcome)
    assert outcome.testsRun == 1
    assert outcome.errors == outcome.failures == []
