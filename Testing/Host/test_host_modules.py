"""Scripted modules are loaded, shown, reloaded and unloaded as the application does it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

MODULE = """
import slicer
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import *

class Probe(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Probe")
        self.parent.categories = ["Filtering"]
        slicer.app.connect("startupCompleted()", lambda: setattr(slicer.modules, "probeStarted", True))

class ProbeWidget(ScriptedLoadableModuleWidget):
    log = []
    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        self.log.append("setup")
        import qt
        self.button = qt.QPushButton("Go")
        self.layout.addWidget(self.button)
        self.logic = ProbeLogic()
    def enter(self): self.log.append("enter")
    def exit(self): self.log.append("exit")
    def cleanup(self): self.log.append("cleanup")

class ProbeLogic(ScriptedLoadableModuleLogic):
    pass

class ProbeTest(ScriptedLoadableModuleTest):
    def test_nothing(self):
        slicer.modules.probeTested = True
"""


@pytest.fixture
def probe(host: Any, tmp_path: Path) -> Any:
    """A small module, loaded."""
    (tmp_path / "Probe.py").write_text(MODULE)
    return host.load_module("Probe", tmp_path / "Probe.py")


def test_a_module_has_its_texts_and_its_place_in_slicer_modules(host: Any, probe: Any) -> None:
    import slicer

    assert slicer.modules.probe is probe
    assert (probe.name, probe.title, probe.categories) == ("Probe", "Probe", ["Filtering"])
    assert slicer.util.modulePath("Probe").endswith("Probe.py")
    assert slicer.modules.ProbeInstance.moduleName == "Probe"
    host.started()
    assert slicer.modules.probeStarted


def test_setup_comes_with_the_first_showing_and_enter_and_exit_with_each(host: Any, probe: Any, tmp_path: Path) -> None:
    import slicer

    assert not hasattr(slicer.modules, "ProbeWidget")
    widget = host.open_module("Probe")
    assert widget.log == ["setup", "enter"]
    slicer.util.selectModule("Volumes")
    assert widget.log == ["setup", "enter", "exit"]
    again = host.open_module("Probe")
    assert again is widget
    assert widget.log == ["setup", "enter", "exit", "enter"]


@pytest.mark.parametrize("name", ["DiffusionEnhance", "DiffusionClassify"])
def test_a_panel_is_made_without_a_main_window_as_in_the_generic_tests(
    host: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ctest starts them with --no-main-window: there is neither a layout manager nor a layout node."""
    from DiffusionCore.slicerbridge import layouts

    with monkeypatch.context() as patch:
        patch.setattr(layouts, "layout_node", lambda: None)
        host.app._take(layout_manager=None)
        try:
            widget = host.load_module(name).widgetRepresentation()
            host.started()
            widget.enter()
            widget.self().cleanup()
        finally:
            host.app._take(layout_manager=host.layout_manager)


def test_reload_cleans_up_and_makes_the_panel_anew_from_the_file(host: Any, probe: Any, tmp_path: Path) -> None:
    before = host.open_module("Probe")
    (tmp_path / "Probe.py").write_text(MODULE.replace('QPushButton("Go")', 'QPushButton("Gone")'))
    os.utime(tmp_path / "Probe.py", (0, time.time() + 10))
    after = host.reload_module("Probe")
    assert before.log[-1] == "cleanup"
    assert after is not before
    assert after.button.text == "Gone"


def test_a_module_that_is_unloaded_cleans_up(host: Any, probe: Any) -> None:
    import slicer

    widget = host.open_module("Probe")
    host.end()
    assert widget.log[-1] == "cleanup"
    assert not hasattr(slicer.modules, "probe")
    host.begin()


def test_the_modules_own_test_runs(host: Any, probe: Any) -> None:
    import slicer

    slicer.selfTests["Probe"]()
    assert slicer.modules.probeTested


def test_a_parameter_node_is_one_in_a_scene_and_belongs_to_its_module(host: Any, probe: Any) -> None:
    logic = host.open_module("Probe").logic
    node = logic.getParameterNode()
    assert logic.getParameterNode() is node
    assert node.GetAttribute("ModuleName") == "Probe"
    host.clear_scene()
    assert logic.getParameterNode().GetScene() is not None


def test_killing_the_launcher_leaves_what_it_started(host: Any, python_slicer: Path) -> None:
    """So a panel that only kills the process it started has not cancelled anything."""
    script = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    launched = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert Path(sys.executable) == python_slicer
    worker = int(launched.stdout.readline())
    assert worker != launched.pid
    launched.kill()
    launched.wait()
    try:
        os.kill(worker, 0)
    finally:
        os.kill(worker, 9)


def test_the_event_loops_longest_pause_is_measured(host: Any) -> None:
    import qt
    from slicer_host import hand

    with hand.event_loop_gaps() as smooth:
        hand.run_for(0.1)
    with hand.event_loop_gaps() as jerky:
        qt.QTimer.singleShot(10, lambda: time.sleep(0.3))
        hand.run_for(0.4)
    assert jerky.longest >= 0.3
    assert smooth.turns > 3
    with pytest.raises(AssertionError, match=r"after 0\.05 s still not: the end"):
        hand.wait_until(lambda: False, 0.05, "the end")


def test_tables_and_charts_show_in_their_views(host: Any) -> None:
    import slicer

    table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", "figures")
    slicer.util.updateTableFromArray(table, [np.arange(3.0), np.array([1.0, 4.0, 9.0])], ["x", "y"])
    series = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", "squares")
    series.SetAndObserveTableNodeID(table.GetID())
    series.SetXColumnName("x")
    series.SetYColumnName("y")
    series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
    chart = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotChartNode")
    chart.AddAndObservePlotSeriesNodeID(series.GetID())
    manager = slicer.app.layoutManager()
    manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpPlotTableView)
    selection = slicer.app.applicationLogic().GetSelectionNode()
    selection.SetActiveTableID(table.GetID())
    selection.SetActivePlotChartID(chart.GetID())
    slicer.app.applicationLogic().PropagateTableSelection()
    slicer.app.applicationLogic().PropagatePlotChartSelection()
    model = manager.tableWidget(0).tableView().model()
    assert [model.index(row, 1).data() for row in range(3)] == ["1", "4", "9"]
    picture = host.views_picture(600, 400)
    assert picture.shape == (400, 600, 3)
    assert manager.plotWidget(0).mrmlPlotViewNode().GetPlotChartNode() is chart


def test_a_picture_that_differs_is_saved_and_refused(
    host: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from slicer_host import pictures

    monkeypatch.setattr(pictures, "REFERENCES", tmp_path / "references")
    monkeypatch.setattr(pictures, "FAILED", tmp_path / "failed")
    picture = np.zeros((40, 50, 3), np.uint8)
    picture[10:20, 10:30] = 200
    with pytest.raises(AssertionError, match="no reference"):
        pictures.assert_like_reference(picture, "square")
    monkeypatch.setenv("HOST_PICTURES", "write")
    pictures.assert_like_reference(picture, "square")
    monkeypatch.delenv("HOST_PICTURES")
    pictures.assert_like_reference(picture, "square")
    pictures.assert_like_reference(np.clip(picture.astype(int) + 5, 0, 255).astype(np.uint8), "square")
    moved = np.roll(picture, 12, axis=1)
    with pytest.raises(AssertionError, match="of the pixels differ"):
        pictures.assert_like_reference(moved, "square")
    assert (tmp_path / "failed" / "square.png").is_file()
    assert (tmp_path / "failed" / "square-difference.png").is_file()


def test_sample_data_comes_from_the_modules_own_loader(host: Any) -> None:
    import SampleData
    import slicer

    made = []

    def load(source: Any) -> list[Any]:
        made.append(source.sampleName)
        return [slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "head")]

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="Tests", sampleName="Head", customDownloader=load
    )
    assert SampleData.downloadSample("Head").GetName() == "head"
    assert made == ["Head"]
