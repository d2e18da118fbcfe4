"""What the tests of the DiffusionClassify panel do again and again, as a hand does it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import panel_hand

CORE = panel_hand.REPOSITORY / "Testing" / "Core" / "conftest.py"
# Untrained models of three kinds, made by another process: this one stays without torch.
MAKE = """
import runpy, sys
from pathlib import Path
import numpy as np
from DiffusionCore.metrics.familiarity import fit_familiarity
from DiffusionCore.models import FamiliarSpec, read_card
make = runpy.run_path(sys.argv[1])["untrained_classifier"]
root = Path(sys.argv[2])
folder = make(root / "both" / "tiny-outline", "labelmap")
make(root / "both" / "tiny-grey", "volume")
images = np.random.default_rng(0).random((40, 28, 28, 28)) > 0.5
found = fit_familiarity(images.astype(np.float32), images.astype(np.float32), "labelmap")
spec = FamiliarSpec(names=list(found.names), mean=found.mean.tolist(), whitening=found.whitening.tolist(),
                    limit=found.limit, false_alarms=0.02)
classify = read_card(folder / "card.yaml").classify.model_copy(update={"familiar": spec})
make(root / "strict" / "tiny-strict", "labelmap", classify=classify)
(root / "none").mkdir()
"""


def make_models(folder: Path) -> Path:
    """Folders of added models: `both` has tiny-outline and tiny-grey, `strict` one that abstains from all but noise."""
    subprocess.run([sys.executable, "-c", MAKE, str(CORE), str(folder)], check=True, cwd=panel_hand.REPOSITORY)
    return folder


def open_panel(host: Any) -> Any:
    """Load the module, open it, let it read the cards; gives its panel."""
    from slicer_host import hand

    host.load_module("DiffusionClassify")
    host.started()
    panel = host.open_module("DiffusionClassify").panel
    hand.wait_until(lambda: panel.choices.models_read, 60, "the cards are read")
    hand.turn()
    return panel


def blob(shape: tuple[int, int, int] = (40, 44, 48)) -> np.ndarray:
    """(K, J, I) uint8: a bent plate in the middle."""
    k, j, i = np.indices(shape) - (np.array(shape) // 2).reshape(3, 1, 1, 1)
    return ((np.abs(k) < 9) & (np.abs(i - 0.5 * j) < 4) & (np.abs(j) < 13)).astype(np.uint8)


def label_map(voxels: np.ndarray | None = None, name: str = "Gland") -> Any:
    """A label map node at 1 mm."""
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", name)
    slicer.util.updateVolumeFromArray(node, blob() if voxels is None else voxels)
    node.SetOrigin(20, -30, 40)
    node.CreateDefaultDisplayNodes()
    return node


def segmentation(over: Any) -> Any:
    """A segmentation of two segments, drawn on a volume node: Gland, as `blob`, and Empty."""
    import slicer

    labels = label_map(blob(tuple(reversed(over.GetImageData().GetDimensions()))))
    labels.CopyOrientation(over)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Outlines")
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(over)
    slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(labels, node)
    node.GetSegmentation().GetNthSegment(0).SetName("Gland")
    node.GetSegmentation().AddEmptySegment("empty", "Empty")
    slicer.mrmlScene.RemoveNode(labels)
    return node


def box(centre: tuple[float, float, float], edge: float = 20.0) -> Any:
    """An ROI node."""
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Place")
    node.SetCenter(*centre)
    node.SetSize(edge, edge, edge)
    return node


def middle(node: Any) -> tuple[float, float, float]:
    """RAS, mm, of the middle of a volume node."""
    from DiffusionCore.slicerbridge.layouts import centre_of

    return centre_of(node)


def centre_of_views() -> list[tuple[float, float, float]]:
    """Where the middle of each slice view is, RAS mm."""
    import slicer
    from DiffusionClassifyLib.map_views import slice_views

    found = []
    for name in slice_views():
        matrix = slicer.mrmlScene.GetSingletonNode(name, "vtkMRMLSliceNode").GetSliceToRAS()
        found.append(tuple(matrix.GetElement(axis, 3) for axis in range(3)))
    return found
