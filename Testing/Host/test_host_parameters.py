"""The parameter node: typed, kept in the scene, joined to widgets as Slicer joins them."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Any

import pytest


class Preset(enum.Enum):
    QUICK = "quick"
    NATURAL = "natural"


@pytest.fixture
def parameters(host: Any) -> Any:
    """A parameter node of every supported type."""
    import slicer
    from slicer.parameterNodeWrapper import Choice, Default, WithinRange, parameterNodeWrapper

    Parameters = type("Parameters", (), {"texture": True, "device": "auto", "preset": Preset.NATURAL})
    Parameters.__annotations__ = {
        "strength": Annotated[float, WithinRange(0.0, 1.0), Default(0.8)],
        "samples": Annotated[int, WithinRange(1, 64), Default(4)],
        "texture": bool,
        "device": Annotated[str, Choice(["auto", "cpu"])],
        "preset": Preset,
        "folder": Path,
        "scan": slicer.vtkMRMLScalarVolumeNode,
        "sigma": float | None,
        "tile": list[int],
    }
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", "DiffusionEnhance")
    return parameterNodeWrapper(Parameters)(node)


def test_values_have_their_defaults_types_and_limits(host: Any, parameters: Any) -> None:
    assert (parameters.strength, parameters.samples, parameters.texture) == (0.8, 4, True)
    assert (parameters.preset, parameters.scan, parameters.sigma, parameters.tile) == (Preset.NATURAL, None, None, [])
    for name, wrong, error in (
        ("strength", 1.5, ValueError),
        ("samples", 2.5, TypeError),
        ("texture", "yes", TypeError),
        ("device", "tpu", ValueError),
        ("preset", "quick", TypeError),
    ):
        with pytest.raises(error):
            setattr(parameters, name, wrong)


def test_values_come_back_with_the_scene(host: Any, parameters: Any, tmp_path: Path) -> None:
    import numpy as np
    import slicer

    scan = slicer.util.addVolumeFromArray(np.zeros((3, 3, 3), np.int16), name="CT")
    slicer.util.saveNode(scan, str(tmp_path / "CT.nrrd"), {})
    parameters.strength, parameters.preset, parameters.scan = 0.3, Preset.QUICK, scan
    parameters.sigma, parameters.tile = 12.5, [64, 64, 32]
    host.save_scene(tmp_path / "scene.mrb")
    host.clear_scene()
    host.load_scene(tmp_path / "scene.mrb")
    back = type(parameters)(slicer.util.getNode("DiffusionEnhance"))
    assert (back.strength, back.preset, back.sigma, back.tile) == (0.3, Preset.QUICK, 12.5, [64, 64, 32])
    assert back.scan is slicer.util.getNode("CT")


def test_widgets_and_parameters_follow_each_other_until_parted(host: Any, parameters: Any) -> None:
    import ctk
    import qt
    import slicer
    from slicer_host import hand

    panel = qt.QWidget()
    layout = qt.QVBoxLayout(panel)
    widgets = {
        "strength": ctk.ctkSliderWidget(),
        "samples": qt.QSpinBox(),
        "texture": qt.QCheckBox(),
        "preset": qt.QComboBox(),
        "scan": slicer.qMRMLNodeComboBox(),
    }
    for name, widget in widgets.items():
        widget.setProperty("SlicerParameterName", name)
        layout.addWidget(widget)
    widgets["scan"].setMRMLScene(slicer.mrmlScene)
    tag = parameters.connectGui(panel)
    assert (widgets["strength"].value, widgets["strength"].maximum) == (0.8, 1.0)
    assert widgets["preset"].currentText == "NATURAL"
    hand.set_value(widgets["strength"], 0.25)
    hand.set_value(widgets["preset"], "QUICK")
    hand.set_value(widgets["texture"], False)
    assert (parameters.strength, parameters.preset, parameters.texture) == (0.25, Preset.QUICK, False)
    parameters.samples = 9
    assert widgets["samples"].value == 9
    parameters.disconnectGui(tag)
    hand.set_value(widgets["samples"], 3)
    assert parameters.samples == 9


def test_a_slider_without_limits_and_a_combo_box_without_choices_are_refused(host: Any) -> None:
    import ctk
    import qt
    import slicer
    from slicer.parameterNodeWrapper import parameterNodeWrapper

    @parameterNodeWrapper
    class Loose:
        value: float
        word: str

    loose = Loose(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
    for name, widget in (("value", ctk.ctkSliderWidget()), ("word", qt.QComboBox()), ("value", qt.QLabel())):
        with pytest.raises(RuntimeError):
            loose.connectParametersToGui({name: widget})
