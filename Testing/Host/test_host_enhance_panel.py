"""The panel before anything is run: one click is enough, everything is said, nothing heavy is loaded."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import panel_hand
import pytest
import result_hand
from slicer_host import hand

HEAVY = ("torch", "lightning", "monai", "matplotlib.pyplot", "skimage", "scipy.stats", "nibabel")


@pytest.fixture
def panel(host: Any) -> Any:
    return panel_hand.open_panel(host)


def test_after_loading_a_volume_one_click_is_enough(host: Any) -> None:
    node = panel_hand.small_head()
    before = set(sys.modules)
    panel = panel_hand.open_panel(host)
    assert not [name for name in HEAVY if name in set(sys.modules) - before]
    panel_hand.ready(panel)
    ui = panel.ui
    assert ui.inputSelector.currentNode() is node
    assert ui.recognisedLabel.text.startswith("MR (values 7 to 244 ")
    assert ui.recognisedLabel.text.endswith("72×64×40 voxels of 1×1×1 mm")
    sigma = float(ui.noiseLabel.text.removeprefix("σ ≈ ").split()[0])
    assert sigma == pytest.approx(14, rel=0.15)
    assert ui.noiseLabel.text.endswith("grey levels")
    assert ui.modelHint.text.startswith("denoise-mr: ")
    assert (ui.applyButton.text, ui.applyButton.enabled) == ("Apply", True)
    assert ui.stateLabel.text == "ready"


def test_a_ct_says_hu_and_takes_the_ct_model(panel: Any) -> None:
    rng = np.random.default_rng(0)
    j, i = np.indices((64, 64)) - 32
    body = np.where(j**2 + i**2 < 28**2, 40.0, -1000.0) + np.zeros((24, 1, 1))
    panel_hand.volume(np.rint(body + rng.normal(0, 20, body.shape)).astype(np.int16), "Chest")
    import slicer

    hand.set_value(panel.ui.inputSelector, slicer.util.getNode("Chest"))
    panel_hand.ready(panel)
    assert panel.ui.recognisedLabel.text.startswith("CT (values ")
    assert panel.ui.noiseLabel.text.endswith("HU")
    assert panel.ui.modelHint.text.startswith("denoise-ct: ")


def test_opened_without_a_volume_every_disabled_control_says_why(panel: Any) -> None:
    from PySide6 import QtWidgets

    ui = panel.ui
    assert (ui.applyButton.enabled, ui.applyButton.toolTip) == (False, "Choose a volume first.")
    root = ui.applyButton.window()
    kinds = (QtWidgets.QAbstractButton, QtWidgets.QComboBox, QtWidgets.QAbstractSpinBox)
    named = [one for kind in kinds for one in root.findChildren(kind) if hasattr(ui, one.property("objectName") or " ")]
    mute = [one.property("objectName") for one in named if not one.isEnabled() and not one.property("toolTip")]
    assert len(named) > 25
    assert mute == []


def test_a_slow_computer_measures_the_noise_of_less_of_the_scan(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from DiffusionCore.slicerbridge import measure

    told: list[tuple[Any, bool]] = []
    measurement = measure.NoiseMeasurement(lambda estimate, settled: told.append((estimate, settled)))
    monkeypatch.setattr(measure, "LONGEST", 0.0)  # no computer is quick enough
    voxels = np.random.default_rng(0).normal(200, 14, (40, 120, 120)).astype(np.float32)
    measurement.begin(voxels, "MR", (1.0, 1.0, 1.0))
    hand.wait_until(lambda: not measurement.busy, 60)
    assert measurement._side == measure.LEAST_SIDE
    assert [settled for _, settled in told[:-1]] == [False] * (len(told) - 1)
    assert told[-1] == (told[-1][0], True)
    assert told[-1][0].sigma == pytest.approx(14, rel=0.15)


@pytest.mark.parametrize("task", ["enhance", "super_resolve", "synthesize"])
@pytest.mark.parametrize("what", ["nothing", "scan", "result"])
def test_whatever_is_disabled_says_why(host: Any, what: str, task: str) -> None:
    """Every widget that the panel's library can reach, sliders and lists too."""
    panel = result_hand.open_panel(host) if what == "result" else panel_hand.open_panel(host)
    if what == "scan":
        hand.set_value(panel.ui.inputSelector, panel_hand.small_head())
    panel.parameters.task = task
    hand.run_for(0.05)
    usable = [(name, one) for name, one in vars(panel.ui).items() if not name.startswith("qt_")]
    off = {name: one.toolTip for name, one in usable if hasattr(one, "isEnabled") and not one.isEnabled()}
    assert len(off) > 5
    assert [name for name, reason in off.items() if not reason.endswith(".")] == []


def labels() -> Any:
    return panel_hand.volume(np.repeat(np.arange(4, dtype=np.uint8), 16)[None, None].repeat(8, 0).repeat(64, 1), "seg")


def moved() -> Any:
    import slicer

    node = panel_hand.small_head()
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "moved")
    node.SetAndObserveTransformNodeID(transform.GetID())
    return node


def constant() -> Any:
    return panel_hand.volume(np.full((8, 16, 16), 7, np.int16), "flat")


def holed() -> Any:
    voxels = np.random.default_rng(0).normal(100, 5, (8, 16, 16)).astype(np.float32)
    node = panel_hand.volume(voxels, "holed")
    panel_hand.voxels_of(node)[3, 4, 5] = np.nan
    return node


def positron() -> Any:
    """As Slicer's DICOM module loads it."""
    import slicer

    slicer.dicomDatabase._set({"1.2.3": {"0008,0060": "PT"}})
    node = panel_hand.small_head()
    node.SetAttribute("DICOM.instanceUIDs", "1.2.3")
    return node


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (labels, "label map"),
        (moved, "harden it in the Data module"),
        (constant, "the same value"),
        (holed, "no numbers (NaN)"),
        (positron, "This is neither CT nor MR but PT; only those can be worked on."),
    ],
)
def test_what_cannot_be_worked_on_is_said_before_anything_runs(panel: Any, make: Any, words: str) -> None:
    hand.set_value(panel.ui.inputSelector, make())
    assert not panel.ui.applyButton.enabled
    assert words in panel.ui.applyButton.toolTip
    assert words in panel.ui.recognisedLabel.text


def test_hardening_the_transform_makes_apply_possible(panel: Any) -> None:
    node = moved()
    hand.set_value(panel.ui.inputSelector, node)
    node.HardenTransform()
    panel_hand.ready(panel)
    assert panel.ui.applyButton.enabled


def test_a_modality_that_cannot_be_told_can_be_said(panel: Any) -> None:
    rng = np.random.default_rng(0)
    node = panel_hand.volume(rng.normal(0, 100, (8, 32, 32)).astype(np.float32), "odd")
    hand.set_value(panel.ui.inputSelector, node)
    assert "say so under Advanced" in panel.ui.applyButton.toolTip
    hand.open_section(panel.ui.advancedSection)
    hand.set_value(panel.ui.modalityCombo, "MR")
    panel_hand.ready(panel)
    assert panel.ui.recognisedLabel.text.startswith("MR (as you say)")
    assert panel.ui.applyButton.enabled


def test_a_single_slice_is_for_a_2d_model(panel: Any) -> None:
    from DiffusionCore.slicerbridge.overlays import ijk_to_ras

    head = panel_hand.small_head()
    voxels, matrix = panel_hand.voxels_of(head)[20:21].copy(), ijk_to_ras(head)
    hand.set_value(panel.ui.inputSelector, panel_hand.volume(voxels, "slice", matrix))
    panel_hand.ready(panel)
    reason = "This is a single slice, and denoise-mr needs several; a 2D model takes one."
    assert (panel.ui.applyButton.enabled, panel.ui.applyButton.toolTip) == (False, reason)
    denoiser = next(card for card in panel.how.models if card.name == "denoise-mr")
    unet = {**denoiser.network.unet, "spatial_dims": 2}
    flat = denoiser.model_copy(update={"name": "in-2d", "network": denoiser.network.model_copy(update={"unet": unet})})
    panel.how.models = (*panel.how.models, flat)
    panel.refresh()
    assert panel.ui.applyButton.enabled
    assert panel.ui.modelHint.text.startswith("in-2d: ")
    hand.set_value(panel.ui.inputSelector, head)
    assert panel.ui.modelHint.text.startswith("denoise-mr: ")


def test_a_model_that_is_gone_is_said(panel: Any) -> None:
    """One that was cleared, or that a scene of another computer was made with."""
    hand.set_value(panel.ui.inputSelector, panel_hand.small_head())
    panel_hand.ready(panel)
    panel.parameters.model = "of-mine"
    hand.turn()
    reason = "The model that was chosen is not installed; choose another."
    assert (panel.ui.applyButton.enabled, panel.ui.applyButton.toolTip) == (False, reason)
    hand.open_section(panel.ui.advancedSection)
    hand.set_value(panel.ui.modelCombo, "automatic")
    assert panel.ui.applyButton.enabled


def test_presets_are_names_for_the_ends_of_texture(panel: Any) -> None:
    panel_hand.small_head()
    ui, parameters = panel.ui, panel.parameters
    hand.click(ui.naturalButton)
    assert (parameters.preset, parameters.texture, ui.textureSlider.value) == ("natural", 1.0, 1.0)
    hand.set_value(ui.textureSlider, 0.4)
    assert (parameters.preset, ui.naturalButton.checked) == ("natural", True)
    hand.set_value(ui.textureSlider, 0.0)
    assert (parameters.preset, ui.quickButton.checked) == ("quick", True)
    hand.click(ui.carefulButton)
    assert not ui.textureSlider.enabled
    assert "Careful shows the mean" in ui.textureSlider.toolTip


def test_steps_and_samples_belong_to_the_presets_that_draw_samples(panel: Any) -> None:
    hand.set_value(panel.ui.inputSelector, panel_hand.small_head())
    panel_hand.ready(panel)
    ui, parameters = panel.ui, panel.parameters
    hand.open_section(ui.advancedSection)
    assert (ui.stepsSpinBox.enabled, ui.stepsSpinBox.toolTip) == (False, "Quick takes one step.")
    hand.click(ui.naturalButton)
    assert ui.stepsSpinBox.enabled
    assert (ui.samplesSpinBox.enabled, ui.samplesSpinBox.toolTip) == (False, "Only Careful draws several samples.")
    hand.click(ui.carefulButton)
    hand.set_value(ui.samplesSpinBox, 4)
    assert "Careful: with its uncertainty, 16 passes" in ui.carefulButton.text
    assert "Quick: faithful, 1 pass" in ui.quickButton.text
    hand.set_value(ui.stepsSpinBox, 1)
    assert not ui.applyButton.enabled
    assert ui.applyButton.toolTip.startswith("One step gives the mean and draws no sample")
    hand.click(ui.quickButton)
    assert ui.applyButton.enabled
    assert parameters.samples == 4  # kept for the next time


def test_the_parameter_node_holds_all_and_widgets_follow_it(panel: Any) -> None:
    ui, parameters = panel.ui, panel.parameters
    hand.set_value(ui.strengthSlider, 0.65)
    hand.open_section(ui.advancedSection)
    hand.set_value(ui.seedSpinBox, 11)
    hand.set_value(ui.sigmaCheckBox, True)
    hand.set_value(ui.sigmaSpinBox, 21.5)
    hand.set_value(ui.deviceCombo, "cpu")
    assert (parameters.strength, parameters.seed, parameters.sigma, parameters.device) == (0.65, 11, 21.5, "cpu")
    parameters.device = "cuda:7"  # as in a scene of another computer
    hand.turn()
    assert ui.deviceCombo.currentText == "cuda:7"
    hand.set_value(ui.deviceCombo, "auto")
    assert parameters.device == "auto"
    parameters.strength, parameters.preset, parameters.samples = 0.3, "careful", 12
    hand.turn()
    assert (ui.strengthSlider.value, ui.carefulButton.checked, ui.samplesSpinBox.value) == (0.3, True, 12)


def test_a_volume_is_queued_once_and_the_list_says_so(panel: Any) -> None:
    import slicer

    first, second = panel_hand.small_head(), panel_hand.small_head("MRHeadReference")
    ui = panel.ui
    hand.set_value(ui.inputSelector, first)
    hand.set_value(ui.queueSelector, first)
    assert ui.queueAddButton.toolTip == "This volume is the input already."
    hand.set_value(ui.queueSelector, second)
    hand.click(ui.queueAddButton)
    from DiffusionEnhanceLib.waiting import queue_of

    assert queue_of(panel.parameters) == [second]
    assert ui.queueList.item(0).text() == "MRHeadReference"
    slicer.mrmlScene.RemoveNode(second)
    hand.turn()
    assert ui.queueList.count == 0


def test_a_reference_on_another_grid_is_refused_at_once(panel: Any) -> None:
    node, other = panel_hand.small_head(), panel_hand.sample("MRHeadReference")
    hand.set_value(panel.ui.inputSelector, node)
    hand.set_value(panel.ui.referenceSelector, other)
    assert "not on the volume's grid" in panel.ui.applyButton.toolTip


def test_a_reference_that_says_nothing_is_refused_at_once(panel: Any) -> None:
    node, other = panel_hand.small_head(), moved()
    hand.set_value(panel.ui.inputSelector, node)
    panel_hand.ready(panel)
    for reference, words in (
        (node, "The reference is the volume itself"),
        (other, "A transform is applied to the ref"),
    ):
        hand.set_value(panel.ui.referenceSelector, reference)
        assert not panel.ui.applyButton.enabled
        assert panel.ui.applyButton.toolTip.startswith(words)
    hand.set_value(panel.ui.referenceSelector, None)
    assert panel.ui.applyButton.enabled


def test_the_expected_time_comes_from_what_was_measured_on_the_device(panel: Any) -> None:
    from DiffusionCore.slicerbridge.expected import keep_seconds_per_voxel

    hand.set_value(panel.ui.inputSelector, panel_hand.small_head())
    keep_seconds_per_voxel("denoise-mr", "auto", 20 / (72 * 64 * 40))
    panel.refresh()
    assert panel.ui.expectedLabel.text == "about 20 s on this computer"
    assert panel.ui.naturalButton.text.endswith("about 3 min")
    assert panel.ui.carefulButton.text == "Careful: with its uncertainty, 32 passes · about 11 min"


def test_the_speed_of_a_device_is_measured_once_in_the_background(host: Any, enhance_worker: Any) -> None:
    panel_hand.small_head()
    panel = panel_hand.open_panel(host, speed_known=False)
    panel_hand.ready(panel)
    assert "once this computer's speed is measured" in panel.ui.expectedLabel.text
    assert panel.ui.applyButton.enabled
    hand.wait_until(lambda: panel.ui.expectedLabel.text.startswith("about "), panel_hand.PATIENCE)
    assert panel.ui.stateLabel.text == "ready"
    assert not enhance_worker.busy


def test_in_another_module_the_worker_is_left_to_it(host: Any, enhance_worker: Any) -> None:
    import slicer

    panel_hand.small_head()
    panel = panel_hand.open_panel(host, speed_known=False)
    hand.wait_until(lambda: panel.speed.running, panel_hand.PATIENCE, "the speed is measured")
    slicer.util.selectModule("Volumes")
    hand.wait_until(lambda: not enhance_worker.busy, 10, "the measurement is cancelled")
    panel.parameters.strength = 0.5
    hand.run_for(1.5)
    assert not enhance_worker.busy
    host.open_module("DiffusionEnhance")
    hand.wait_until(lambda: panel.speed.running, panel_hand.PATIENCE, "it is measured after all")


def test_a_new_box_is_the_middle_half_and_the_time_follows_its_size(panel: Any) -> None:
    from DiffusionCore.slicerbridge.expected import keep_seconds_per_voxel

    hand.set_value(panel.ui.inputSelector, panel_hand.small_head())
    keep_seconds_per_voxel("denoise-mr", "auto", 80 / (72 * 64 * 40))
    roi = panel.ui.roiSelector.addNode()
    hand.turn()
    assert tuple(roi.GetSize()) == (36, 32, 20)
    assert panel.ui.expectedLabel.text == "about 10 s on this computer"
    roi.SetSize(72, 64, 40)
    hand.turn()
    assert panel.ui.expectedLabel.text == "about 80 s on this computer"
    roi.SetCenter(900, 0, 0)
    hand.turn()
    assert not panel.ui.applyButton.enabled
    assert panel.ui.applyButton.toolTip.startswith("The box lies outside the scan")


def test_the_sample_data_are_registered_and_load_by_their_button(host: Any) -> None:
    import slicer

    panel_hand.open_panel(host)

    sources = slicer.modules.sampleDataSources["DiffusionEnhance"]
    assert [source.sampleName for source in sources] == ["MRHeadNoisy", "MRHeadReference"]
    (node,) = sources[0].customDownloader(sources[0])
    assert node.GetImageData().GetDimensions() == (144, 168, 64)
