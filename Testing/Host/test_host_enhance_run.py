"""Apply and Cancel as a hand presses them, and everything that can happen while a scan is worked on."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import panel_hand
import pytest
from slicer_host import hand


@pytest.fixture
def head(host: Any) -> Any:
    return panel_hand.small_head()


@pytest.fixture
def panel(host: Any, enhance_worker: Any, head: Any) -> Any:
    panel = panel_hand.open_panel(host)
    panel_hand.ready(panel)
    return panel


def long_job(panel: Any) -> None:
    """Press Apply for something that takes many seconds, and wait until the network works."""
    hand.open_section(panel.ui.advancedSection)
    hand.click(panel.ui.naturalButton)
    hand.set_value(panel.ui.stepsSpinBox, 200)
    hand.click(panel.ui.applyButton)
    panel_hand.running(panel)


def test_one_click_gives_the_result_beside_the_input_and_the_command_line_s_bytes(
    panel: Any, head: Any, tmp_path: Path
) -> None:
    import slicer

    ui = panel.ui
    before = panel_hand.voxels_of(head).copy()
    slicer.util.saveNode(head, str(tmp_path / "head.nrrd"))
    words = []
    ui.applyButton.connect("clicked()", lambda: words.append(ui.applyButton.text))
    hand.click(ui.applyButton)
    assert ui.applyButton.text == "Cancel"
    panel_hand.running(panel)
    assert ui.stateLabel.text.startswith("running: MRHeadNoisy, ")
    panel_hand.finish(panel)
    assert (ui.stateLabel.text, ui.applyButton.text) == ("finished", "Apply")
    result = panel.parameters.resultVolume
    assert result.GetName() == "MRHeadNoisy enhanced"
    assert panel_hand.parent_item(result) == panel_hand.parent_item(head)
    np.testing.assert_array_equal(panel_hand.voxels_of(head), before)
    table = {ui.metricsTable.item(row, 0).text(): row for row in range(ui.metricsTable.rowCount)}
    noise = [float(ui.metricsTable.item(table["noise, grey levels"], column).text()) for column in (1, 2)]
    assert noise[1] < 0.4 * noise[0]
    assert "about" in ui.expectedLabel.text

    command = [sys.executable, "-m", "DiffusionCore", "enhance", "head.nrrd", "out.nrrd", "--quiet"]
    subprocess.run(command, cwd=tmp_path, check=True, env={**os.environ, "PYTHONPATH": str(panel_hand.REPOSITORY)})
    other = slicer.util.loadVolume(str(tmp_path / "out.nrrd"))
    np.testing.assert_array_equal(panel_hand.voxels_of(result), panel_hand.voxels_of(other))


def test_trust_is_the_command_line_s_byte_for_byte_with_the_same_seed(panel: Any, head: Any, tmp_path: Path) -> None:
    import slicer

    from DiffusionCore.slicerbridge.results import RESIDUAL, UNCERTAINTY, part, report_of

    ui = panel.ui
    slicer.util.saveNode(head, str(tmp_path / "head.nrrd"))
    hand.click(ui.carefulButton)
    hand.open_section(ui.advancedSection)
    for box, number in ((ui.stepsSpinBox, 2), (ui.samplesSpinBox, 2), (ui.seedSpinBox, 5)):
        hand.set_value(box, number)
    hand.set_value(ui.trustCheckBox, True)
    panel_hand.apply(panel)
    result = panel.parameters.resultVolume
    given = (
        "--preset=careful --steps=2 --samples=2 --seed=5 --trust-map=map.nrrd --uncertainty=spread.nrrd --report=r.json"
    )
    command = [sys.executable, "-m", "DiffusionCore", "enhance", "head.nrrd", "out.nrrd", "--quiet", *given.split()]
    subprocess.run(command, cwd=tmp_path, check=True, env={**os.environ, "PYTHONPATH": str(panel_hand.REPOSITORY)})
    for name, node in (("out", result), ("map", part(result, RESIDUAL)), ("spread", part(result, UNCERTAINTY))):
        other = slicer.util.loadVolume(str(tmp_path / f"{name}.nrrd"))
        np.testing.assert_array_equal(panel_hand.voxels_of(node), panel_hand.voxels_of(other), err_msg=name)
    told = json.loads((tmp_path / "r.json").read_text())
    assert report_of(result)["trust"]["words"] == told["trust"]["words"]
    assert report_of(result)["warnings"] == told["warnings"]


def test_cancel_half_way_leaves_nothing_and_the_next_run_works(panel: Any, head: Any) -> None:
    import slicer

    long_job(panel)
    nodes = slicer.mrmlScene.GetNumberOfNodes()
    folder = Path(panel.worker._connection.folder)
    hand.click(panel.ui.applyButton)
    assert panel.ui.stateLabel.text.startswith("cancelling")
    assert (panel.ui.applyButton.enabled, panel.ui.applyButton.toolTip) == (False, "It stops within a second.")
    panel_hand.finish(panel, 30)
    assert panel.ui.stateLabel.text == "cancelled: nothing was changed"
    assert slicer.mrmlScene.GetNumberOfNodes() == nodes
    hand.run_for(1)
    assert not folder.exists() or {path.name[:3] for path in folder.glob("*.npy")} <= {"in-"}
    hand.click(panel.ui.quickButton)
    panel_hand.apply(panel)
    assert panel.ui.stateLabel.text == "finished"


def test_a_result_that_is_removed_gives_its_memory_back(panel: Any) -> None:
    from DiffusionCore.slicerbridge.results import remove_result

    panel_hand.apply(panel)
    gone: list[bool] = []
    panel.parameters.resultVolume.AddObserver("DeleteEvent", lambda *_event: gone.append(True))
    hand.click(panel.ui.formerLayoutButton)
    remove_result(panel.parameters.resultVolume)
    panel_hand.apply(panel)
    gc.collect()
    assert gone


def test_another_input_chosen_while_it_runs_does_not_get_the_result(panel: Any, head: Any) -> None:
    other = panel_hand.small_head("MRHeadReference")
    hand.click(panel.ui.applyButton)
    hand.set_value(panel.ui.inputSelector, other)
    panel_hand.finish(panel)
    result = panel.parameters.resultVolume
    assert result.GetName() == "MRHeadNoisy enhanced"
    from DiffusionCore.slicerbridge.results import INPUT, part

    assert part(result, INPUT) is head
    assert panel.ui.inputSelector.currentNode() is other


def test_a_scan_changed_while_it_is_worked_on_is_said_in_the_result(panel: Any, head: Any) -> None:
    import slicer

    long_job(panel)
    panel_hand.voxels_of(head)[0, 0, 0] += 1
    slicer.util.arrayFromVolumeModified(head)
    hand.click(panel.ui.applyButton)
    panel_hand.finish(panel)
    hand.click(panel.ui.quickButton)
    hand.click(panel.ui.applyButton)
    panel_hand.voxels_of(head)[0, 0, 0] += 1
    slicer.util.arrayFromVolumeModified(head)
    panel_hand.finish(panel)
    assert "the scan was changed while it was worked on" in panel.ui.warningsLabel.text


def test_a_scan_removed_while_it_is_worked_on_takes_its_result_along(panel: Any, head: Any) -> None:
    import slicer

    hand.click(panel.ui.applyButton)
    slicer.mrmlScene.RemoveNode(head)
    panel_hand.finish(panel)
    assert "the scan was removed while it was worked on" in panel.ui.stateLabel.text
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == []
    assert panel.ui.applyButton.toolTip == "Choose a volume first."


def test_the_scene_closed_while_it_runs_stays_empty(host: Any, panel: Any) -> None:
    import slicer

    long_job(panel)
    folder = Path(panel.worker._connection.folder)
    host.clear_scene()
    hand.run_for(1.5)
    assert list(folder.glob("*.npy")) == []  # nor does the scan stay on the disk
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == []
    assert panel.controls.state == "cancelled"
    panel_hand.small_head()
    slicer.util.selectModule("DiffusionEnhance")
    host.open_module("DiffusionEnhance")
    panel_hand.ready(panel)
    hand.click(panel.ui.quickButton)
    panel_hand.apply(panel)
    assert panel.ui.stateLabel.text == "finished"


def test_a_scene_saved_and_another_imported_while_it_runs(host: Any, panel: Any, head: Any, tmp_path: Path) -> None:
    import slicer

    from DiffusionCore.slicerbridge.results import INPUT, part, results_of

    saved = host.save_scene(tmp_path / "before.mrb")
    hand.click(panel.ui.naturalButton)
    hand.click(panel.ui.applyButton)
    panel_hand.running(panel)
    during = host.save_scene(tmp_path / "during.mrb")
    assert slicer.app.coreIOManager().loadScene(str(saved), False)  # File → Import: added to what is there
    panel_hand.finish(panel)
    assert panel.ui.stateLabel.text == "finished"
    (result,) = results_of(head)
    assert part(result, INPUT) is head  # not the scan of the same name that was imported
    host.load_scene(during)
    hand.run_for(0.1)
    assert panel.ui.stateLabel.text in ("ready", "finished")
    panel_hand.ready(panel)
    panel_hand.apply(panel)
    assert panel.ui.stateLabel.text == "finished"
    assert panel.result.views.result is panel.parameters.resultVolume


def test_two_modules_share_the_worker_one_job_at_a_time(host: Any, panel: Any) -> None:
    long_job(panel)
    host.load_module("DiffusionClassify")
    other = host.open_module("DiffusionClassify").panel
    hand.wait_until(lambda: other.choices.models_read, 60, "the cards are read")
    hand.turn()
    hand.click(other.ui.applyButton)
    busy = "failed: another module's job is running; press Apply again when it is done"
    assert other.ui.stateLabel.text == busy
    assert panel.controls.state == "running"
    host.open_module("DiffusionEnhance")
    hand.click(panel.ui.applyButton)
    panel_hand.finish(panel)
    assert panel.ui.stateLabel.text == "cancelled: nothing was changed"
    assert other.ui.stateLabel.text == busy


def test_the_module_reloaded_while_it_runs_starts_afresh_with_the_same_choices(host: Any, panel: Any) -> None:
    hand.set_value(panel.ui.strengthSlider, 0.5)
    long_job(panel)
    old = panel
    new = host.reload_module("DiffusionEnhance").panel
    hand.wait_until(lambda: not old.worker.busy, 10)
    assert new is not old
    assert new.ui.strengthSlider.value == 0.5
    panel_hand.ready(new)
    hand.open_section(new.ui.advancedSection)
    hand.click(new.ui.quickButton)
    panel_hand.apply(new)
    assert new.ui.stateLabel.text == "finished"


def test_a_worker_killed_from_outside_is_said_and_replaced(panel: Any) -> None:
    long_job(panel)
    os.kill(panel.worker.pid, signal.SIGKILL)
    panel_hand.finish(panel, 30)
    assert panel.ui.stateLabel.text.startswith("failed: the worker is gone")
    assert panel.ui.detailsButton.enabled
    hand.click(panel.ui.quickButton)
    panel_hand.apply(panel)
    assert panel.ui.stateLabel.text == "finished"


def test_a_full_disk_is_one_sentence(panel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from DiffusionCore.errors import OutputError

    def full(path: Path, array: np.ndarray) -> None:
        raise OutputError("no space left on the disk of temporary files; free some and press Apply again")

    with monkeypatch.context() as patch:
        patch.setattr("DiffusionCore.slicerbridge.transfer.write_array", full)
        panel_hand.apply(panel)
    assert panel.ui.stateLabel.text.startswith("failed: no space left")
    panel_hand.apply(panel)
    assert panel.ui.stateLabel.text == "finished"


def test_without_packages_apply_asks_once_and_nothing_else_changes(host: Any, panel: Any) -> None:
    import qt

    here = panel.worker.missing
    panel.worker.missing = lambda: ["torch>=2.4"]
    panel.set_parameters(panel.parameters)
    assert panel.ui.stateLabel.text.startswith("not installed")
    assert panel.ui.applyButton.enabled
    assert "not installed" in panel.ui.previewCheckBox.toolTip
    from DiffusionCore.slicerbridge import packages

    asked = []

    def ensure() -> list[str]:
        import slicer

        panel.ui.applyButton.click()  # as a hand does while pip lets the event loop run: nobody is asked twice
        asked.append(slicer.util.confirmOkCancelDisplay("torch>=2.4 will be installed"))
        if not asked[-1]:
            raise packages.NotInstalled("nothing was installed; press Apply to be asked again")
        panel.worker.missing = list
        return ["torch"]

    original, packages.ensure_packages = packages.ensure_packages, ensure
    try:
        host.as_a_person()
        host.dialogs.answer(qt.QMessageBox.Cancel, saying="torch")
        hand.click(panel.ui.applyButton)
        assert panel.ui.stateLabel.text == "not installed: nothing was installed; press Apply to be asked again"
        host.dialogs.answer(qt.QMessageBox.Ok, saying="torch")
        panel_hand.apply(panel)
        assert panel.ui.stateLabel.text == "finished"
    finally:
        packages.ensure_packages, panel.worker.missing = original, here


def test_a_part_has_the_values_it_has_in_the_whole_result(panel: Any, head: Any) -> None:
    import slicer

    panel_hand.apply(panel)
    whole = panel.parameters.resultVolume
    bounds = [0.0] * 6
    head.GetRASBounds(bounds)
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Part")
    roi.SetCenter(*((bounds[2 * axis] + bounds[2 * axis + 1]) / 2 for axis in range(3)))
    roi.SetSize(30, 24, 20)
    hand.set_value(panel.ui.roiSelector, roi)
    panel_hand.apply(panel)
    part = panel.parameters.resultVolume
    assert part is not whole
    from DiffusionCore.slicerbridge.overlays import place_in

    assert panel_hand.voxels_of(part).shape == (20, 24, 30)
    np.testing.assert_array_equal(panel_hand.voxels_of(part), panel_hand.voxels_of(whole)[place_in(whole, part)])


def test_a_single_slice_where_a_person_insists(panel: Any, head: Any) -> None:
    from DiffusionCore.slicerbridge.overlays import ijk_to_ras

    voxels = panel_hand.voxels_of(head)[20:21].copy()
    hand.set_value(panel.ui.inputSelector, panel_hand.volume(voxels, "slice", ijk_to_ras(head)))
    panel_hand.ready(panel)
    assert not panel.ui.applyButton.enabled
    hand.open_section(panel.ui.advancedSection)
    hand.set_value(panel.ui.forceCheckBox, True)
    panel_hand.apply(panel)
    assert panel.ui.stateLabel.text == "finished"
    assert panel_hand.voxels_of(panel.parameters.resultVolume).shape == (1, 64, 72)
    assert "needs several slices" in panel.ui.warningsLabel.text


def test_the_application_answers_all_the_time(panel: Any) -> None:
    panel_hand.apply(panel)
    hand.click(panel.ui.formerLayoutButton)
    with hand.event_loop_gaps() as gaps:
        panel_hand.apply(panel)
    assert gaps.turns > 20
    assert gaps.longest < 1.0  # 0.1 s on an idle machine; this only tells that nothing waits for the worker
