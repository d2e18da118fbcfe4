"""Volume nodes as `Volume` and back, on the real MRML library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from DiffusionCore.errors import InputError
from DiffusionCore.volume import Volume


def turned(degrees: float) -> np.ndarray:
    """(3, 3) rotation about the first axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def affine(
    directions: np.ndarray, spacing: tuple[float, float, float], origin: tuple[float, float, float]
) -> np.ndarray:
    """(4, 4) ijk to RAS."""
    matrix = np.eye(4)
    matrix[:3, :3] = directions * spacing
    matrix[:3, 3] = origin
    return matrix


SHEARED = affine(np.eye(3), (0.8, 0.8, 2.0), (-3, 4, 5))
SHEARED[1, 2] = 0.5  # a tilted gantry: the slices move by half a millimetre each
GRIDS = {
    "axial": affine(np.diag([-1.0, -1, 1]), (0.7, 0.7, 5.0), (80, 90, -40)),
    "oblique": affine(turned(20) @ np.roll(turned(-35), 1, axis=1), (0.9, 1.1, 1.3), (1, 2, 3)),
    "left-handed": affine(np.diag([1.0, 1, -1]), (1, 1, 3), (0, 0, 0)),
    "sheared": SHEARED,
}
VOXELS = (np.arange(4 * 5 * 6).reshape(4, 5, 6) * 7 - 300).astype(np.int16)


@pytest.mark.parametrize("grid", GRIDS)
def test_a_volume_goes_into_the_scene_and_comes_back(host: Any, grid: str) -> None:
    from DiffusionCore.slicerbridge.nodes import node_from_volume, volume_from_node

    back = volume_from_node(node_from_volume(Volume(VOXELS, GRIDS[grid], "MR"), "scan"))
    np.testing.assert_array_equal(back.voxels, VOXELS)
    np.testing.assert_allclose(back.ijk_to_ras, GRIDS[grid], atol=1e-12)
    assert back.modality == "MR"


@pytest.mark.parametrize("grid", GRIDS)
def test_a_voxel_is_where_slicer_shows_it(host: Any, grid: str) -> None:
    """MRML's own index to RAS, and VTK's own value at an index, agree with the Volume's."""
    import vtk

    from DiffusionCore.slicerbridge.nodes import node_from_volume

    node = node_from_volume(Volume(VOXELS, GRIDS[grid], "MR"), "scan")
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    i, j, k = 5, 1, 3
    np.testing.assert_allclose(matrix.MultiplyPoint((i, j, k, 1)), GRIDS[grid] @ (i, j, k, 1), atol=1e-9)
    assert node.GetImageData().GetScalarComponentAsDouble(i, j, k, 0) == VOXELS[k, j, i]


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "i4", "f4", "f8", ">i2"])
def test_types_that_vtk_has_are_kept(host: Any, dtype: str) -> None:
    from DiffusionCore.slicerbridge.nodes import node_from_volume, volume_from_node

    voxels = (np.arange(27).reshape(3, 3, 3) + 1).astype(dtype)
    back = volume_from_node(node_from_volume(Volume(voxels, np.eye(4), "MR"), "scan"))
    assert back.voxels.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(back.voxels, voxels)


@pytest.mark.parametrize(
    ("dtype", "largest", "becomes"),
    [
        ("bool", 1, "u1"),
        ("f2", 60000, "f4"),
        ("i8", 200, "u1"),
        ("i8", 40000, "u2"),
        ("u4", 2**31, "f8"),
        ("i8", 2**40, "f8"),
    ],
)
def test_other_types_become_the_next_that_holds_the_values(host: Any, dtype: str, largest: int, becomes: str) -> None:
    from DiffusionCore.slicerbridge.nodes import node_from_volume, volume_from_node

    voxels = np.zeros((2, 2, 2), dtype)
    voxels[1, 0, 1] = largest
    back = volume_from_node(node_from_volume(Volume(voxels, np.eye(4), "MR"), "scan"))
    assert back.voxels.dtype == np.dtype(becomes)
    assert back.voxels[1, 0, 1] == largest


def test_whole_numbers_that_no_type_holds_are_refused(host: Any) -> None:
    from DiffusionCore.slicerbridge.nodes import node_from_volume

    voxels = np.full((2, 2, 2), 2**60 + 1)
    with pytest.raises(InputError, match="too large"):
        node_from_volume(Volume(voxels, np.eye(4), "MR"), "scan")


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "i4", "f4", "f8"])
def test_what_the_worker_answers_becomes_the_nodes_own_memory_without_a_copy(
    host: Any, tmp_path: Path, dtype: str
) -> None:
    from slicer import util

    from DiffusionCore.slicerbridge.nodes import node_from_volume
    from DiffusionCore.slicerbridge.voxel_memory import empty
    from DiffusionCore.volume.array_file import read_array, write_array

    voxels = np.abs(VOXELS).astype(dtype)
    write_array(tmp_path / "answer.npy", voxels)
    answer = Volume(read_array(tmp_path / "answer.npy", empty), np.eye(4), "MR")
    first, second = (node_from_volume(answer, name) for name in ("first", "second"))
    assert np.shares_memory(util.arrayFromVolume(first), answer.voxels)
    assert not np.shares_memory(util.arrayFromVolume(second), answer.voxels), "two nodes never share voxels"
    for node in (first, second):
        np.testing.assert_array_equal(util.arrayFromVolume(node), voxels)
        assert util.arrayFromVolume(node).dtype == voxels.dtype
        assert node.GetImageData().GetDimensions() == (6, 5, 4)
    part = Volume(read_array(tmp_path / "answer.npy", empty)[1:3], np.eye(4), "MR")
    np.testing.assert_array_equal(util.arrayFromVolume(node_from_volume(part, "part")), voxels[1:3])


def test_the_voxels_are_the_nodes_own_memory_and_cannot_be_written(host: Any) -> None:
    import slicer

    from DiffusionCore.slicerbridge.nodes import volume_from_node

    node = slicer.util.addVolumeFromArray(VOXELS)
    volume = volume_from_node(node)
    assert np.shares_memory(volume.voxels, slicer.util.arrayFromVolume(node))
    with pytest.raises(ValueError, match="read-only"):
        volume.voxels[0, 0, 0] = 1
    slicer.mrmlScene.RemoveNode(node)
    del node
    np.testing.assert_array_equal(volume.voxels, VOXELS)  # the memory lives as long as the Volume


def transform(host: Any, matrix: np.ndarray) -> Any:
    """A linear transform node."""
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    slicer.util.updateTransformMatrixFromArray(node, matrix)
    return node


def test_a_transform_is_refused_in_words_or_hardened_without_touching_the_node(host: Any) -> None:
    import slicer

    from DiffusionCore.slicerbridge.nodes import volume_from_node

    node = slicer.util.addVolumeFromArray(VOXELS, ijkToRAS=GRIDS["axial"])
    outer = transform(host, affine(turned(30), (1, 1, 1), (0, 0, 9)))
    inner = transform(host, affine(np.eye(3), (1, 1, 1), (10, 0, 0)))
    inner.SetAndObserveTransformNodeID(outer.GetID())
    node.SetAndObserveTransformNodeID(inner.GetID())
    with pytest.raises(InputError, match="harden"):
        volume_from_node(node)
    nodes = slicer.mrmlScene.GetNumberOfNodes()
    volume = volume_from_node(node, harden=True)
    expected = affine(turned(30), (1, 1, 1), (0, 0, 9)) @ affine(np.eye(3), (1, 1, 1), (10, 0, 0)) @ GRIDS["axial"]
    np.testing.assert_allclose(volume.ijk_to_ras, expected, atol=1e-12)
    assert node.GetParentTransformNode() is inner
    assert slicer.mrmlScene.GetNumberOfNodes() == nodes
    node.HardenTransform()  # Slicer's own gives the same place
    np.testing.assert_allclose(volume_from_node(node).ijk_to_ras, expected, atol=1e-9)


def test_a_warp_is_hardened_on_a_clone(host: Any) -> None:
    import slicer
    import vtk

    from DiffusionCore.slicerbridge.nodes import volume_from_node

    node = slicer.util.addVolumeFromArray(VOXELS.astype(np.float32))
    node.CreateDefaultDisplayNodes()
    warp = vtk.vtkThinPlateSplineTransform()
    points, moved = vtk.vtkPoints(), vtk.vtkPoints()
    for number, place in enumerate(((0, 0, 0), (5, 0, 0), (0, 4, 0), (0, 0, 3), (5, 4, 3), (2, 2, 1))):
        points.InsertNextPoint(place)
        moved.InsertNextPoint([value + (1.0 if number == 5 else 0.0) for value in place])
    warp.SetSourceLandmarks(points)
    warp.SetTargetLandmarks(moved)
    warp.SetBasisToR()
    carrier = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode")
    carrier.SetAndObserveTransformToParent(warp)
    node.SetAndObserveTransformNodeID(carrier.GetID())
    nodes = slicer.mrmlScene.GetNumberOfNodes()
    volume = volume_from_node(node, harden=True)
    assert slicer.mrmlScene.GetNumberOfNodes() == nodes
    assert node.GetParentTransformNode() is carrier
    assert not np.array_equal(slicer.util.arrayFromVolume(node), volume.voxels)
    node.HardenTransform()  # Slicer's own gives the same
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(node), volume.voxels)
    np.testing.assert_array_equal(volume_from_node(node).ijk_to_ras, volume.ijk_to_ras)


def test_what_is_no_scan_is_refused_in_words(host: Any) -> None:
    import slicer

    from DiffusionCore.slicerbridge.nodes import volume_from_node

    with pytest.raises(InputError, match="no voxels"):
        volume_from_node(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode"))
    colours = slicer.util.addVolumeFromArray(np.zeros((2, 2, 2, 3), np.uint8), nodeClassName="vtkMRMLVectorVolumeNode")
    with pytest.raises(InputError, match="3 components"):
        volume_from_node(colours)


def test_a_result_is_in_its_inputs_study_with_its_window(host: Any) -> None:
    import slicer

    from DiffusionCore.slicerbridge.nodes import node_from_volume

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "patient")
    study = hierarchy.CreateStudyItem(patient, "study")
    source = slicer.util.addVolumeFromArray(VOXELS, name="Chest CT")
    source.CreateDefaultDisplayNodes()
    source.GetDisplayNode().SetAutoWindowLevel(0)
    source.GetDisplayNode().SetWindowLevel(350, 40)
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(source), study)
    made = node_from_volume(Volume(VOXELS, np.eye(4), "CT"), "Chest CT enhanced", like=source)
    assert made.GetName() == "Chest CT enhanced"
    item = hierarchy.GetItemByDataNode(made)
    assert hierarchy.GetItemParent(item) == study
    assert (made.GetDisplayNode().GetWindow(), made.GetDisplayNode().GetLevel()) == (350, 40)
    again = node_from_volume(Volume(VOXELS, np.eye(4), "CT"), "Chest CT enhanced", like=source)
    assert again.GetName() != made.GetName()


def test_dicom_says_what_it_is_and_which_images_it_came_from(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import slicer

    from DiffusionCore.slicerbridge.nodes import volume_from_node

    host.dicom_images({"1.2.3": {"0008,0060": "CT"}, "1.2.4": {"0008,0060": "CT"}})
    node = slicer.util.addVolumeFromArray(np.abs(VOXELS), name="Doe, Jane")
    node.SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
    volume = volume_from_node(node)
    assert volume.modality == "CT"
    assert "DICOM" in volume.meta["modality_reason"]
    assert volume.meta["dicom_instance_uids"] == ["1.2.3", "1.2.4"]
    assert "Doe" not in str(dict(volume.meta))


def test_a_label_map_stays_one(host: Any) -> None:
    import slicer

    from DiffusionCore.slicerbridge.nodes import node_from_volume, volume_from_node

    labels = slicer.util.addVolumeFromArray((VOXELS > 0).astype(np.uint8), nodeClassName="vtkMRMLLabelMapVolumeNode")
    volume = volume_from_node(labels)
    assert volume.modality == "LABEL"
    assert node_from_volume(volume, "mask").GetClassName() == "vtkMRMLLabelMapVolumeNode"


def test_frames_of_a_sequence_are_read_though_they_are_in_no_scene(host: Any) -> None:
    import slicer

    from DiffusionCore.slicerbridge.nodes import node_from_volume, volume_from_node

    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "cine")
    frame = slicer.util.addVolumeFromArray(VOXELS, ijkToRAS=GRIDS["sheared"])
    for number in range(2):
        slicer.util.updateVolumeFromArray(frame, VOXELS + number)
        sequence.SetDataNodeAtValue(frame, str(number))
    second = sequence.GetNthDataNode(1)
    volume = volume_from_node(second)
    np.testing.assert_array_equal(volume.voxels, VOXELS + 1)
    np.testing.assert_allclose(volume.ijk_to_ras, GRIDS["sheared"], atol=1e-12)
    made = node_from_volume(volume, "cine enhanced", like=second)
    assert made.GetScene() is slicer.mrmlScene


def test_no_other_room_imports_slicer_vtk_or_qt() -> None:
    """The import rule of pyproject.toml names them."""
    from pathlib import Path

    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    rule = next(one for one in contracts if "slicer" in one.get("forbidden_modules", []))
    assert {"slicer", "vtk", "qt", "ctk"} <= set(rule["forbidden_modules"])
    rooms = {
        path.name
        for path in (Path(__file__).parents[2] / "DiffusionCore").iterdir()
        if (path / "__init__.py").is_file()
    }
    named = {one.split(".")[1] for one in rule["source_modules"]}
    assert rooms - {"slicerbridge"} <= named
