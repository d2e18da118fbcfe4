"""What a person sees of a classification: real views, real pictures, compared with pictures that a person has looked at."""

from __future__ import annotations

from typing import Any

import classify_hand
import numpy as np
import panel_hand
import pytest
from slicer_host import hand
from slicer_host.pictures import assert_like_reference


def answer(node: Any) -> dict[str, Any]:
    """What the worker would have answered of a head with something bright at the left of its middle."""
    from DiffusionCore.slicerbridge.overlays import ijk_to_ras
    from DiffusionCore.volume import Volume
    from DiffusionCore.volume.geometry import to_ras

    matrix, voxels = ijk_to_ras(node), panel_hand.voxels_of(node)
    k, j, i = np.indices(voxels.shape)
    place = (46, 30, 22)  # i, j, k
    saliency = np.exp(-((i - place[0]) ** 2 + (j - place[1]) ** 2 + (k - place[2]) ** 2) / 120).astype(np.float32)
    turn = np.array([[0.96, -0.28, 0], [0.28, 0.96, 0], [0, 0, 1.0]])
    boxes = [
        {"label": "region 1", "centre": to_ras(matrix, place).tolist(), "size": [16.0, 12.0, 12.0], "axes": turn},
        {"label": "region 2", "centre": to_ras(matrix, (24, 40, 16)).tolist(), "size": [12.0] * 3, "axes": np.eye(3)},
    ]
    return {
        "answer": "tumour",
        "abstained": "",
        "probabilities": [
            {"name": "other tissue", "probability": 0.22, "low": 0.10, "high": 0.35},
            {"name": "tumour", "probability": 0.78, "low": 0.65, "high": 0.90},
        ],
        "saliency": Volume(saliency, matrix, "OTHER"),
        "regions": [
            {**box, "description": f"weight {weight:.2f}"} for box, weight in zip(boxes, (0.71, 0.29), strict=True)
        ],
        "probability_map": None,
        "warnings": ["4% of what the model saw lies outside the scan"],
        "provenance": {"model": {"name": "tiny-grey"}},
    }


@pytest.fixture
def panel(host: Any, classifiers: Any) -> Any:
    classifiers("both")
    head = panel_hand.small_head("MRHeadReference")
    panel = classify_hand.open_panel(host)
    from DiffusionClassifyLib.results import keep_classification

    panel.done(keep_classification("Head classified", head, "", "", answer(head)))
    hand.run_for(0.1)
    return panel


def foregrounds() -> set[tuple[str | None, float]]:
    from DiffusionClassifyLib.map_views import slice_views

    from DiffusionCore.slicerbridge.layouts import composite_node

    found = [composite_node(name) for name in slice_views()]
    return {(one.GetForegroundVolumeID(), round(one.GetForegroundOpacity(), 3)) for one in found}


def test_saliency_and_boxes_over_the_scan_at_the_best_region(host: Any, panel: Any) -> None:
    host.views_picture(640, 640)  # the views get their sizes
    panel.result.look()
    hand.turn()
    assert_like_reference(host.views_picture(640, 640), "classify-views", tolerance=32, share=0.02)


def test_the_panel_s_picture(host: Any, panel: Any) -> None:
    assert_like_reference(host.panel_picture("DiffusionClassify"), "classify-panel", tolerance=40, share=0.03)


def test_opacity_and_threshold_of_the_saliency(panel: Any) -> None:
    from DiffusionClassifyLib.results import MAP

    from DiffusionCore.slicerbridge.results import part

    saliency = part(panel.parameters.result, MAP)
    assert foregrounds() == {(saliency.GetID(), 0.6)}
    hand.set_value(panel.ui.opacitySlider, 0.25)
    assert foregrounds() == {(saliency.GetID(), 0.25)}
    hand.set_value(panel.ui.thresholdSlider, 0.5)
    display = saliency.GetDisplayNode()
    assert (display.GetApplyThreshold(), display.GetLowerThreshold()) == (1, pytest.approx(0.5))
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (0.0, 1.0)
    hand.set_value(panel.ui.mapCheckBox, False)
    assert foregrounds() == {(None, 0.0)}
    assert panel.ui.opacitySlider.toolTip == "Tick the box above first."
    hand.set_value(panel.ui.mapCheckBox, True)
    assert foregrounds() == {(saliency.GetID(), 0.25)}


def test_what_a_person_lays_over_the_scan_is_left_alone(panel: Any) -> None:
    import slicer

    other = panel_hand.volume(np.ones((4, 4, 4), np.int16), "PET")
    slicer.util.setSliceViewerLayers(foreground=other, foregroundOpacity=0.4)
    hand.set_value(panel.ui.mapCheckBox, False)
    assert foregrounds() == {(other.GetID(), 0.4)}


def test_boxes_are_hidden_and_shown(panel: Any) -> None:
    from DiffusionClassifyLib.results import regions_of

    boxes = regions_of(panel.parameters.result)
    hand.set_value(panel.ui.regionsCheckBox, False)
    assert [box.GetDisplayNode().GetVisibility() for box in boxes] == [0, 0]
    hand.set_value(panel.ui.regionsCheckBox, True)
    assert [box.GetDisplayNode().GetVisibility() for box in boxes] == [1, 1]
    assert [panel.ui.regionsList.item(row).text() for row in range(2)] == [
        "region 1: weight 0.71",
        "region 2: weight 0.29",
    ]


def test_the_views_are_at_the_best_region_when_the_result_comes(panel: Any) -> None:
    from DiffusionClassifyLib.results import answer_of

    best = answer_of(panel.parameters.result)["regions"][0]["centre"]
    for place in classify_hand.centre_of_views():
        np.testing.assert_allclose(place, best, atol=1e-3)


def test_a_result_is_not_shown_in_views_that_say_before_and_after(panel: Any) -> None:
    from DiffusionCore.slicerbridge import layouts

    own = layouts.current_layout()
    layouts.show_layout(layouts.SIDE_BY_SIDE)
    panel.result.look()
    assert layouts.current_layout() == own
    assert layouts.composite_node(layouts.after_view()).GetForegroundVolumeID() is None


@pytest.mark.parametrize("what", ["result", "report"])
def test_the_result_gone_takes_its_controls_along(panel: Any, what: str) -> None:
    import slicer

    from DiffusionCore.slicerbridge.results import REPORT, part

    result = panel.parameters.result
    slicer.mrmlScene.RemoveNode(result if what == "result" else part(result, REPORT))
    panel.refresh()
    hand.run_for(0.05)
    assert panel.ui.answerLabel.text == "There is no result yet."
    assert foregrounds() == {(None, 0.0)}
    for widget in (panel.ui.mapCheckBox, panel.ui.regionsList, panel.ui.reportButton):
        assert (widget.enabled, widget.toolTip) == (False, "There is no result yet.")
