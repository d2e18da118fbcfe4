"""What the tests of the DiffusionEnhance panel do again and again, as a hand does it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLES = REPOSITORY / "DiffusionEnhance" / "Resources" / "SampleData"
PATIENCE = 240.0  # seconds on a loaded machine


def sample(name: str = "MRHeadNoisy", part: tuple[slice, ...] | None = None) -> Any:
    """A sample scan of the module as a volume node, or a part of it on its own grid."""
    import slicer

    node = slicer.util.loadVolume(str(SAMPLES / f"{name}.nrrd"), {"name": name})
    if part is None:
        return node
    matrix = slicer.util.arrayFromVTKMatrix(_matrix(node))
    begin = [one.start or 0 for one in reversed(part)]
    matrix[:3, 3] += matrix[:3, :3] @ begin
    voxels = slicer.util.arrayFromVolume(node)[part].copy()
    slicer.mrmlScene.RemoveNode(node)
    return volume(voxels, name, matrix)


def small_head(name: str = "MRHeadNoisy") -> Any:
    """40×64×72 voxels around the ventricles: enhanced in a second."""
    return sample(name, (slice(12, 52), slice(52, 116), slice(36, 108)))


def volume(voxels: np.ndarray, name: str, matrix: np.ndarray | None = None) -> Any:
    """A volume node of these voxels, with a window that shows them."""
    import slicer

    node = slicer.util.addVolumeFromArray(voxels, ijkToRAS=np.eye(4) if matrix is None else matrix, name=name)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(float(voxels.min()), float(np.percentile(voxels, 99.8)) or 1.0)
    return node


def open_panel(host: Any, *, speed_known: bool = True) -> Any:
    """Load the module, open it; gives its panel. `speed_known`: the device's speed was measured in an earlier session."""
    from DiffusionCore.slicerbridge.expected import keep_seconds_per_voxel

    if speed_known:
        for model in ("denoise-mr", "denoise-ct"):
            keep_seconds_per_voxel(model, "auto", 1e-6)
            keep_seconds_per_voxel(model, "cpu", 1e-6)
    host.load_module("DiffusionEnhance")
    host.started()
    return host.open_module("DiffusionEnhance").panel


def ready(panel: Any) -> None:
    """Wait until the noise is measured."""
    from slicer_host import hand

    hand.wait_until(lambda: not panel.input.measurement.busy, 60, "the noise is measured")
    hand.turn()


def apply(panel: Any) -> None:
    """Press Apply and wait for the end."""
    from slicer_host import hand

    hand.click(panel.ui.applyButton)
    finish(panel)


def finish(panel: Any, seconds: float = PATIENCE) -> None:
    """Wait for the end of what runs, and until its result is shown."""
    from slicer_host import hand

    hand.wait_until(lambda: not panel.controls.busy, seconds, "the job ends")
    hand.run_for(0.05)


def running(panel: Any) -> None:
    """Wait until the network works."""
    from slicer_host import hand

    hand.wait_until(lambda: panel.controls.state == "running", PATIENCE, "the job runs")


def voxels_of(node: Any) -> np.ndarray:
    import slicer

    return slicer.util.arrayFromVolume(node)


def parent_item(node: Any) -> int:
    """The item of the subject hierarchy that a node is under."""
    import slicer

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    return hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node))


def _matrix(node: Any) -> Any:
    import vtk

    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return matrix
