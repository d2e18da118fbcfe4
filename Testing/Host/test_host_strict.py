"""What Slicer does not have raises: a typing error in a panel fails a test instead of waiting for a radiologist."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


def test_properties_are_attributes_and_calling_one_fails(host: Any) -> None:
    import qt

    button = qt.QPushButton("Apply")
    assert button.text == "Apply"
    button.enabled = False
    assert not button.isEnabled()
    button.name = "applyButton"
    assert button.objectName == "applyButton"
    with pytest.raises(TypeError, match="not callable"):
        button.text()


@pytest.mark.parametrize("make", ["qt.QPushButton()", "ctk.ctkSliderWidget()", "slicer.qMRMLNodeComboBox()"])
def test_a_misspelt_property_raises(host: Any, make: str) -> None:
    import ctk
    import qt
    import slicer

    widget = eval(make, {"qt": qt, "ctk": ctk, "slicer": slicer})
    with pytest.raises(AttributeError, match="no such property"):
        widget.enabeld = True
    with pytest.raises(AttributeError):
        _ = widget.enabeld


def test_a_python_subclass_may_have_attributes_of_its_own(host: Any) -> None:
    import qt

    class Panel(qt.QWidget):
        pass

    panel = Panel()
    panel.model = "denoise-mr"
    assert panel.model == "denoise-mr"


def test_a_method_cannot_be_replaced(host: Any) -> None:
    import ctk
    import qt

    for widget in (qt.QPushButton(), ctk.ctkSliderWidget()):
        with pytest.raises(AttributeError, match="cannot be replaced"):
            widget.setEnabled = print


@pytest.mark.parametrize(
    ("make", "signal"),
    [
        ("qt.QPushButton()", "clickd()"),
        ("qt.QSpinBox()", "valueChanged(double)"),
        ("ctk.ctkSliderWidget()", "valueChanged(int)"),
        ("slicer.qMRMLNodeComboBox()", "currentNodeChanged(int)"),
        ("slicer.app", "startupComplete()"),
    ],
)
def test_a_signal_that_is_not_there_raises(host: Any, make: str, signal: str) -> None:
    import ctk
    import qt
    import slicer

    with pytest.raises(ValueError, match=r"signal|not valueChanged|not currentNodeChanged"):
        eval(make, {"qt": qt, "ctk": ctk, "slicer": slicer}).connect(signal, print)


def test_a_value_of_the_wrong_type_raises(host: Any) -> None:
    import ctk
    import qt

    with pytest.raises(TypeError, match="is bool"):
        qt.QCheckBox().checked = "yes"
    with pytest.raises(TypeError, match="is double"):
        ctk.ctkSliderWidget().maximum = "1"
    with pytest.raises(TypeError, match="is QString"):
        qt.QLabel().text = 3


def test_slots_take_no_keywords_and_no_other_number_of_arguments(host: Any) -> None:
    import ctk
    import slicer

    with pytest.raises(TypeError, match="keyword"):
        ctk.ctkSliderWidget().setValue(value=3)
    with pytest.raises(TypeError, match="takes 1 argument"):
        slicer.qMRMLNodeComboBox().setCurrentNode()


def test_names_that_slicer_lacks_raise_and_those_that_only_the_host_lacks_say_so(host: Any) -> None:
    import ctk
    import qt
    import slicer
    from slicer_host.facts import NotInHost

    for module, name in ((ctk, "ctkSlider"), (qt, "Signal"), (slicer, "qMRMLNodeCombo"), (slicer, "arrayFromVolume")):
        with pytest.raises(AttributeError):
            getattr(module, name)
    with pytest.raises(NotInHost):
        _ = ctk.ctkThumbnailLabel
    with pytest.raises(NotInHost):
        _ = slicer.app.errorLogModel
    with pytest.raises(AttributeError):
        _ = slicer.app.errorLog
    with pytest.raises(AttributeError, match="setMaximum"):
        ctk.ctkSliderWidget().setMaximum(3)  # a property of CTK's without a slot
    with pytest.raises(AttributeError, match="Qt 6"):
        _ = qt.QCheckBox().checkStateChanged
    with pytest.raises(AttributeError, match="hidden by PythonQt"):
        qt.QTimer().singleShot = True


def test_a_stand_in_cannot_offer_what_the_real_class_has_not(host: Any) -> None:
    from PySide6 import QtWidgets
    from slicer_host.strict import stand_in

    with pytest.raises(TypeError, match="has no setFancy"):
        stand_in(type("ctkExpandButton", (QtWidgets.QToolButton,), {"setFancy": lambda self: None}))
    with pytest.raises(TypeError, match="Slicer has no class"):
        stand_in(type("ctkNothing", (QtWidgets.QWidget,), {}))


UI = """<ui version="4.0"><class>W</class><widget class="qMRMLWidget" name="W"><layout class="QVBoxLayout" name="l">
<item><widget class="{cls}" name="inner"><property name="{prop}">{value}</property></widget></item></layout></widget></ui>"""


@pytest.mark.parametrize(
    ("cls", "prop", "value", "error"),
    [
        ("ctkSliderWidget", "maximum", "<double>1.0</double>", None),
        ("ctkSliderWidget", "maxmum", "<double>1.0</double>", ValueError),
        ("ctkSlidrWidget", "maximum", "<double>1.0</double>", AttributeError),
        ("ctkThumbnailLabel", "text", "<string>x</string>", NotImplementedError),
        ("QLabl", "text", "<string>x</string>", ValueError),
    ],
)
def test_a_ui_file_with_something_that_slicer_lacks_does_not_load(
    host: Any, tmp_path: Path, cls: str, prop: str, value: str, error: type[Exception] | None
) -> None:
    import slicer

    path = tmp_path / "W.ui"
    path.write_text(UI.format(cls=cls, prop=prop, value=value))
    if error is None:
        widget = slicer.util.loadUI(str(path))
        assert slicer.util.childWidgetVariables(widget).inner.maximum == 1.0
    else:
        with pytest.raises(error):
            slicer.util.loadUI(str(path))


def test_the_scene_reaches_the_selectors_by_the_connections_of_the_ui_file(host: Any, tmp_path: Path) -> None:
    import slicer

    connection = """<connections><connection><sender>W</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal>
<receiver>inner</receiver><slot>setMRMLScene(vtkMRMLScene*)</slot></connection></connections></ui>"""
    text = UI.format(cls="qMRMLNodeComboBox", prop="noneEnabled", value="<bool>true</bool>").replace(
        "</ui>", connection
    )
    (tmp_path / "W.ui").write_text(text)
    widget = slicer.util.loadUI(str(tmp_path / "W.ui"))
    widget.setMRMLScene(slicer.mrmlScene)
    assert slicer.util.childWidgetVariables(widget).inner.mrmlScene() is slicer.mrmlScene


def test_a_hand_cannot_use_what_is_hidden_or_disabled_or_out_of_range(host: Any) -> None:
    import ctk
    import qt
    from slicer_host import hand

    button = qt.QPushButton("Apply")
    button.toolTip = "choose a volume"
    button.enabled = False
    with pytest.raises(hand.NotPossible, match="choose a volume"):
        hand.click(button)
    slider = ctk.ctkSliderWidget()
    with pytest.raises(hand.NotPossible, match=r"0\.0 to 99\.0"):
        hand.set_value(slider, 200.0)
    section = ctk.ctkCollapsibleButton()
    layout = qt.QVBoxLayout(section)
    layout.addWidget(slider)
    hand.open_section(section, False)
    with pytest.raises(hand.NotPossible, match="hidden"):
        hand.set_value(slider, 2.0)


def test_the_facts_are_about_the_classes_that_panels_use() -> None:
    facts = json.loads((Path(__file__).parent / "slicer_host" / "facts.json").read_text())
    assert len(facts) > 700
    assert facts["ctkSliderWidget"]["properties"]["value"] == {"type": "double", "writable": True}
    assert facts["qMRMLNodeComboBox"]["signals"]["currentNodeChanged"] == ["(vtkMRMLNode*)", "(bool)"]
    assert "loadNodes" in facts["qSlicerCoreIOManager"]["methods"]
