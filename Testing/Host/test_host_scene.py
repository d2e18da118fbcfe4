"""What panels do with the scene works on the real library: files, segmentations, links, sequences, crops, selectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

BOX = np.zeros((10, 12, 14), np.int16)
BOX[3:7, 4:9, 5:11] = 100


@pytest.mark.parametrize("ending", ["nrrd", "nii.gz", "mha"])
def test_a_volume_is_saved_loaded_named_and_shown(host: Any, tmp_path: Path, ending: str) -> None:
    import slicer

    node = slicer.util.addVolumeFromArray(BOX, ijkToRAS=np.diag([1.0, 1.0, 2.0, 1.0]), name="box")
    assert slicer.util.saveNode(node, str(tmp_path / f"box.{ending}"), {})
    loaded = slicer.util.loadVolume(str(tmp_path / f"box.{ending}"), {"name": "again"})
    assert loaded.GetName() == "again"
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(loaded), BOX)
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    assert {one.GetBackgroundVolumeID() for one in composites} == {loaded.GetID()}
    with pytest.raises(RuntimeError):
        slicer.util.loadVolume(str(tmp_path / "none.nrrd"), {})


def test_a_segmentation_has_the_voxels_that_were_given(host: Any) -> None:
    import slicer

    scan = slicer.util.addVolumeFromArray(BOX, name="scan")
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "regions")
    segmentation.CreateDefaultDisplayNodes()
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(scan)
    region = segmentation.GetSegmentation().AddEmptySegment("region")
    slicer.util.updateSegmentBinaryLabelmapFromArray((BOX > 0).astype(np.uint8), segmentation, region, scan)
    back = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, region, scan)
    np.testing.assert_array_equal(back > 0, BOX > 0)


def test_linked_views_scroll_together(host: Any) -> None:
    import slicer

    scan = slicer.util.addVolumeFromArray(BOX, name="scan")
    axial = '<property name="orientation" action="default">Axial</property>'
    group = '<property name="viewgroup" action="default">7</property>'
    view = f'<item><view class="vtkMRMLSliceNode" singletontag="{{0}}">{axial}{group}</view></item>'
    manager = slicer.app.layoutManager()
    manager.layoutLogic().GetLayoutNode().AddLayoutDescription(
        702, f'<layout type="horizontal">{view.format("L")}{view.format("R")}</layout>'
    )
    manager.setLayout(702)
    slicer.util.setSliceViewerLayers(background=scan, fit=True)
    left, right = (manager.sliceWidget(name) for name in ("L", "R"))
    for widget in (left, right):
        widget.mrmlSliceCompositeNode().SetLinkedControl(1)
        widget.mrmlSliceCompositeNode().SetHotLinkedControl(1)
    left.sliceController().setSliceOffsetValue(6.0)
    assert (left.sliceLogic().GetSliceOffset(), right.sliceLogic().GetSliceOffset()) == (6.0, 6.0)
    right.mrmlSliceCompositeNode().SetLinkedControl(0)
    left.mrmlSliceCompositeNode().SetLinkedControl(0)
    left.sliceController().setSliceOffsetValue(3.0)
    assert right.sliceLogic().GetSliceOffset() == 6.0


def test_a_browser_plays_a_sequence(host: Any) -> None:
    import slicer

    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "cine")
    frame = slicer.util.addVolumeFromArray(BOX, name="frame")
    for number in range(3):
        slicer.util.updateVolumeFromArray(frame, BOX + number)
        sequence.SetDataNodeAtValue(frame, str(number))
    slicer.mrmlScene.RemoveNode(frame)
    browser = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "browser")
    browser.AddSynchronizedSequenceNode(sequence)
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    browser.SetSelectedItemNumber(2)
    shown = browser.GetProxyNode(sequence)
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(shown), BOX + 2)


def test_a_roi_crops_a_volume(host: Any) -> None:
    import slicer

    scan = slicer.util.addVolumeFromArray(BOX, name="scan")
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "ROI")
    roi.SetCenter(7.5, 6.0, 4.5)
    roi.SetSize(6.0, 5.0, 4.0)
    wanted = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLCropVolumeParametersNode")
    wanted.SetInputVolumeNodeID(scan.GetID())
    wanted.SetROINodeID(roi.GetID())
    wanted.SetVoxelBased(True)
    slicer.modules.cropvolume.logic().Apply(wanted)
    assert slicer.util.arrayFromVolume(wanted.GetOutputVolumeNode()).max() == 100


def test_a_selector_follows_the_scene(host: Any) -> None:
    import slicer

    selector = slicer.qMRMLNodeComboBox()
    told: list[Any] = []
    selector.connect("currentNodeChanged(vtkMRMLNode*)", lambda node: told.append(node and node.GetName()))
    selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    selector.showChildNodeTypes = False
    selector.setMRMLScene(slicer.mrmlScene)
    first = slicer.util.addVolumeFromArray(BOX, name="first")
    slicer.util.addVolumeFromArray(BOX, nodeClassName="vtkMRMLLabelMapVolumeNode", name="labels")
    second = slicer.util.addVolumeFromArray(BOX, name="second")
    hidden = slicer.util.addVolumeFromArray(BOX, name="hidden")
    hidden.SetHideFromEditors(True)
    assert selector.currentNode() is first  # without "None" the first is chosen by itself
    selector.setCurrentNode(second)
    slicer.mrmlScene.RemoveNode(second)
    assert selector.currentNode() is first  # the one above
    slicer.util.addVolumeFromArray(BOX, name="third")
    slicer.mrmlScene.RemoveNode(first)
    assert selector.currentNode() is None  # there is none above
    slicer.util.addVolumeFromArray(BOX, name="fourth")
    assert selector.currentNode() is None
    host.clear_scene()
    slicer.util.addVolumeFromArray(BOX, name="fifth")
    host.clear_scene()
    assert told == ["first", "second", "first", None, "fifth", None]


def test_a_selector_with_none_stays_at_none(host: Any) -> None:
    import slicer

    selector = slicer.qMRMLNodeComboBox()
    selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    selector.noneEnabled = True
    selector.setMRMLScene(slicer.mrmlScene)
    slicer.util.addVolumeFromArray(BOX, name="first")
    assert selector.currentNode() is None
    assert selector.nodeCount() == 1
