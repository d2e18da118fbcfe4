"""The host: real scene, real pictures, layouts that switch, scenes that come back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest


def ball(name: str = "CT") -> Any:
    """A volume of 40×96×80 voxels: a shell of 700 around 40 in air of −1000."""
    import slicer

    k, j, i = np.indices((40, 96, 80)).astype(float)
    radius = ((k - 20) / 18) ** 2 + ((j - 48) / 42) ** 2 + ((i - 40) / 34) ** 2
    voxels = np.where(radius < 1, 40, -1000).astype(np.int16)
    voxels[(radius < 1) & (radius > 0.82)] = 700
    matrix = np.diag([1.5, 1.5, 3.0, 1.0])
    matrix[:3, 3] = -60, -70, -60
    node = slicer.util.addVolumeFromArray(voxels, ijkToRAS=matrix, name=name)
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetAutoWindowLevel(0)
    node.GetDisplayNode().SetWindowLevel(2000, 0)
    return node


def test_the_scene_is_empty_and_the_conventional_layout_has_three_slices_and_3d(host: Any) -> None:
    import slicer

    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == []
    assert sorted(host.shown_views()) == ["Green", "Red", "Yellow"]
    assert slicer.app.layoutManager().threeDViewCount == 1


def test_a_slice_view_shows_the_volume(host: Any) -> None:
    import slicer

    slicer.util.setSliceViewerLayers(background=ball(), fit=True)
    picture = host.slice_picture("Red", 200, 200)
    middle, corner = picture[95:105, 95:105].mean(), picture[:5, :5].mean()
    assert 120 < middle < 145  # 40 in a window of 2000 around 0
    assert corner < 5


def test_another_layout_makes_other_views(host: Any) -> None:
    import slicer

    manager = slicer.app.layoutManager()
    told = []
    manager.connect("layoutChanged(int)", told.append)
    axial = '<property name="orientation" action="default">Axial</property>'
    view = f'<item><view class="vtkMRMLSliceNode" singletontag="{{0}}">{axial}</view></item>'
    description = f'<layout type="horizontal">{view.format("Before")}{view.format("After")}</layout>'
    manager.layoutLogic().GetLayoutNode().AddLayoutDescription(701, description)
    manager.setLayout(701)
    assert told == [701]
    assert host.shown_views() == ["Before", "After"]
    slicer.util.setSliceViewerLayers(background=ball(), fit=True)
    picture = host.views_picture(402, 200)
    np.testing.assert_allclose(picture[:, :199].mean(), picture[:, 203:].mean(), rtol=0.02)
    manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
    assert host.shown_views() == ["Red"]
    assert {"Before", "After", "Red"} <= set(manager.sliceViewNames())


@pytest.mark.parametrize("name", ["scene.mrb", "scene.mrml", "folder"])
def test_a_saved_scene_comes_back(host: Any, tmp_path: Path, name: str) -> None:
    import slicer

    node = ball()
    node.SetAttribute("note", "kept")
    voxels = slicer.util.arrayFromVolume(node).copy()
    (tmp_path / "data").mkdir()
    slicer.util.saveNode(node, str(tmp_path / "data" / "CT.nrrd"), {})
    saved = host.save_scene(tmp_path / name)
    host.clear_scene()
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == []
    host.load_scene(next(saved.glob("*.mrml")) if saved.is_dir() else saved)
    back = slicer.util.getNode("CT")
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(back), voxels)
    assert back.GetAttribute("note") == "kept"


def test_an_exception_in_a_slot_fails_the_test(host: Any) -> None:
    import qt

    button = qt.QPushButton("Apply")
    button.connect("clicked()", lambda: 1 / 0)
    button.click()
    assert "ZeroDivisionError" in host.errors.pop()


def test_a_dialog_that_nobody_expected_fails_and_one_that_is_expected_is_answered(host: Any) -> None:
    import qt
    import slicer

    host.as_a_person()
    host.dialogs.answer(qt.QMessageBox.Ok, saying="packages")
    assert slicer.util.confirmOkCancelDisplay("Install packages?") is True
    host.dialogs.answer(qt.QMessageBox.Cancel)
    assert slicer.util.confirmOkCancelDisplay("Install packages?") is False
    with pytest.raises(AssertionError, match="a dialog opened"):
        slicer.util.errorDisplay("Failed")
